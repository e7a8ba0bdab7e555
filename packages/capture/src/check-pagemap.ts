/** Every page of every VMA: pagemap against what Linux's helpers make of the tables, and the MMU against both. */
import { hex } from '@ptemu/arch';
import { A_EXEC, A_IGNORE, A_USER, R_DENIED, R_PA_HI, R_PA_LO, FAULT_CAUSES, DENY_EXEC, DENY_READ, DENY_USER, DENY_WRITE } from '@ptemu/hw'; // prettier-ignore
import type { LinuxState } from './linux.js';
import { type MapsVma, vmaAt } from './maps.js';
import { regionAt } from './meta.js';
import { type EntryTests, entryTests } from './entry-tests.js';
import type { Tally } from './tally.js';
import type { CaptureView } from './view.js';

const PRESENT = 1n << 63n;
const SWAP = 1n << 62n;
const UFFD_WP = 1n << 57n;
const SOFT_DIRTY = 1n << 55n;
const FRAME = SOFT_DIRTY - 1n;
const SWAP_TYPE = 31n;
const SWAP_SHIFT = 5n;

const PERMISSION = FAULT_CAUSES.indexOf('permission') + 1;

/** One page of the truth with what we say of it. */
interface Page {
  readonly va: bigint;
  readonly pagemap: bigint;
  readonly state: LinuxState;
  readonly vma: MapsVma;
  readonly hugetlb: boolean;
}

/** Compares all pages of all runs. */
export function checkPagemap(view: CaptureView, tally: Tally): void {
  const { meta, truth, vmas } = view.capture;
  const tests = entryTests(view.arch);
  const hardware = hardwareCheck(view, tests, tally);
  const hugetlbStarts = new Set(
    truth.smaps
      .filter(({ fields }) => (fields['KernelPageSize'] ?? 0) * 1 > meta.pageSize)
      .map(({ start }) => start),
  );
  const step = BigInt(meta.pageSize);
  for (const run of truth.runs) {
    let { va, pagemap } = run;
    let vma: MapsVma | undefined;
    let hugetlb = false;
    for (let i = 0; i < run.nrPages; i++, va += step, pagemap = BigInt.asUintN(64, pagemap + run.delta)) {
      if (vma === undefined || va >= vma.end) {
        vma = vmaAt(vmas, va)!;
        hugetlb = hugetlbStarts.has(vma.start);
      }
      const page: Page = { va, pagemap, state: view.linux(va), vma, hugetlb };
      checkState(view, page, tally);
      checkFlags(tests, page, tally);
      hardware(page);
    }
  }
}

/** Present, swap or none: one check per kind. */
function checkState(view: CaptureView, page: Page, tally: Tally): void {
  const { va, pagemap, state } = page;
  const { meta } = view.capture;
  const index = (va - state.start) >> BigInt(meta.pageShift);
  const why = (): string => `${hex(va)}: pagemap ${hex(pagemap)}, tables ${describe(state)}`;
  if ((pagemap & PRESENT) !== 0n) {
    const same = state.kind === 'present' && state.pfn + index === (pagemap & FRAME);
    tally.count('pagemap present+pfn', same, why);
  } else if ((pagemap & SWAP) !== 0n) {
    const frame = pagemap & FRAME;
    const same =
      state.kind === 'swap' &&
      BigInt(state.type) === (frame & SWAP_TYPE) &&
      state.offset + (state.level === 'pte' ? 0n : index) === frame >> SWAP_SHIFT;
    tally.count('pagemap swap type+offset', same, why);
  } else if (state.kind === 'present' && isPfnmap(view, page)) {
    const pfn = deviceFrame(view, va);
    const same = pfn === undefined || state.pfn === pfn;
    tally.count('pagemap 0 for VM_PFNMAP (mapped in tables)', same, why);
  } else if (state.kind === 'hidden') {
    const none = !page.vma.read && !page.vma.write && !page.vma.exec;
    tally.count('pagemap 0 for PROT_NONE THP (arm LPAE)', none, why);
  } else tally.count('pagemap none', state.kind === 'none', why);
}

/** pagemap passes over VM_PFNMAP: /dev/mem mappings and the vdso's data pages. */
const isPfnmap = (view: CaptureView, { va, vma }: Page): boolean =>
  regionAt(view.capture.meta, va)?.name === 'devmem' || vma.name === '[vvar]' || vma.name === '/dev/mem';

/** The frame that a /dev/mem mapping of the test shows: its note names the physical address. */
function deviceFrame(view: CaptureView, va: bigint): bigint | undefined {
  const { meta } = view.capture;
  const region = regionAt(meta, va);
  const at = /\/dev\/mem at ([0-9a-f]+)/.exec(region?.note ?? '')?.[1];
  if (region === undefined || at === undefined || at.length > 13) return undefined;
  return (BigInt(`0x${at}`) + va - region.start) >> BigInt(meta.pageShift);
}

/** Software flags that pagemap shows. */
function checkFlags(tests: EntryTests, page: Page, tally: Tally): void {
  const { va, pagemap, state } = page;
  const why = (): string => `${hex(va)}: pagemap ${hex(pagemap)}, tables ${describe(state)}`;
  if (tests.softDirty(state)) {
    const shown = (pagemap & SOFT_DIRTY) !== 0n;
    if (page.hugetlb && !shown) tally.count('soft-dirty not tracked for hugetlb', true, why);
    else tally.count('soft-dirty pte => bit 55', shown, why);
  }
  if (tests.hasUffdWp)
    tally.count('uffd-wp bit 57', tests.uffdWp(state) === ((pagemap & UFFD_WP) !== 0n), why);
}

/**
 * The MMU: a present page is translated to its frame or invalid for a reason, with no more rights than its VMA has. With
 * powerpc hash no hardware walks the tree; then only the rights that its entries give are compared.
 */
function hardwareCheck(view: CaptureView, tests: EntryTests, tally: Tally): (page: Page) => void {
  const { memory, meta } = view.capture;
  const walker = view.walker('user');
  const { result } = walker;
  const walks = view.roots.user.mmu.kind === 'radix';
  const root = [low(view.roots.user.table), high(view.roots.user.table)] as const;
  return ({ va, state, vma }) => {
    let status = walker.walk(memory, root[0], root[1], low(va), high(va), A_IGNORE);
    // An execute-only page is translated for fetches alone.
    if (status === PERMISSION) status = walker.walk(memory, root[0], root[1], low(va), high(va), A_IGNORE | A_EXEC | A_USER); // prettier-ignore
    const cause = status === 0 ? undefined : FAULT_CAUSES[status - 1]!;
    const why = (): string => `${hex(va)}: MMU ${cause ?? hex(pa())}, tables ${describe(state)}`;
    const pa = (): bigint => (BigInt(result[R_PA_HI]!) << 32n) | BigInt(result[R_PA_LO]!);
    if (state.kind !== 'present') {
      if (walks) tally.count('MMU faults where nothing is present', cause === 'not-present', why);
      return;
    }
    const valid = cause === undefined;
    const denied = result[R_DENIED]!;
    const none = !vma.read && !vma.write && !vma.exec;
    const same = valid
      ? pa() >> BigInt(meta.pageShift) === state.pfn + ((va - state.start) >> BigInt(meta.pageShift))
      : none || tests.protnone(state) || (cause === 'not-present' && !tests.young(state));
    if (walks) tally.count('MMU translates present pages', same, why);
    const within =
      !valid ||
      (denied & DENY_USER) !== 0 ||
      (((denied & DENY_WRITE) !== 0 || vma.write) &&
        ((denied & DENY_EXEC) !== 0 || vma.exec || !view.roots.user.mmu.levels.at(-1)!.leafDenies?.exec) &&
        ((denied & DENY_READ) !== 0 || !none));
    tally.count('perm within VMA', within, () => `${why()}, denied ${denied}, VMA ${vma.name}`);
  };
}

const low = (value: bigint): number => Number(BigInt.asUintN(32, value));
const high = (value: bigint): number => Number(value >> 32n);

/** One line about a state, for mismatches. */
export function describe(state: LinuxState): string {
  const at = `${state.level} ${hex(state.entry)}`;
  switch (state.kind) {
    case 'present':
      return `present pfn ${hex(state.pfn, 52)} (${at})`;
    case 'swap':
      return `swap type ${state.type} offset ${hex(state.offset, 52)} (${at})`;
    case 'bad':
      return `bad: ${state.why} (${at})`;
    default:
      return `${state.kind} (${at})`;
  }
}
