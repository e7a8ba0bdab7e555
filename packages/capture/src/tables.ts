/** tables.index.json and tables.bin.gz: the pages that hold tables, brought into a physical memory. */
import { PhysicalMemory } from '@ptemu/hw';
import { CaptureError } from './errors.js';
import type { CaptureMeta } from './meta.js';
import { Reader } from './values.js';

/** One run of table pages: where they were in memory and where they are in the file. */
export interface TableRun {
  readonly pa: bigint;
  readonly length: number;
  readonly offset: number;
}

const RUNS_MAX = 2 ** 20;
/** Most bytes of tables that a capture may hold. */
export const TABLES_BYTES_MAX: number = 2 ** 29;
const PAGE = 4096;

const reader = new Reader('tables.index.json', 'BAD_INDEX');

/** Reads the index: every run whole pages, none overlapping another in memory or in the file. */
export function parseIndex(json: unknown): readonly TableRun[] {
  const runs = reader.array('the index', json, RUNS_MAX).map((value, i) => {
    const run = reader.object(`[${i}]`, value);
    const pa = reader.hex(`[${i}].pa`, run['pa'], 52);
    const length = reader.integer(`[${i}].length`, run['length'], PAGE, TABLES_BYTES_MAX);
    const offset = reader.integer(`[${i}].offset`, run['offset'], 0, TABLES_BYTES_MAX);
    if (pa % BigInt(PAGE) !== 0n) throw reader.fail(`[${i}].pa`, run['pa'], 'a multiple of 1000');
    if (length % PAGE !== 0) throw reader.fail(`[${i}].length`, length, 'a multiple of 4096');
    if (offset % PAGE !== 0) throw reader.fail(`[${i}].offset`, offset, 'a multiple of 4096');
    if ((pa + BigInt(length)) >> 52n !== 0n) throw reader.fail(`[${i}].pa`, run['pa'], 'memory below 2^52');
    return { pa, length, offset };
  });
  if (runs.length === 0) throw reader.fail('the index', [], 'at least one run of table pages');
  noOverlap(runs, 'pa', ({ pa }) => pa);
  noOverlap(runs, 'offset', ({ offset }) => BigInt(offset));
  return runs;
}

/** Bytes that the file must hold. */
export const indexBytes = (runs: readonly TableRun[]): number =>
  runs.reduce((sum, run) => sum + run.length, 0);

/** Brings the tables into memory. The memory has these pages and no others. */
export function installTables(
  meta: CaptureMeta,
  runs: readonly TableRun[],
  bytes: Uint8Array,
): PhysicalMemory {
  const wanted = indexBytes(runs);
  if (bytes.length !== wanted)
    throw new CaptureError(
      'TRUNCATED',
      `tables.bin.gz: holds ${bytes.length} bytes, tables.index.json names ${wanted}`,
      { bytes: bytes.length, wanted },
    );
  const memory = new PhysicalMemory({ unwritten: 'absent' });
  for (const { pa, length, offset } of runs) {
    if (offset + length > bytes.length)
      throw reader.fail(
        'a run',
        { pa: pa.toString(16), offset, length },
        `to end within ${bytes.length} bytes`,
      );
    memory.install(pa, bytes.subarray(offset, offset + length), meta.byteOrder, 'table');
  }
  return memory;
}

function noOverlap(runs: readonly TableRun[], what: string, key: (run: TableRun) => bigint): void {
  const sorted = [...runs].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
  for (const [i, run] of sorted.slice(1).entries()) {
    const before = sorted[i]!;
    if (key(before) + BigInt(before.length) > key(run))
      throw reader.fail(
        `${what} ${key(run).toString(16)}`,
        'within the run before it',
        'runs that do not overlap',
      );
  }
}
