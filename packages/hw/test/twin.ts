/** The comparison of the two forms of the walk on random tables, for any description. */
import fc from 'fast-check';
import type { MmuDescription } from '@ptemu/arch';
import {
  type Access, type FastWalker, FAULT_CAUSES, PhysicalMemory, R_COUNT, R_DENIED, R_ENTRIES, R_LEVEL, R_PA_HI, R_PA_LO, R_RECORDS, R_SHIFT, R_TLB_SHIFT,
  type WalkOptions, accessNumber, compileWalker, isLeaf, permissionsOf, tableOffset, walk, walkFrom,
} from '../src/index.js'; // prettier-ignore

const FRAMES = 40;
/** Three groups of frames: low memory, across 4 GiB, and the top of 52 bits. */
const FRAME_AT = (i: number): bigint =>
  i < 20
    ? BigInt(i) << 16n
    : i < 36
      ? (1n << 32n) - (1n << 17n) + (BigInt(i - 20) << 14n)
      : (1n << 52n) - (BigInt(i - 35) << 16n);

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const low = (value: bigint): number => Number(BigInt.asUintN(32, value));
const high = (value: bigint): number => Number(BigInt.asUintN(32, value >> 32n));

/** Values with bits set where pairs go wrong: 31, 32, 33, 63. */
const bits: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.constantFrom(0n, 1n << 31n, 1n << 32n, 1n << 33n, 1n << 63n, (1n << 64n) - 1n, 0xffff_ffffn, 0x8000_0000_8000_0000n),
); // prettier-ignore

const access: fc.Arbitrary<Access> = fc.record(
  { kind: fc.constantFrom('read', 'write', 'exec'), mode: fc.constantFrom('user', 'kernel'), userPages: fc.constant('forbidden') },
  { requiredKeys: ['kind', 'mode'] },
); // prettier-ignore
const options: fc.Arbitrary<WalkOptions> = fc.record({
  states: fc.constantFrom('update', 'report', 'ignore'),
});

interface Case {
  readonly va: bigint;
  readonly path: readonly { readonly frame: number; readonly noise: bigint; readonly keep: number; readonly leaf: boolean }[];
  readonly access: Access;
  readonly options: WalkOptions;
} // prettier-ignore

/** How much of an entry is made well-formed; mostly all of it, so that walks get deep. */
const keep = (): fc.Arbitrary<number> =>
  fc.oneof({ arbitrary: fc.nat(7), weight: 1 }, { arbitrary: fc.constant(7), weight: 5 });

const cases = (mmu: MmuDescription): fc.Arbitrary<Case> =>
  fc.record({
    va: fc.oneof(bits, fc.bigInt({ min: 0n, max: (1n << 38n) - 1n }), fc.bigInt({ min: 0n, max: (1n << 47n) - 1n }), fc.bigInt({ min: 0n, max: (1n << 31n) - 1n })),
    path: fc.array(
      fc.record({ frame: fc.nat(FRAMES - 1), noise: bits, keep: keep(), leaf: fc.nat(4).map((n) => n === 0) }),
      { minLength: mmu.levels.length + 1, maxLength: mmu.levels.length + 1 },
    ),
    access,
    options,
  }); // prettier-ignore

/** Runs the comparison. Most generated entries are made valid and lead to a frame that exists, so walks get deep. */
export function assertTwin(mmu: MmuDescription, unwritten: 'zero' | 'absent', numRuns = 1000, seed = 20261122): { mapped: number; deep: number } {
  const walker = compileWalker(mmu);
  const reached = { mapped: 0, deep: 0 };
  const [slow, fast] = [empty(unwritten), empty(unwritten)];
  fc.assert(
    fc.property(cases(mmu), (c) => {
      for (const memory of [slow, fast]) {
        memory.rollback(0);
        build(memory, mmu, c);
      }
      const root = FRAME_AT(c.path[0]!.frame);
      const want = walk(slow, mmu, root, c.va, c.access, c.options);
      const status = walker.walk(fast, low(root), high(root), low(c.va), high(c.va), accessNumber(c.access, c.options));
      const got = decode(mmu, walker, status);
      expectSame(got, simple(want));
      for (const { entryPaddr } of want.entries)
        expectSame(fast.load(entryPaddr), slow.load(entryPaddr));
      if (want.kind === 'mapped') reached.mapped++;
      if (want.entries.length === mmu.levels.length) reached.deep++;
      fromTheMiddle(mmu, walker, slow, c);
    }),
    { numRuns, seed },
  );
  return reached;
} // prettier-ignore

/** A walk from a table in the middle, as a paging-structure cache starts it. */
function fromTheMiddle(mmu: MmuDescription, walker: FastWalker, memory: PhysicalMemory, c: Case): void {
  const from = mmu.levels.length - 1;
  const table = FRAME_AT(c.path[from]!.frame);
  const denied = c.path[from]!.keep;
  const want = walkFrom(memory, mmu, { table, from, denied }, c.va, c.access, { states: 'report' });
  const status = walker.walkFrom(memory, from, low(table), high(table), denied, low(c.va), high(c.va), accessNumber(c.access));
  expectSame(decode(mmu, walker, status), simple(want));
} // prettier-ignore

function empty(unwritten: 'zero' | 'absent'): PhysicalMemory {
  const memory = new PhysicalMemory({ unwritten });
  if (unwritten === 'absent')
    for (let i = 0; i < FRAMES; i++) memory.install(FRAME_AT(i), new Uint8Array(4096), 'little');
  memory.mark();
  return memory;
}

function build(memory: PhysicalMemory, mmu: MmuDescription, c: Case): void {
  for (const [i, level] of mmu.levels.entries()) {
    const { frame, noise, keep, leaf } = c.path[i]!;
    const at = FRAME_AT(frame) + tableOffset(level, c.va);
    if (!memory.exists(at)) continue;
    let entry = noise;
    if (keep !== 0) for (const { mask, value } of level.valid) entry = (entry & ~mask) | value;
    if (keep > 1) for (const { mask, value } of level.reserved ?? []) if ((entry & mask) === value) entry ^= mask & -mask;
    if (keep > 2 && !leaf && level.table !== undefined) {
      if (isLeaf(level, entry) && typeof level.leaf !== 'string') for (const { mask } of level.leaf) entry ^= mask & -mask;
      entry = lead(level.table, entry, FRAME_AT(c.path[i + 1]!.frame));
    }
    if (keep > 4 && mmu.accessed !== undefined && (isLeaf(level, entry) || mmu.accessed.inTables === true)) entry = (entry | mmu.accessed.set) & ~mmu.accessed.clear;
    memory.store(at, u64(entry));
  }
} // prettier-ignore

function lead(pieces: NonNullable<MmuDescription['levels'][number]['table']>, entry: bigint, target: bigint): bigint {
  return pieces.reduce(
    (e, { mask, shift }) => (e & ~mask) | ((shift >= 0 ? target >> BigInt(shift) : u64(target << BigInt(-shift))) & mask),
    entry,
  );
} // prettier-ignore

type Simple = Readonly<Record<string, unknown>>;

function simple(result: ReturnType<typeof walk>): Simple {
  const entries = result.entries.map(({ entryPaddr, entry }) => [entryPaddr, entry]);
  return result.kind === 'fault'
    ? { cause: result.cause, level: result.level, entries, permissions: result.permissions }
    : { paddr: result.paddr, level: result.level, entries, permissions: result.permissions, size: result.size, tlbShift: result.tlbShift, records: result.updates.length > 0 };
} // prettier-ignore

function decode(mmu: MmuDescription, { result: r }: FastWalker, status: number): Simple {
  const pair = (at: number): bigint => (BigInt(r[at + 1]!) << 32n) | BigInt(r[at]!);
  const entries = Array.from({ length: r[R_COUNT]! }, (_, i) => [pair(R_ENTRIES + 4 * i), pair(R_ENTRIES + 4 * i + 2)]);
  const level = mmu.levels[r[R_LEVEL]!]!.level;
  const permissions = permissionsOf(r[R_DENIED]!);
  if (status === 0)
    return { paddr: (BigInt(r[R_PA_HI]!) << 32n) | BigInt(r[R_PA_LO]!), level, entries, permissions, size: 1n << BigInt(r[R_SHIFT]!), tlbShift: r[R_TLB_SHIFT], records: r[R_RECORDS] !== 0 };
  const cause = FAULT_CAUSES[status - 1]!;
  const leaf = ['permission', 'accessed', 'dirty'].includes(cause);
  return { cause, level, entries, permissions: leaf ? permissions : undefined };
} // prettier-ignore

function expectSame(got: unknown, want: unknown): void {
  const text = (value: unknown): string =>
    JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? `0x${v.toString(16)}` : v));
  if (text(got) !== text(want)) throw new Error(`fast form: ${text(got)}\nbigint form: ${text(want)}`);
}
