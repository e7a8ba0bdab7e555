/** A working set mapped on a backend, for measuring: base pages to scattered frames, as the C reference maps them. */
import { type Arch, ArchError, type Level, type MmuDescription } from '@ptemu/arch';
import { type LoadedSpace, PhysicalMemory, TableBuilder, type TlbConfig } from '@ptemu/hw';
import { REFERENCE_BASE } from './traces.js';

/** First frame of the working set, in pages of 4 KiB, and what scatters the others. */
const FIRST_FRAME = 0x10_0000;
const SCATTER = 7919;

/** A working set in memory. */
export interface Workload {
  readonly memory: PhysicalMemory;
  readonly mmu: MmuDescription;
  readonly space: LoadedSpace;
}

/** The TLBs of the C reference: 64 entries of 4 ways, and 1536 of 12. */
export const REFERENCE_TLB: TlbConfig = {
  name: 'reference',
  l1d: [{ sets: 16, ways: 4 }],
  l2: [{ sets: 128, ways: 12 }],
  tagBits: 12,
};

/** Where a working set of so many bytes lies: at the reference's address where there is room, else at 1 GiB; or nowhere. */
export function baseOf(arch: Arch, bytes: number): bigint | undefined {
  const end = arch.layoutOf().TASK_SIZE;
  return [REFERENCE_BASE, 1n << 30n].find((base) => base + BigInt(bytes) <= end);
}

/** Words that entries are made of: per level of the description what points to a table at 0, what maps nothing, and a leaf. */
export interface EntryWords {
  readonly tables: readonly bigint[];
  readonly empty: readonly bigint[];
  /** For the frame at 0. Not young and not dirty where the hardware records both, else both. */
  readonly leaf: bigint;
}

/** Takes them from the backend's helpers. */
export function entryWords(arch: Arch): EntryWords {
  const { levels, accessed } = arch.mmuOf();
  const prot = arch.prot.vm_get_page_prot({ read: true, write: true, exec: false, shared: true });
  const plain = arch.pte.pfn_pte(0, prot);
  const { pte_mkyoung, pte_mkold, pte_mkdirty, pte_mkclean, pte_mkwrite } = arch.pte;
  const writable = pte_mkwrite(plain);
  return {
    // Linux makes tables with the accessed state recorded; the reference does not. The table's address is the builder's to say.
    tables: levels.slice(0, -1).map(({ level, table }) => {
      const address = (table ?? []).reduce((bits, { mask }) => bits | mask, 0n);
      return tableWord(arch, level) & ~address & ~(accessed?.inTables === true ? accessed.set : 0n);
    }),
    empty: levels.map(({ level }) => emptyWord(arch, level)),
    leaf: arch.name === 'x86_64' && accessed?.by === 'hardware' ? pte_mkold(pte_mkclean(writable)) : pte_mkyoung(pte_mkdirty(writable)),
  };
} // prettier-ignore

/** The kernel's name of a level's entries: that of the lowest level which is folded into it. */
function ownName(arch: Arch, level: Level): Level {
  const { levels } = arch.layoutOf();
  let at = levels.findIndex((one) => one.level === level);
  while (levels[at + 1]?.folded === true) at++;
  return levels[at]?.level ?? level;
}

/** The word of a level that points to a table at address 0. */
function tableWord(arch: Arch, level: Level): bigint {
  const name = ownName(arch, level);
  const populate = { pgd: arch.pgd.pgd_populate, p4d: arch.p4d.p4d_populate, pud: arch.pud.pud_populate, pmd: arch.pmd.pmd_populate, pte: undefined }[name]; // prettier-ignore
  if (populate === undefined) throw new ArchError('BAD_ARGUMENT', `${arch.spec} has no ${name}_populate`, { level }); // prettier-ignore
  return populate(0n);
}

/** The word for which `pXX_none` holds: zero, or one that the architecture names so. */
function emptyWord(arch: Arch, level: Level): bigint {
  const name = ownName(arch, level);
  const isNone = { pgd: arch.pgd.pgd_none, p4d: arch.p4d.p4d_none, pud: arch.pud.pud_none, pmd: arch.pmd.pmd_none, pte: arch.pte.pte_none }[name] as (entry: bigint) => boolean; // prettier-ignore
  const named = Object.entries(arch.constants).flatMap(([key, word]) =>
    key.endsWith('_EMPTY') ? [word] : [],
  );
  const found = [0n, arch.pmd.pmd_clear(), arch.pte.pte_clear(), ...named].find((word) => isNone(word));
  if (found === undefined)
    throw new ArchError('BAD_ARGUMENT', `${arch.spec} has no empty ${name}`, { level });
  return found;
}

/** Where a working set lies. */
export interface WorkloadPlace {
  readonly base: bigint;
  readonly bytes: number;
  /** Where its tables are made, beside those that are there; a new memory when left out. */
  readonly memory?: PhysicalMemory;
}

/** Maps `bytes` from `base` on, in tables of its own. */
export function mapWorkload(arch: Arch, { base, bytes, memory: given }: WorkloadPlace): Workload {
  const mmu = arch.mmuOf();
  const { tables, empty, leaf } = entryWords(arch);
  const pageShift = arch.layoutOf().PAGE_SHIFT;
  const memory = given ?? new PhysicalMemory({ addressBits: 40, firstFrame: 16, pageShift });
  const builder = new TableBuilder({ memory, mmu, tables, empty });
  const pages = bytes / 2 ** pageShift;
  const first = FIRST_FRAME / 2 ** (pageShift - 12);
  const [leafLo, leafHi] = [Number(BigInt.asIntN(32, leaf)), Number(BigInt.asIntN(32, leaf >> 32n))];
  const start = Number(base);
  for (let i = 0; i < pages; i++) {
    const va = start + i * 2 ** pageShift;
    const pa = (first + ((i * SCATTER) % pages)) * 2 ** pageShift;
    builder.mapPair(va | 0, Math.floor(va / 2 ** 32), pa | 0, Math.floor(pa / 2 ** 32), leafLo, leafHi);
  }
  return { memory, mmu, space: { space: 1, root: builder.root } };
} // prettier-ignore
