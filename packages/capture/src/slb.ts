/** slb-user.txt: the segment look-aside buffer in the user-mode stop (powerpc hash). */
import { type Segment, segmentOf } from '@ptemu/hw';
import { CaptureError } from './errors.js';

const LINES_MAX = 65;
const LINE = /^\d+\s+0x([0-9a-f]{16})\s+0x([0-9a-f]{16})$/;

/** Reads the SLB; entries that are not valid are left out. */
export function parseSlb(text: string): readonly Segment[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('SLB'));
  if (lines.length > LINES_MAX)
    throw new CaptureError(
      'BAD_SLB',
      `slb-user.txt: ${lines.length} lines; an SLB has at most ${LINES_MAX - 1} entries`,
    );
  return lines.flatMap((line, i) => {
    const m = LINE.exec(line.trim());
    if (m === null)
      throw new CaptureError(
        'BAD_SLB',
        `slb-user.txt: line ${i + 2} is no SLB entry: '${line.slice(0, 60)}'`,
      );
    const segment = segmentOf(BigInt(`0x${m[1]!}`), BigInt(`0x${m[2]!}`));
    return segment === undefined ? [] : [segment];
  });
}
