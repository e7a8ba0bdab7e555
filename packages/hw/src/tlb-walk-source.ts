/**
 * The walk below the TLBs as JavaScript source: a short one for what happens nearly always, which records states in the leaf
 * and leaves faults and tables without an accessed state to the generated walker, and the paging-structure caches above both.
 *
 * Both leave in `S` the frame of 4 KiB with what may be done through it without another walk, the size and the tag.
 */
import type { AddressPiece, MmuDescription, MmuLevel, StateBit } from '@ptemu/arch';
import { CHUNK_DATA, CHUNK_SHIFT, OFFSET_MASK, type PhysicalMemory, STATE_MASK, STATE_SHIFT } from './memory.js'; // prettier-ignore
import type { PlacedSize, PlacedTlb } from './tlb-config.js';
import {
  FIND_LOCALS,
  GLOBAL_TAG,
  S_CLOCK,
  S_FRAME_HI,
  S_FRAME_LO,
  S_HELD,
  S_KERNEL_HI,
  S_KERNEL_LO,
  S_ROOT_HI,
  S_ROOT_LO,
  S_SHIFT,
  S_TAG,
  S_WALK_TAG,
  countAt,
  countSource,
  fillTableSource,
  findSource,
  tagSource,
  useSource,
} from './tlb-source.js';
import { R_COUNT, R_DENIED, R_ENTRIES, R_PA_HI, R_PA_LO, R_RECORDS, R_SHIFT, R_TLB_SHIFT } from './walk-fast.js'; // prettier-ignore
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

/** What the source is made of. */
export interface WalkSource {
  readonly mmu: MmuDescription;
  readonly memory: PhysicalMemory;
  readonly tlb: PlacedTlb;
  /** Leaves with a contiguous hint are held as one. */
  readonly merge: boolean;
}

/** Rights that are writes, by number: user, kernel, kernel that may not reach user pages. */
export const WRITES = 0b010_010_010;

/**
 * Functions `walk(vaLo, vaHi, right)`, which returns the status, and what it needs. In scope: `memory`, `walker`, `A`, `S`, `T`
 * (where a walk from a cached table starts), `rightsOf` (by denials) and `accessOf` (numbers of the walker, by right).
 */
export function walkSource(source: WalkSource): string {
  const { mmu, tlb } = source;
  const cached = tlb.sizes.walkCaches;
  const levels = mmu.levels.map((level, i) => shortLevelSource(level, i, source));
  const start =
    cached.length === 0
      ? `const start = 0;\n${levels.join('\n')}`
      : `const start = lookTables(vaLo, vaHi);
if (start !== 0) { tableLo = T[0]; tableHi = T[1]; denied = T[2]; }
switch (start) {
${levels.map((text, i) => `case ${i}:\n${text}`).join('\n')}
}`;
  return `const r = walker.result, chunks = memory.chunks;
${cached.length === 0 ? '' : cacheSource(source)}
${wholeSource(source)}
const walk = (vaLo, vaHi, right) => {
let ${rootSource(mmu)}, denied = 0, lo = 0, hi = 0, at = 0, atHi = 0, i = 0, words, rights = 0, toLo = 0, toHi = 0;
${cached.map(({ mmuLevel: n }) => `let lo${n} = 0, hi${n} = 0, denied${n} = 0;`).join('\n')}
if (!(${canonicalSource(mmu)})) return whole(vaLo, vaHi, right, 0);
${start}
return whole(vaLo, vaHi, right, start);
};`;
}

/** The root of the address, as declarations. */
const rootSource = ({ split }: MmuDescription): string =>
  split.kind === 'two-halves' || split.kind === 'quadrants'
    ? `tableLo = vaHi < 0 ? S[${S_KERNEL_LO}] : S[${S_ROOT_LO}], tableHi = vaHi < 0 ? S[${S_KERNEL_HI}] : S[${S_ROOT_HI}]`
    : `tableLo = S[${S_ROOT_LO}], tableHi = S[${S_ROOT_HI}]`;

function shortLevelSource(level: MmuLevel, index: number, source: WalkSource): string {
  const { mmu, memory, tlb } = source;
  const leave = 'return whole(vaLo, vaHi, right, start);';
  const aligned = index > 0 && alignedBits(mmu.levels[index - 1]!.table!) >= level.indexBits + 3;
  const lines = [
    aligned
      ? `at = tableLo | (${indexSource(level)} << 3); atHi = tableHi;`
      : `at = (tableLo + (${indexSource(level)} << 3)) | 0; atHi = (at >>> 0) < (tableLo >>> 0) ? (tableHi + 1) | 0 : tableHi;`,
    `if ((at & ${memory.beyondLo | (aligned ? 0 : 7)}) !== 0 || (atHi & ${memory.beyondHi}) !== 0) ${leave}`,
    `i = (atHi << ${32 - CHUNK_SHIFT}) | (at >>> ${CHUNK_SHIFT});`,
    `if ((i >>> 0) >= chunks.length) ${leave}`,
    `words = chunks[i]; if (words === undefined) ${leave}`,
    ...(memory.unwritten === 'zero'
      ? []
      : [`if (words[(at >>> ${STATE_SHIFT}) & ${STATE_MASK}] === 0) ${leave}`]),
    `i = ${CHUNK_DATA} + ((at & ${OFFSET_MASK}) >>> 2); if (i >= words.length) ${leave}`,
    `lo = words[i] | 0; hi = words[i + 1] | 0;`,
    ...level.valid.map((match) => `if (!(${matchSource(match)})) ${leave}`),
    ...((level.reserved ?? []).length === 0 ? [] : [`if (${anySource(level.reserved!)}) ${leave}`]),
  ];
  if (level.leaf === 'always') return [...lines, leafSource(level, index, source)].join('\n');
  if (level.leaf !== 'never')
    lines.push(`if (${anySource(level.leaf)}) {\n${leafSource(level, index, source)}\n}`);
  lines.push(denialSource(level.tableDenies));
  for (const state of [mmu.accessed, mmu.dirty])
    if (state?.by === 'hardware' && state.inTables === true) lines.push(`if (${matchSource(state.clean)}) ${leave}`);
  const [tableLo, tableHi] = piecesSource(level.table!);
  lines.push(`tableLo = ${tableLo}; tableHi = ${tableHi};`);
  if (tlb.sizes.walkCaches.some(({ mmuLevel }) => mmuLevel === index))
    lines.push(`lo${index} = tableLo; hi${index} = tableHi; denied${index} = denied;`);
  return lines.filter((line) => line !== '').join('\n');
} // prettier-ignore

/** A leaf: checks, states that the hardware records, and what the TLB gets. */
function leafSource(level: MmuLevel, index: number, source: WalkSource): string {
  const { accessed, dirty } = source.mmu;
  const leave = 'return whole(vaLo, vaHi, right, start);';
  const write = `((${WRITES} >>> right) & 1) !== 0`;
  const [lo, hi] = piecesSource(level.page!.address);
  const offset = (1n << BigInt(level.page!.shift)) - 1n;
  const fills = source.tlb.sizes.walkCaches
    .filter(({ mmuLevel }) => mmuLevel < index)
    .sort((a, b) => a.mmuLevel - b.mmuLevel)
    .map(({ mmuLevel: n }) => `if (start <= ${n}) fillTable${n}(vaLo, vaHi, lo${n}, hi${n}, denied${n});`);
  return [
    denialSource(level.leafDenies),
    accessed?.by === 'fault' ? `if (${matchSource(accessed.clean)}) ${leave}` : '',
    `rights = rightsOf[denied]; if (((rights >>> right) & 1) === 0) ${leave}`,
    dirty?.by === 'fault' ? `if (${write} && ${matchSource(dirty.clean)}) ${leave}` : '',
    recordSource(accessed, dirty, write),
    ...fills,
    dirty === undefined ? '' : `if (${matchSource(dirty.clean)}) rights &= ${~WRITES};`,
    `S[${S_FRAME_LO}] = ((${mergeSource(lo, 'vaLo', low(offset))}) & -4096) | rights;`,
    `S[${S_FRAME_HI}] = ${mergeSource(hi, 'vaHi', high(offset))};`,
    `S[${S_SHIFT}] = ${shiftSource(level, source.merge)};`,
    tagOfWalk(source.mmu),
    `S[${countAt('references')}] += ${index + 1} - start;`,
    'return 0;',
  ]
    .filter((line) => line !== '')
    .join('\n');
}

const shiftSource = ({ page, contiguous }: MmuLevel, merge: boolean): string =>
  contiguous === undefined || !merge
    ? `${page!.shift}`
    : `${matchSource(contiguous.when)} ? ${contiguous.shift} : ${page!.shift}`;

const tagOfWalk = ({ global }: MmuDescription): string =>
  global === undefined
    ? `S[${S_WALK_TAG}] = S[${S_TAG}];`
    : `S[${S_WALK_TAG}] = ${matchSource(global)} ? ${GLOBAL_TAG} : S[${S_TAG}];`;

/** Stores the states that the hardware records in a leaf, in one store. */
function recordSource(accessed: StateBit | undefined, dirty: StateBit | undefined, write: string): string {
  const one = (state: StateBit | undefined, when: string): string =>
    state?.by !== 'hardware'
      ? ''
      : `if (${when}${matchSource(state.clean)}) { toLo = (toLo | ${low(state.set)}) & ${~low(state.clear)}; toHi = (toHi | ${high(state.set)}) & ${~high(state.clear)}; }`;
  const records = [one(accessed, ''), one(dirty, `${write} && `)].filter((line) => line !== '');
  if (records.length === 0) return '';
  return `toLo = lo; toHi = hi; ${records.join(' ')}
if (toLo !== lo || toHi !== hi) { memory.storePair(at, atHi, toLo, toHi); lo = toLo; hi = toHi; ${countSource('recorded')} }`;
}

/** The generated walker: it knows every fault, and records states in tables. */
function wholeSource({ mmu, tlb, merge }: WalkSource): string {
  const { dirty } = mmu;
  const clean =
    dirty === undefined
      ? ''
      : `if (((${WRITES} >>> right) & 1) === 0 && ${matchSource(dirty.clean)}) rights &= ${~WRITES};`;
  return `const whole = (vaLo, vaHi, right, start) => {
let ${rootSource(mmu)};
const status = start === 0
  ? walker.walk(memory, tableLo, tableHi, vaLo, vaHi, accessOf[right])
  : walker.walkFrom(memory, start, T[0], T[1], T[2], vaLo, vaHi, accessOf[right]);
S[${countAt('recorded')}] += r[${R_RECORDS}]; S[${countAt('references')}] += r[${R_COUNT}];
${tlb.sizes.walkCaches.length === 0 ? '' : 'fillTables(vaLo, vaHi, start, status);'}
if (status !== 0) { ${countSource('faults')} return status; }
const n = ${R_ENTRIES} + 4 * (r[${R_COUNT}] - 1), lo = r[n + 2] | 0, hi = r[n + 3] | 0;
let rights = rightsOf[r[${R_DENIED}]];
${clean}
S[${S_FRAME_LO}] = (r[${R_PA_LO}] & -4096) | rights; S[${S_FRAME_HI}] = r[${R_PA_HI}];
S[${S_SHIFT}] = r[${merge ? R_TLB_SHIFT : R_SHIFT}];
${tagOfWalk(mmu)}
return 0;
};`;
}

/** Look-up of the deepest table that is known, and filling, by level and from the entries of a whole walk. */
function cacheSource(source: WalkSource): string {
  const sizes = source.tlb.sizes.walkCaches;
  const look = sizes.map(({ mmuLevel, ...size }) => {
    const { structure, heldBit } = size;
    return `if ((S[${S_HELD}] & ${heldBit}) !== 0) { tag = ${tagSource('slot', { mmuLevel, ...size })}; ${findSource({ mmuLevel, ...size })}
if (e >= 0) { ${countSource('walkCaches')} ${useSource(structure, 'e')} T[0] = A[${structure.lo} + e]; T[1] = A[${structure.hi} + e]; T[2] = A[${structure.denied} + e]; return ${mmuLevel + 1}; } }`;
  });
  return `const lookTables = (lo, hi) => {
${FIND_LOCALS}
const slot = S[${S_TAG}], now = S[${S_CLOCK}];
${look.join('\n')}
return 0;
};
${sizes.map((size) => `const fillTable${size.mmuLevel} = (lo, hi, f, fh, denied) => { const slot = S[${S_TAG}], now = S[${S_CLOCK}]; ${fillTableSource(size, 'denied')} };`).join('\n')}
const fillTables = (vaLo, vaHi, start, status) => {
let n = ${R_ENTRIES}, left = r[${R_COUNT}], denied = start === 0 ? 0 : T[2], lo = 0, hi = 0;
switch (start) {
${source.mmu.levels.map((level, i) => readLevelSource(level, i, source, sizes)).join('\n')}
}
};`;
}

function readLevelSource(level: MmuLevel, index: number, source: WalkSource, sizes: readonly PlacedSize[]): string {
  if (level.table === undefined) return `case ${index}: return;`;
  const { accessed } = source.mmu;
  const [lo, hi] = piecesSource(level.table);
  return `case ${index}:
if (left-- < 2) return;
lo = r[n + 2] | 0; hi = r[n + 3] | 0; n += 4;
${denialSource(level.tableDenies)}
${accessed?.inTables === true ? `if (status !== 0 && ${matchSource(accessed.clean)}) return;` : ''}
${sizes.some(({ mmuLevel }) => mmuLevel === index) ? `fillTable${index}(vaLo, vaHi, ${lo}, ${hi}, denied);` : ''}`;
} // prettier-ignore

/** How many low bits of a table's address are 0 whatever the entry. */
function alignedBits(pieces: readonly AddressPiece[]): number {
  const possible = pieces.reduce(
    (sum, { mask, shift }) => sum | (shift >= 0 ? mask << BigInt(shift) : mask >> BigInt(-shift)),
    0n,
  );
  let bits = 0;
  while (bits < CHUNK_SHIFT && ((possible >> BigInt(bits)) & 1n) === 0n) bits++;
  return bits;
}
