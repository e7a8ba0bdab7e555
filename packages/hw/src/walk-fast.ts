/**
 * The walk in its fast form: one function generated from the description, on pairs of 32-bit words. It allocates nothing
 * and dispatches nothing per level: shifts, masks and tests stand in the code as constants. `walk.ts` says what it must
 * answer; a property test holds the two together for every description.
 *
 * The result lies in a typed array that the walker owns, at the offsets `R_*`; it is overwritten by the next walk.
 */
import type { MmuDescription, MmuLevel, StateBit } from '@ptemu/arch';
import { BEYOND_DIRECTORY_HI, CHUNK_DATA, CHUNK_SHIFT, OFFSET_MASK, STATE_MASK, STATE_SHIFT, type PhysicalMemory } from './memory.js'; // prettier-ignore
import type { Access, FaultCause, WalkOptions } from './walk.js';
import {
  anySource,
  canonicalSource,
  denialSource,
  high,
  indexSource,
  low,
  matchSource,
  mergeSource,
  piecesSource,
} from './walk-source.js';

/** Status words, in `result[R_STATUS]`: 0 is a translation, n the cause `FAULT_CAUSES[n - 1]`. */
export const FAULT_CAUSES: readonly FaultCause[] = ['non-canonical', 'not-present', 'reserved', 'permission', 'accessed', 'dirty', 'bus']; // prettier-ignore
const STATUS: Readonly<Record<FaultCause, number>> = {
  'non-canonical': 1, 'not-present': 2, reserved: 3, permission: 4, accessed: 5, dirty: 6, bus: 7,
}; // prettier-ignore

/** Offsets in the result. */
export const R_STATUS = 0;
/** Index in `mmu.levels` of the entry that the walk ended at. */
export const R_LEVEL = 1;
export const R_PA_LO = 2;
export const R_PA_HI = 3;
/** log2 of the bytes that the leaf maps, and of those that the TLB may hold as one entry. */
export const R_SHIFT = 4;
export const R_TLB_SHIFT = 5;
/** Denial bits of all entries read. Valid where the walk reached a leaf. */
export const R_DENIED = 6;
/** Number of entries read. */
export const R_COUNT = 7;
/**
 * Not 0 where the hardware has an accessed or dirty state to record for this access; under `A_UPDATE` the number of entries in
 * which it has done so.
 */
export const R_RECORDS = 8;
/** Entries read, from the first on: address lo, address hi, entry lo, entry hi. */
export const R_ENTRIES = 9;

/** An access as a number: kind in bits 0..1 (read, write, exec), then flags. */
export const A_WRITE = 1;
export const A_EXEC = 2;
export const A_USER = 4;
export const A_USER_PAGES_FORBIDDEN = 8;
export const A_UPDATE = 16;
export const A_IGNORE = 32;

/** The number of an access. */
export const accessNumber = (access: Access, options: WalkOptions = {}): number =>
  (access.kind === 'write' ? A_WRITE : access.kind === 'exec' ? A_EXEC : 0) |
  (access.mode === 'user' ? A_USER : 0) |
  (access.userPages === 'forbidden' ? A_USER_PAGES_FORBIDDEN : 0) |
  (options.states === 'update' ? A_UPDATE : options.states === 'ignore' ? A_IGNORE : 0);

/** A generated walker. */
export interface FastWalker {
  /** The result of the last walk. */
  readonly result: Uint32Array;
  /** Walks from the root; returns the status. */
  walk(
    memory: PhysicalMemory,
    rootLo: number,
    rootHi: number,
    vaLo: number,
    vaHi: number,
    access: number,
  ): number;
  /**
   * Walks from a table of level `mmu.levels[start]`, with what the entries above have denied already: what a
   * paging-structure cache remembers. The address is not checked again.
   */
  walkFrom(memory: PhysicalMemory, start: number, tableLo: number, tableHi: number, denied: number, vaLo: number, vaHi: number, access: number): number; // prettier-ignore
}

type Generated = (
  memory: PhysicalMemory, start: number, tableLo: number, tableHi: number, denied: number, vaLo: number, vaHi: number, access: number,
) => number; // prettier-ignore

/** Generates the walker of a description. The code is made of numbers of the description and of nothing else. */
export function compileWalker(mmu: MmuDescription): FastWalker {
  if (mmu.levels.at(-1)?.leaf !== 'always')
    throw new Error('internal: the last level of a description must always be a leaf');
  const result = new Uint32Array(R_ENTRIES + 4 * mmu.levels.length);
  const generate = new Function('result', 'record', sourceOf(mmu)) as (
    result: Uint32Array,
    record: (memory: PhysicalMemory, write: boolean) => number,
  ) => { walk: FastWalker['walk']; walkFrom: Generated };
  const { walk, walkFrom } = generate(result, recorder(mmu, result));
  return { result, walk, walkFrom };
}

/** Source text of the walker; exported for those who want to read it. */
export function sourceOf(mmu: MmuDescription): string {
  const cases = mmu.levels.map((level, index) => levelSource(mmu, level, index)).join('\n');
  return `'use strict';
const walkFrom = (memory, start, tableLo, tableHi, denied, vaLo, vaHi, access) => {
  const chunks = memory.chunks, beyondLo = memory.beyondLo, beyondHi = memory.beyondHi;
  let lo = 0, hi = 0, at = 0, atHi = 0, sum = 0, words, clean = 0, n = ${R_ENTRIES};
  result[${R_RECORDS}] = 0;
  switch (start) {
${cases}
  }
  throw new Error('internal: no such level');
};
const end = (status, level, denied, n) => {
  result[${R_STATUS}] = status; result[${R_LEVEL}] = level; result[${R_DENIED}] = denied;
  result[${R_COUNT}] = (n - ${R_ENTRIES}) >>> 2;
  return status;
};
const walk = (memory, rootLo, rootHi, vaLo, vaHi, access) => {
  vaLo |= 0; vaHi |= 0;
  if (!(${canonicalSource(mmu)})) { result[${R_RECORDS}] = 0; return end(${STATUS['non-canonical']}, 0, 0, ${R_ENTRIES}); }
  return walkFrom(memory, 0, rootLo | 0, rootHi | 0, 0, vaLo, vaHi, access);
};
return { walk, walkFrom };`;
}

function levelSource(mmu: MmuDescription, level: MmuLevel, index: number): string {
  const fail = (cause: FaultCause): string => `return end(${STATUS[cause]}, ${index}, denied, n);`;
  const lines = [
    `case ${index}:`,
    `sum = (tableLo >>> 0) + (${indexSource(level)} << 3); at = sum | 0; atHi = sum > 4294967295 ? (tableHi + 1) | 0 : tableHi;`,
    `if ((at & (beyondLo | 7)) !== 0 || (atHi & beyondHi) !== 0) ${fail('bus')}`,
    `sum = (atHi << ${32 - CHUNK_SHIFT}) | (at >>> ${CHUNK_SHIFT});`,
    `words = (atHi & ${BEYOND_DIRECTORY_HI}) === 0 && sum < chunks.length ? chunks[sum] : memory.chunkOfPair(at, atHi);`,
    `if (words === undefined) { if (memory.unwritten !== 'zero') ${fail('bus')} lo = 0; hi = 0; }`,
    `else { if (words[(at >>> ${STATE_SHIFT}) & ${STATE_MASK}] === 0) ${fail('bus')}`,
    `sum = ${CHUNK_DATA} + ((at & ${OFFSET_MASK}) >>> 2); if (sum < words.length) { lo = words[sum] | 0; hi = words[sum + 1] | 0; } else { lo = 0; hi = 0; } }`,
    `result[n] = at; result[n + 1] = atHi; result[n + 2] = lo; result[n + 3] = hi; n += 4;`,
    ...level.valid.map((match) => `if (!(${matchSource(match)})) ${fail('not-present')}`),
  ];
  if (level.reserved !== undefined && level.reserved.length > 0)
    lines.push(`if (${anySource(level.reserved)}) ${fail('reserved')}`);
  if (level.leaf === 'always') lines.push(leafSource(mmu, level, index));
  else {
    if (level.leaf !== 'never')
      lines.push(`if (${anySource(level.leaf)}) {\n${leafSource(mmu, level, index)}\n}`);
    lines.push(denialSource(level.tableDenies));
    if (mmu.accessed?.by === 'hardware' && mmu.accessed.inTables === true)
      lines.push(`if (${matchSource(mmu.accessed.clean)}) clean |= 1;`);
    const hardwareDirtyTables = mmu.dirty?.by === 'hardware' && mmu.dirty.inTables === true;
    if (hardwareDirtyTables) lines.push(`if (${matchSource(mmu.dirty.clean)}) clean |= 2;`);
    const [lo, hi] = piecesSource(level.table!);
    lines.push(`tableLo = ${lo}; tableHi = ${hi};`);
  }
  return lines.filter((line) => line !== '').join('\n');
}

function leafSource(mmu: MmuDescription, level: MmuLevel, index: number): string {
  const { accessed, dirty } = mmu;
  const page = level.page!;
  const fail = (cause: FaultCause): string => `return end(${STATUS[cause]}, ${index}, denied, n);`;
  const lines = [denialSource(level.leafDenies)];
  if (accessed?.by === 'fault')
    lines.push(`if ((access & ${A_IGNORE}) === 0 && ${matchSource(accessed.clean)}) ${fail('accessed')}`);
  lines.push(
    `if ((access & ${A_USER}) !== 0) { if ((denied & ((access & 3) === 0 ? 17 : (access & 3) === 1 ? 18 : 20)) !== 0) ${fail('permission')} }`,
    `else if ((denied & ((access & 3) === 0 ? 1 : (access & 3) === 1 ? 2 : 8)) !== 0 || ((access & ${A_USER_PAGES_FORBIDDEN | 2}) === ${A_USER_PAGES_FORBIDDEN} && (denied & 16) === 0)) ${fail('permission')}`,
  );
  if (dirty?.by === 'fault')
    lines.push(
      `if ((access & ${A_IGNORE | 3}) === ${A_WRITE} && ${matchSource(dirty.clean)}) ${fail('dirty')}`,
    );
  if (accessed?.by === 'hardware') lines.push(`if (${matchSource(accessed.clean)}) clean |= 1;`);
  if (dirty?.by === 'hardware') lines.push(`if (${matchSource(dirty.clean)}) clean |= 2;`);
  const tlbShift =
    level.contiguous === undefined
      ? `${page.shift}`
      : `${matchSource(level.contiguous.when)} ? ${level.contiguous.shift} : ${page.shift}`;
  const [lo, hi] = piecesSource(page.address);
  const offset = (1n << BigInt(page.shift)) - 1n;
  lines.push(
    `result[${R_PA_LO}] = ${mergeSource(lo, 'vaLo', low(offset))}; result[${R_PA_HI}] = ${mergeSource(hi, 'vaHi', high(offset))};`,
    `result[${R_SHIFT}] = ${page.shift}; result[${R_TLB_SHIFT}] = ${tlbShift};`,
    `end(0, ${index}, denied, n);`,
    `if (clean !== 0 && (access & ${A_IGNORE}) === 0 && ((clean & 1) !== 0 || (access & 3) === 1)) { result[${R_RECORDS}] = 1; if ((access & ${A_UPDATE}) !== 0) result[${R_RECORDS}] = record(memory, (access & 3) === 1); }`,
    `return 0;`,
  );
  return lines.filter((line) => line !== '').join('\n');
}

/** Records the states of the entries in the result; rare, so it is no generated code. */
function recorder(
  mmu: MmuDescription,
  result: Uint32Array,
): (memory: PhysicalMemory, write: boolean) => number {
  const statesOf = (write: boolean): readonly StateBit[] =>
    [mmu.accessed, write ? mmu.dirty : undefined].filter((state) => state?.by === 'hardware') as StateBit[];
  const pairs = (states: readonly StateBit[]): readonly (readonly number[])[] =>
    states.map(({ clean, set, clear, inTables }) => [
      low(clean.mask), high(clean.mask), low(clean.value), high(clean.value),
      low(set), high(set), low(clear), high(clear), inTables === true ? 1 : 0,
    ]); // prettier-ignore
  const onRead = pairs(statesOf(false));
  const onWrite = pairs(statesOf(true));
  return (memory, write) => {
    const count = result[R_COUNT]!;
    let stored = 0;
    for (let i = 0; i < count; i++) {
      const at = R_ENTRIES + 4 * i;
      const lo = result[at + 2]!;
      const hi = result[at + 3]!;
      let toLo = lo;
      let toHi = hi;
      for (const state of write ? onWrite : onRead) {
        if (i < count - 1 && state[8] === 0) continue;
        if ((lo & state[0]!) !== state[2]! || (hi & state[1]!) !== state[3]!) continue;
        toLo = (toLo | state[4]!) & ~state[6]!;
        toHi = (toHi | state[5]!) & ~state[7]!;
      }
      if (toLo >>> 0 === lo && toHi >>> 0 === hi) continue;
      memory.storePair(result[at]!, result[at + 1]!, toLo, toHi);
      stored++;
    }
    return stored;
  };
}
