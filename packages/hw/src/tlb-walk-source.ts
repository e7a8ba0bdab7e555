/**
 * The walk below the TLBs as JavaScript source: a short one for what happens nearly always, which records states in the leaf
 * and leaves faults and tables without an accessed state to the generated walker, and the paging-structure caches above both.
 *
 * Both leave in `S` the frame of 4 KiB with what may be done through it without another walk, the size and the tag.
 */
import type { AddressPiece, Denials, Match, MmuDescription, MmuLevel, StateBit } from '@ptemu/arch';
import { BEYOND_DIRECTORY_HI, CHUNK_DATA, CHUNK_SHIFT, DIRECTORY_SHIFT, OFFSET_MASK, type PhysicalMemory, STATE_MASK, STATE_SHIFT } from './memory.js'; // prettier-ignore
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
import { DENIAL_KINDS } from './walk.js';
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
if (start !== 0) { tableLo = T[0]; tableHi = T[1]; denied = T[2]; if ((tableHi & ${BEYOND_DIRECTORY_HI}) !== 0) return whole(vaLo, vaHi, right, start); }
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
  const aligned = index > 0 && isAligned(mmu.levels[index - 1]!, level);
  const lines = [
    aligned
      ? `at = tableLo | (${indexSource(level)} << 3); atHi = tableHi;`
      : `at = (tableLo + (${indexSource(level)} << 3)) | 0; atHi = (at >>> 0) < (tableLo >>> 0) ? (tableHi + 1) | 0 : tableHi;`,
    // An aligned table lies below the end of the directory of chunks: the entry that leads to it was tested for that.
    aligned
      ? ''
      : `if ((at & ${memory.beyondLo | 7}) !== 0 || (atHi & ${memory.beyondHi | BEYOND_DIRECTORY_HI}) !== 0) ${leave}`,
    `i = (atHi << ${32 - CHUNK_SHIFT}) | (at >>> ${CHUNK_SHIFT});`,
    `if (i >= chunks.length) ${leave}`,
    `words = chunks[i]; if (words === undefined) ${leave}`,
    ...(memory.unwritten === 'zero'
      ? []
      : [`if (words[(at >>> ${STATE_SHIFT}) & ${STATE_MASK}] === 0) ${leave}`]),
    `i = ${CHUNK_DATA} + ((at & ${OFFSET_MASK}) >>> 2); if (i >= words.length) ${leave}`,
    `lo = words[i] | 0; hi = words[i + 1] | 0;`,
  ];
  const checks = [
    ...level.valid.map((match) => `if (!(${matchSource(match)})) ${leave}`),
    ...((level.reserved ?? []).length === 0 ? [] : [`if (${anySource(level.reserved!)}) ${leave}`]),
  ];
  if (level.leaf === 'always') return join([...lines, ...checks, leafSource(level, index, source)]);
  if (level.leaf !== 'never')
    checks.push(`if (${anySource(level.leaf)}) {\n${leafSource(level, index, source)}\n}`);
  checks.push(denialSource(level.tableDenies));
  for (const state of [mmu.accessed, mmu.dirty])
    if (state?.by === 'hardware' && state.inTables === true) checks.push(`if (${matchSource(state.clean)}) ${leave}`);
  const far = isAligned(level, mmu.levels[index + 1]!) ? entryBits(level.table!, -1n << BigInt(DIRECTORY_SHIFT)) : 0n;
  if (far !== 0n) checks.push(`if (!${matchSource({ mask: far, value: 0n })}) ${leave}`);
  const usual = usualTable(level, mmu, far);
  lines.push(usual === undefined ? join(checks) : `if (!(${matchSource(usual)})) {\n${join(checks)}\n}`);
  const [tableLo, tableHi] = piecesSource(level.table!);
  lines.push(`tableLo = ${tableLo}; tableHi = ${tableHi};`);
  if (tlb.sizes.walkCaches.some(({ mmuLevel }) => mmuLevel === index))
    lines.push(`lo${index} = tableLo; hi${index} = tableHi; denied${index} = denied;`);
  return join(lines);
} // prettier-ignore

const join = (lines: readonly string[]): string => lines.filter((line) => line !== '').join('\n');

/**
 * What an entry looks like that leads to a table and asks for nothing more: one test instead of many. Undefined where the
 * description says so in more than single bits. `far` are bits that are 0 then.
 */
function usualTable(level: MmuLevel, mmu: MmuDescription, far: bigint): Match | undefined {
  const states = [mmu.accessed, mmu.dirty].filter(
    (state) => state?.by === 'hardware' && state.inTables === true,
  );
  const never = [
    ...(level.reserved ?? []),
    ...(typeof level.leaf === 'string' ? [] : level.leaf),
    ...Object.values(level.tableDenies ?? {}).flat(),
    ...states.map((state) => state!.clean),
  ] as readonly Match[];
  let { mask, value } = level.valid.reduce(
    (all, match) => ({ mask: all.mask | match.mask, value: all.value | match.value }),
    { mask: far, value: 0n },
  );
  for (const match of never) {
    // The bits that are settled already may rule it out.
    if (((match.value ^ value) & match.mask & mask) !== 0n) continue;
    const open = match.mask & ~mask;
    if (open === 0n || (open & (open - 1n)) !== 0n) return undefined;
    mask |= open;
    value |= ~match.value & open;
  }
  return { mask, value };
}

/** A leaf: checks, states that the hardware records, and what the TLB gets. */
function leafSource(level: MmuLevel, index: number, source: WalkSource): string {
  const { accessed, dirty } = source.mmu;
  const leave = 'return whole(vaLo, vaHi, right, start);';
  const write = `((${WRITES} >>> right) & 1)`;
  const [lo, hi] = piecesSource(level.page!.address);
  const offset = (1n << BigInt(level.page!.shift)) - 1n;
  const fills = source.tlb.sizes.walkCaches
    .filter(({ mmuLevel }) => mmuLevel < index)
    .sort((a, b) => a.mmuLevel - b.mmuLevel)
    .map(({ mmuLevel: n }) => `if (start <= ${n}) fillTable${n}(vaLo, vaHi, lo${n}, hi${n}, denied${n});`);
  return join([
    denyBits(level.leafDenies),
    accessed?.by === 'fault' ? `if (${matchSource(accessed.clean)}) ${leave}` : '',
    `rights = rightsOf[denied]; if (((rights >>> right) & 1) === 0) ${leave}`,
    dirty?.by === 'fault' ? `if ((${write} & ${bitSource(dirty.clean)}) !== 0) ${leave}` : '',
    recordSource(accessed, dirty, write),
    ...fills,
    dirty === undefined ? '' : `rights &= ~(${WRITES} & -${bitSource(dirty.clean)});`,
    `S[${S_FRAME_LO}] = ((${mergeSource(lo, 'vaLo', low(offset))}) & -4096) | rights;`,
    `S[${S_FRAME_HI}] = ${mergeSource(hi, 'vaHi', high(offset))};`,
    `S[${S_SHIFT}] = ${shiftSource(level, source.merge)};`,
    tagOfWalk(source.mmu),
    `S[${countAt('references')}] += ${index + 1} - start;`,
    'return 0;',
  ]);
}

/** The same as `denialSource` without a branch, where each match is of one bit. */
function denyBits(denials: Denials | undefined): string {
  const kinds = new Map<string, number>();
  for (const [bit, kind] of DENIAL_KINDS.entries())
    for (const match of denials?.[kind] ?? []) {
      const one = oneBit(match);
      if (one === undefined) return denialSource(denials);
      kinds.set(one, (kinds.get(one) ?? 0) | (1 << bit));
    }
  return [...kinds].map(([one, bits]) => `denied |= -${one} & ${bits};`).join(' ');
}

const shiftSource = ({ page, contiguous }: MmuLevel, merge: boolean): string =>
  contiguous === undefined || !merge
    ? `${page!.shift}`
    : `${matchSource(contiguous.when)} ? ${contiguous.shift} : ${page!.shift}`;

const tagOfWalk = ({ global }: MmuDescription): string =>
  global === undefined
    ? `S[${S_WALK_TAG}] = S[${S_TAG}];`
    : `S[${S_WALK_TAG}] = ${matchSource(global)} ? ${GLOBAL_TAG} : S[${S_TAG}];`;

/**
 * Stores the states that the hardware records in a leaf, in one store. Whether there is one to record is one branch, rarely
 * taken: whether an access writes, and whether a page is dirty, no host can predict.
 */
function recordSource(accessed: StateBit | undefined, dirty: StateBit | undefined, write: string): string {
  const one = (state: StateBit | undefined, when: string): { readonly due: string; readonly code: string }[] =>
    state?.by !== 'hardware'
      ? []
      : [{
          due: when === '' ? bitSource(state.clean) : `(${when} & ${bitSource(state.clean)})`,
          code: `if (${when === '' ? '' : `${when} !== 0 && `}${matchSource(state.clean)}) { toLo = (toLo | ${low(state.set)}) & ${~low(state.clear)}; toHi = (toHi | ${high(state.set)}) & ${~high(state.clear)}; }`,
        }];
  const records = [...one(accessed, ''), ...one(dirty, write)];
  if (records.length === 0) return '';
  return `if ((${records.map(({ due }) => due).join(' | ')}) !== 0) {
toLo = lo; toHi = hi; ${records.map(({ code }) => code).join(' ')}
if (toLo !== lo || toHi !== hi) { if (memory.logging) memory.storePair(at, atHi, toLo, toHi); else { words[i] = toLo; words[i + 1] = toHi; } lo = toLo; hi = toHi; ${countSource('recorded')} }
}`;
} // prettier-ignore

/** 1 where a match holds, else 0; without a branch where it is of one bit. */
function bitSource(match: Match): string {
  const one = oneBit(match);
  return one ?? `(${matchSource(match)} ? 1 : 0)`;
}

function oneBit({ mask, value }: Match): string | undefined {
  if (mask === 0n || (mask & (mask - 1n)) !== 0n || (value & ~mask) !== 0n) return undefined;
  const at = mask.toString(2).length - 1;
  return `(((${at < 32 ? 'lo' : 'hi'} >>> ${at % 32}) & 1)${value === 0n ? ' ^ 1' : ''})`;
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

/** Tests whether the entries of a level cannot but lead to tables that are aligned to their size. */
const isAligned = ({ table }: MmuLevel, { indexBits }: MmuLevel): boolean =>
  possibleBits(table!) % (1n << BigInt(indexBits + 3)) === 0n;

/** Bits of a table's address that an entry can make. */
const possibleBits = (pieces: readonly AddressPiece[]): bigint =>
  pieces.reduce(
    (bits, { mask, shift }) => bits | (shift >= 0 ? mask << BigInt(shift) : mask >> BigInt(-shift)),
    0n,
  );

/** Bits of an entry that make these bits of a table's address. */
const entryBits = (pieces: readonly AddressPiece[], address: bigint): bigint =>
  pieces.reduce(
    (bits, { mask, shift }) =>
      bits | (mask & (shift >= 0 ? address >> BigInt(shift) : address << BigInt(-shift))),
    0n,
  );
