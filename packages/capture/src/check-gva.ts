/** QEMU's answers: `gva2gpa` for a load in the mode of each stop, `info tlb` on x86, and where the kernel's text lies. */
import { hex } from '@ptemu/arch';
import { type Access, type WalkResult, addressHalf } from '@ptemu/hw';
import { INFO_TLB_FLAGS } from './info-tlb.js';
import { register } from './meta.js';
import type { Tally } from './tally.js';
import type { CaptureView, RootName } from './view.js';

/** Compares every `gva2gpa` answer of both stops. */
export function checkGva(view: CaptureView, tally: Tally): void {
  const { truth } = view.capture;
  const forbidden = userPagesForbidden(view);
  for (const mode of ['user', 'kernel'] as const) {
    for (const { va, gpa } of mode === 'user' ? truth.gvaUser : truth.gvaKernel) {
      const half = isKernelAddress(view, va, mode) ? 'kernel' : 'user';
      const root = rootFor(view, mode, half);
      const load = view.mmu(va, { root, access: accessOf(view, mode, forbidden), states: 'ignore' });
      const fetches =
        view.arch.name === 'powerpc' &&
        mode === 'user' &&
        load.kind === 'fault' &&
        load.cause === 'permission';
      const result = fetches
        ? view.mmu(va, { root, access: { kind: 'exec', mode }, states: 'ignore' })
        : load;
      const found = result.kind === 'mapped' ? view.absolute(result.paddr) : undefined;
      const swapped = result.kind === 'mapped' && view.absolute(result.paddr) !== result.paddr;
      const name = swapped
        ? 's390 prefixing: real -> absolute swap of 8 KiB'
        : `gva2gpa in ${mode} mode, ${half} va`;
      tally.count(name, found === gpa, () => `${hex(va)}: QEMU ${show(gpa)}, MMU ${outcome(result)}`);
    }
  }
}

/** x86 translates everything by one CR3, s390 by the ASCE of the mode; the others choose by the address. */
function rootFor(view: CaptureView, mode: RootName, half: RootName): RootName {
  return view.arch.name === 'x86_64' || view.arch.name === 's390' ? mode : half;
}

/**
 * The check that QEMU makes: none on x86 and s390, else that of a load in the mode. On powerpc it tries a fetch where the
 * load is denied, so an execute-only page is found; the kernel may not fetch from user pages (KUEP).
 */
function accessOf(view: CaptureView, mode: RootName, forbidden: boolean): Access {
  if (view.arch.name === 'x86_64' || view.arch.name === 's390') return { kind: 'read', mode: 'kernel' };
  return { kind: 'read', mode, ...(forbidden ? { userPages: 'forbidden' as const } : {}) };
}

/** Whether the kernel may not load from user pages: arm64 PAN (ID_AA64MMFR1_EL1 bits 20..23), powerpc radix KUAP (AMR). */
function userPagesForbidden(view: CaptureView): boolean {
  const { meta } = view.capture;
  if (view.arch.name === 'arm64') return (((register(meta, 'id_aa64mmfr1_el1') ?? 0n) >> 20n) & 15n) !== 0n;
  if (view.arch.name === 'powerpc') return (register(meta, 'amr') ?? 0n) >> 62n !== 0n;
  return false;
}

/** Whether an address is the kernel's. s390 has an address space for each, so the mode says it. */
function isKernelAddress(view: CaptureView, va: bigint, mode: RootName): boolean {
  if (view.arch.name === 's390') return mode === 'kernel';
  if (view.arch.name === 'arm32') return va >= view.roots.user.layout.TASK_SIZE;
  if (view.arch.name === 'x86_64') return va >> 63n === 1n;
  return addressHalf(view.roots.user.mmu, va) === 'kernel' || va >> 63n === 1n;
}

/** Compares every line of `info tlb`: the address and the flags of the leaf entry. */
export function checkInfoTlb(view: CaptureView, tally: Tally): void {
  const { infoTlb } = view.capture;
  const bits = INFO_TLB_FLAGS.map(([letter, name]) => [letter, view.arch.constants[name] ?? 0n] as const);
  for (const mode of ['user', 'kernel'] as const) {
    for (const line of infoTlb[mode] ?? []) {
      const result = view.mmu(line.va, { root: mode, access: { kind: 'read', mode: 'kernel' } });
      const entry = result.entries.at(-1)?.entry ?? 0n;
      const flags = bits
        .map(([letter, mask]) =>
          (entry & mask) !== 0n && !(letter === 'P' && result.level === 'pte') ? letter : '-',
        )
        .join('');
      const agrees = result.kind === 'mapped' && result.paddr === line.pa && flags === line.flags;
      tally.count(`info tlb (${mode} CR3), pa+flags`, agrees, () => `${hex(line.va)}: QEMU ${hex(line.pa)} ${line.flags}, MMU ${outcome(result)} ${flags}`); // prettier-ignore
    }
  }
}

/** The other way round: the tables map nothing that QEMU did not list, but for the espfix aliases. */
export function checkInfoTlbComplete(view: CaptureView, tally: Tally): void {
  const { infoTlb } = view.capture;
  for (const mode of ['user', 'kernel'] as const) {
    const lines = infoTlb[mode];
    if (lines === undefined) continue;
    const listed = new Set(lines.map(({ va }) => va));
    for (const state of view.entries(mode, TABLES_MAX)) {
      if (state?.kind !== 'present') continue;
      const va = view.addressIn(mode, state.start);
      if (va >= ESPFIX_START && va < ESPFIX_END) continue;
      const result = view.mmu(va, { root: mode, access: { kind: 'read', mode: 'kernel' } });
      if (result.kind !== 'mapped') continue;
      tally.count(
        `leaves of the ${mode} CR3 that info tlb lists`,
        listed.has(va),
        () => `${hex(va)}: ${outcome(result)}`,
      );
    }
  }
}

/** The pgd of the espfix stacks, whose few pages are mapped 65536 times. @see Linux Documentation/arch/x86/x86_64/mm.rst (6.12) */
const ESPFIX_START = 0xffff_ff00_0000_0000n;
const ESPFIX_END = 0xffff_ff80_0000_0000n;
const TABLES_MAX = 2 ** 20;

const SYMBOL = /^([0-9a-f]{8,16}) [A-Za-z] (_text|_stext|startup_continue)$/;
const CODE = /^ *([0-9a-f]+)-([0-9a-f]+) : Kernel code$/;

/** The kernel's first symbols of text, translated, lie where /proc/iomem says that its code is. */
export function checkKernelText(view: CaptureView, tally: Tally): void {
  const { kallsyms, iomem } = view.capture.truth;
  const code = iomem.map((line) => CODE.exec(line)).find((m) => m !== null);
  if (code === undefined || code === null || view.roots.kernel.mmu.kind === 'hash') return;
  const [start, last] = [BigInt(`0x${code[1]!}`), BigInt(`0x${code[2]!}`)];
  for (const line of kallsyms) {
    const m = SYMBOL.exec(line);
    if (m === null) continue;
    const result = view.mmu(BigInt(`0x${m[1]!}`), {
      root: 'kernel',
      access: { kind: 'read', mode: 'kernel' },
    });
    const agrees = result.kind === 'mapped' && result.paddr >= start && result.paddr <= last;
    tally.count('kernel text va->pa vs /proc/iomem', agrees, () => `${line}: iomem ${hex(start)}, MMU ${outcome(result)}`); // prettier-ignore
  }
}

const show = (pa: bigint | undefined): string => (pa === undefined ? 'unmapped' : hex(pa));
const outcome = (result: WalkResult): string =>
  result.kind === 'mapped' ? hex(result.paddr) : `${result.cause} at ${result.level}`;
