/** maps.txt: the VMAs, as /proc/PID/maps prints them. */
import { CaptureError } from './errors.js';

/** One VMA. */
export interface MapsVma {
  readonly start: bigint;
  readonly end: bigint;
  readonly read: boolean;
  readonly write: boolean;
  readonly exec: boolean;
  readonly shared: boolean;
  /** What is mapped: a path, `[stack]`, `[vvar]` or nothing. */
  readonly name: string;
}

const LINES_MAX = 65536;
/** Most bytes of all VMAs together: what is checked page by page is bounded by them. */
const VMA_BYTES_MAX = 2n ** 36n;
const LINE =
  /^([0-9a-f]{1,16})-([0-9a-f]{1,16}) ([r-])([w-])([x-])([ps]) [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ \d+ *(.*)$/;

/** Reads maps.txt; VMAs come in ascending order and do not overlap. */
export function parseMaps(text: string): readonly MapsVma[] {
  const lines = text.split('\n').filter((line) => line !== '');
  if (lines.length > LINES_MAX) throw bad(`${lines.length} lines; at most ${LINES_MAX} are read`);
  let last = 0n;
  let bytes = 0n;
  return lines.map((line, i) => {
    const m = LINE.exec(line);
    if (m === null) throw bad(`line ${i + 1} is no VMA: '${line.slice(0, 60)}'`);
    const start = BigInt(`0x${m[1]!}`);
    const end = BigInt(`0x${m[2]!}`);
    if (start >= end || start < last) throw bad(`line ${i + 1} is empty or overlaps the VMA before it`);
    last = end;
    bytes += end - start;
    if (bytes > VMA_BYTES_MAX)
      throw bad(`line ${i + 1}: the VMAs are larger than 0x${VMA_BYTES_MAX.toString(16)} bytes`);
    return {
      start, end, read: m[3] === 'r', write: m[4] === 'w', exec: m[5] === 'x', shared: m[6] === 's', name: m[7] ?? '',
    }; // prettier-ignore
  });
}

/** The VMA that contains an address; `vmas` ascend. */
export function vmaAt(vmas: readonly MapsVma[], va: bigint): MapsVma | undefined {
  let [low, high] = [0, vmas.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (vmas[middle]!.end <= va) low = middle + 1;
    else high = middle;
  }
  const vma = vmas[low];
  return vma !== undefined && vma.start <= va ? vma : undefined;
}

const bad = (message: string): CaptureError => new CaptureError('BAD_MAPS', `maps.txt: ${message}`);
