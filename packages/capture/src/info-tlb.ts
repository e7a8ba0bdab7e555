/** info-tlb-*.txt.gz: QEMU's `info tlb` for x86: address, physical address and the flags of the leaf entry. */
import { CaptureError } from './errors.js';

/** One small or large page that QEMU found from a root. */
export interface InfoTlbLine {
  readonly va: bigint;
  readonly pa: bigint;
  /** Nine letters or dashes: no-execute, global, page size, dirty, accessed, PCD, PWT, user, writable. */
  readonly flags: string;
}

/** The kernel's names of the bits that the nine flags show, in their order. @see QEMU target/i386/monitor.c, print_pte (7.2) */
export const INFO_TLB_FLAGS: readonly (readonly [letter: string, bit: string])[] = [
  ['X', '_PAGE_NX'],
  ['G', '_PAGE_GLOBAL'],
  ['P', '_PAGE_PSE'],
  ['D', '_PAGE_DIRTY'],
  ['A', '_PAGE_ACCESSED'],
  ['C', '_PAGE_PCD'],
  ['T', '_PAGE_PWT'],
  ['U', '_PAGE_USER'],
  ['W', '_PAGE_RW'],
];

const LINES_MAX = 2 ** 22;
const LINE = /^([0-9a-f]{16}): ([0-9a-f]{16}) ([X-][G-][P-][D-][A-][C-][T-][U-][W-])$/;

/** Reads an info-tlb file. */
export function parseInfoTlb(file: string, text: string): readonly InfoTlbLine[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length > LINES_MAX)
    throw new CaptureError('BAD_INFO_TLB', `${file}: ${lines.length} lines; at most ${LINES_MAX} are read`);
  return lines.map((line, i) => {
    const m = LINE.exec(line.trimEnd());
    if (m === null)
      throw new CaptureError(
        'BAD_INFO_TLB',
        `${file}: line ${i + 1} is no translation: '${line.slice(0, 60)}'`,
      );
    return { va: BigInt(`0x${m[1]!}`), pa: BigInt(`0x${m[2]!}`), flags: m[3]! };
  });
}
