/** What smaps and PAGEMAP_SCAN say of large mappings, per VMA. */
import { hex } from '@ptemu/arch';
import { type EntryTests, entryTests } from './entry-tests.js';
import type { LinuxState } from './linux.js';
import { type MapsVma, vmaAt } from './maps.js';
import type { SmapsVma } from './truth.js';
import type { Tally } from './tally.js';
import type { CaptureView } from './view.js';

/** KPF_ZERO_PAGE of /proc/kpageflags. @see Linux include/uapi/linux/kernel-page-flags.h (6.1) */
const KPF_ZERO_PAGE = 1n << 24n;

/** Large leaves of a VMA, in bytes. */
interface Large {
  counted: bigint;
  hidden: bigint;
  zero: bigint;
}

/** Compares the bytes that smaps counts as mapped by pmd, and the page size of hugetlb VMAs. */
export function checkSmaps(view: CaptureView, tally: Tally): void {
  const { truth, vmas, meta } = view.capture;
  const tests = entryTests(view.arch);
  for (const smaps of truth.smaps) {
    const vma = vmaAt(vmas, smaps.start);
    if (vma === undefined) {
      tally.count(
        'smaps PMD-mapped bytes per VMA',
        false,
        () => `${hex(smaps.start)}: no such VMA in maps.txt`,
      );
      continue;
    }
    if ((smaps.fields['KernelPageSize'] ?? 0) > meta.pageSize) checkHugetlb(view, smaps, vma, tally);
    else checkPmdMapped(view, smaps, vma, tests, tally);
  }
}

function checkPmdMapped(
  view: CaptureView,
  smaps: SmapsVma,
  vma: MapsVma,
  tests: EntryTests,
  tally: Tally,
): void {
  const fields = ['AnonHugePages', 'ShmemPmdMapped', 'FilePmdMapped'];
  const shown = BigInt(fields.reduce((sum, name) => sum + (smaps.fields[name] ?? 0), 0));
  const large: Large = { counted: 0n, hidden: 0n, zero: 0n };
  for (const state of statesOf(view, vma)) {
    const size = state.end - state.start;
    if (state.kind === 'hidden') large.hidden += size;
    if (state.kind !== 'present' || state.level === 'pte') continue;
    if (isZeroPage(view, state.start)) large.zero += size;
    else if (hidesProtnone(view) && tests.protnone(state)) large.hidden += size;
    else large.counted += size;
  }
  const passedOver = large.hidden + large.zero > 0n;
  tally.count(passedOver ? 'smaps hides PROT_NONE/zero THP' : 'smaps PMD-mapped bytes per VMA', shown === large.counted, () =>
    `${hex(vma.start)}: smaps ${shown} bytes, tables ${large.counted} (${large.hidden} PROT_NONE, ${large.zero} zero)`,
  ); // prettier-ignore
}

/**
 * Whether smaps passes over large PROT_NONE pages: where `pmd_protnone` is more than a stub, that is with NUMA balancing,
 * which Debian builds into every kernel but s390's. Seen in the 6.1 captures; those of 6.12 count them.
 */
const hidesProtnone = (view: CaptureView): boolean =>
  view.arch.name !== 's390' && view.arch.kernel.isBefore('6.12');

/** The page size that smaps shows is that of every leaf, alone or as part of a contiguous group; so are its bytes. */
function checkHugetlb(view: CaptureView, smaps: SmapsVma, vma: MapsVma, tally: Tally): void {
  const size = BigInt(smaps.fields['KernelPageSize'] ?? 0);
  let agrees = true;
  let bytes = 0n;
  for (const state of statesOf(view, vma)) {
    if (state.kind !== 'present') continue;
    bytes += state.end - state.start;
    const result = view.mmu(state.start, { states: 'ignore' });
    const together = result.kind === 'mapped' ? 1n << BigInt(result.tlbShift) : size;
    if (view.roots.user.mmu.kind === 'radix' && state.end - state.start !== size && together !== size)
      agrees = false;
    if (size % (state.end - state.start) !== 0n) agrees = false;
  }
  const fields = ['Private_Hugetlb', 'Shared_Hugetlb'];
  const shown = BigInt(fields.reduce((sum, name) => sum + (smaps.fields[name] ?? 0), 0));
  tally.count(
    'smaps hugetlb kernel page size',
    agrees,
    () => `${hex(vma.start)}: smaps ${size} bytes a page`,
  );
  tally.count(
    'smaps hugetlb bytes',
    shown === bytes,
    () => `${hex(vma.start)}: smaps ${shown} bytes, tables ${bytes}`,
  );
}

/** Compares the ranges that PAGEMAP_SCAN called huge with the large leaves, in steps of a pmd. */
export function checkScan(view: CaptureView, tally: Tally): void {
  const { truth, vmas, meta } = view.capture;
  if (truth.scanHuge.length === 0) return;
  const inScan = (va: bigint): boolean => truth.scanHuge.some(({ start, end }) => va >= start && va < end);
  const hugetlbSize = new Map(
    truth.smaps.map(({ start, fields }) => [start, BigInt(fields['KernelPageSize'] ?? 0)] as const),
  );
  const isHugetlb = (vma: MapsVma): boolean => (hugetlbSize.get(vma.start) ?? 0n) > BigInt(meta.pageSize);
  const pmd = BigInt(view.roots.user.layout.HPAGE_PMD_SIZE);
  for (const { start, end } of truth.scanHuge) {
    for (let va = start; va < end; va += pmd) {
      const vma = vmaAt(vmas, va);
      if (vma === undefined || isHugetlb(vma)) continue;
      const state = view.linux(va);
      const leaf = state.kind === 'present' && state.level === 'pmd';
      tally.count(
        'PAGEMAP_SCAN huge => PMD leaf',
        leaf,
        () => `${hex(va)}: tables ${state.kind} at ${state.level}`,
      );
    }
  }
  for (const vma of vmas) {
    if (isHugetlb(vma)) {
      const unit = hugetlbSize.get(vma.start)! < pmd ? hugetlbSize.get(vma.start)! : pmd;
      for (let va = vma.start; va < vma.end; va += unit)
        tally.count('PAGEMAP_SCAN: hugetlb range reported huge', inScan(va), () => hex(va));
      continue;
    }
    for (const state of statesOf(view, vma))
      if (state.kind === 'present' && state.level === 'pmd')
        tally.count('PMD leaf => PAGEMAP_SCAN huge', inScan(state.start), () => hex(state.start));
  }
}

/** The states that decide about a VMA, each once, holes skipped by what they span. */
function* statesOf(view: CaptureView, vma: MapsVma): Generator<LinuxState> {
  for (let va = vma.start; va < vma.end;) {
    const state = view.linux(va);
    yield state;
    va = state.end;
  }
}

function isZeroPage(view: CaptureView, va: bigint): boolean {
  const { runs } = view.capture.truth;
  const step = BigInt(view.capture.meta.pageSize);
  let [low, high] = [0, runs.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (runs[middle]!.va + BigInt(runs[middle]!.nrPages) * step <= va) low = middle + 1;
    else high = middle;
  }
  const run = runs[low];
  return run !== undefined && run.va <= va && (run.kpageflags & KPF_ZERO_PAGE) !== 0n;
}
