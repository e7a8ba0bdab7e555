/**
 * Parts of a TLB as JavaScript source, for the generated translator: look-up, use, replacement and filling of one structure.
 *
 * All structures lie in one `Int32Array`, `A`; what changes besides stands in another, `S`. A way is found by a byte of the page
 * number: four ways' bytes are compared at once in one word, and what matches is checked in full. The oldest way is found
 * without a branch, since the way stands in the low bits of its last use: the least of the words is the answer.
 *
 * The address stands in `lo` and `hi` as signed words, the count of the access in `now`.
 */
import type { PlacedSize, PlacedStructure } from './tlb-config.js';

/** Words of `S`. The count of accesses; what the last access gave; what the last walk gave: frame with rights, its high word. */
export const S_CLOCK = 0;
export const S_PA_LO = 1;
export const S_PA_HI = 2;
export const S_FRAME_LO = 3;
export const S_FRAME_HI = 4;
/** log2 of the bytes of the translation, and the tag that it is held under: that of the space or the global one. */
export const S_SHIFT = 5;
export const S_WALK_TAG = 6;
/** Sizes held under the tag of a space, and under the global one: a bit each. Never cleared by replacement. */
export const S_HELD = 7;
export const S_HELD_GLOBAL = 8;
/** Tag of the loaded space, its root, and its root of the upper half. */
export const S_TAG = 9;
export const S_ROOT_LO = 10;
export const S_ROOT_HI = 11;
export const S_KERNEL_LO = 12;
export const S_KERNEL_HI = 13;
/** State of the generator for random replacement. */
export const S_RANDOM = 14;
/** Entry of the first structure that was used last. */
export const S_LAST = 15;
/** Sums of the physical addresses' words. */
export const S_SUM_LO = 16;
export const S_SUM_HI = 17;
/** Counts since they were last collected. */
export const S_COUNTS = 20;
export const COUNTS = ['l1d', 'l1i', 'l2', 'walkCaches', 'walks', 'rewalks', 'recorded', 'faults', 'references'] as const; // prettier-ignore
export type CountName = (typeof COUNTS)[number];
export const S_WORDS: number = S_COUNTS + COUNTS.length;

/** Tags: bits 12 and up of the address's high word, then the slot of the space, then the index of the size. Slot 0: no entry. */
export const SLOT_SHIFT = 3;
export const GLOBAL_SLOT = 1;
export const SLOTS = 512;
export const GLOBAL_TAG: number = GLOBAL_SLOT << SLOT_SHIFT;

/** The place of a count in `S`. */
export const countAt = (name: CountName): number => S_COUNTS + COUNTS.indexOf(name);
export const countSource = (name: CountName): string => `S[${countAt(name)}]++;`;

/** Bytes of four ways at once. */
const BYTES = 0x0101_0101;
const TOPS = 0x8080_8080 | 0;

/** Number of the page of a size, as a signed word. */
export function pageSource(shift: number): string {
  if (shift > 32) return `(hi >>> ${shift - 32})`;
  return shift === 32 ? '(hi | 0)' : `((lo >>> ${shift}) | (hi << ${32 - shift}))`;
}

/** Bits of the low and the high word that lie within a page. */
const offsetLo = (shift: number): number => (shift >= 32 ? -1 : 2 ** shift - 1) | 0;
const offsetHi = (shift: number): number => (shift <= 32 ? 0 : 2 ** (shift - 32) - 1) | 0;

/** Sets `set` and `hint` for `page`. */
const setSource = ({ sets, setBits }: PlacedStructure): string =>
  `set = page & ${sets - 1}; hint = Math.imul((page >>> ${setBits}) & 255, ${BYTES});`;

/** Whether two arrays agree on an entry: page number and tag. */
const sameSource = ({ page, tag }: PlacedStructure, at: string): string =>
  `A[${page} + ${at}] === page && A[${tag} + ${at}] === tag`;

/** Looks for `tag`: sets `page`, `set`, `hint`, and `e` to the entry or -1. */
export function findSource(size: PlacedSize): string {
  const { structure } = size;
  const { stride, hint, hintWords } = structure;
  const word = (w: string, first: string): string =>
    `x = A[${hint} + set * ${hintWords} + ${w}] ^ hint; x = (x - ${BYTES}) & ~x & ${TOPS};
while (x !== 0) { c = set * ${stride} + ${first} + ((31 - Math.clz32(x & -x)) >>> 3); if (${sameSource(structure, 'c')}) { e = c; break; } x &= x - 1; }`;
  const search =
    hintWords > 4
      ? `for (let w = 0; w < ${hintWords} && e < 0; w++) { ${word('w', '4 * w')} }`
      : Array.from({ length: hintWords }, (_, w) => word(`${w}`, `${4 * w}`)).reduceRight(
          (rest, one) => `${one}${rest === '' ? '' : `\nif (e < 0) { ${rest} }`}`,
          '',
        );
  return `page = ${pageSource(size.shift)}; ${setSource(structure)} e = -1;\n${search}`;
}

/** Locals of `findSource`, and of what uses an entry. */
export const FIND_LOCALS = 'let page = 0, set = 0, hint = 0, e = 0, x = 0, c = 0, tag = 0;';

/** The tag of a size for a slot, which is an expression. Bits within a page of more than 2^44 bytes are no part of it. */
export const tagSource = (slot: string, { index, shift }: PlacedSize): string =>
  `(hi & ${shift <= 44 ? -4096 : -(2 ** (shift - 32))}) | ${slot} | ${index}`;

/** The way of entry `e` of `set`. */
const waySource = ({ sets, stride }: PlacedStructure, e: string): string =>
  sets === 1 ? e : (stride & (stride - 1)) === 0 ? `(${e} & ${stride - 1})` : `(${e} - set * ${stride})`;

/** Notes that an entry was used now. */
export function useSource(structure: PlacedStructure, e: string): string {
  const { replacement, use, wayBits, tree, ways } = structure;
  const way = waySource(structure, e);
  switch (replacement) {
    case 'lru':
      return `A[${use} + ${e}] = (now << ${wayBits}) | ${way};`;
    case 'plru':
      return `A[${use} + set] = (A[${use} + set] & A[${tree} + ${way}]) | A[${tree + ways} + ${way}];`;
    case 'fifo':
    case 'random':
      return '';
  }
}

/** Sets `v` to the entry that is given up in `set`, and notes that it is filled now. */
function victimSource(structure: PlacedStructure): string {
  const { replacement, ways, stride, tag, wayBits, use } = structure;
  if (replacement === 'lru' || replacement === 'fifo')
    return `${leastSource(structure)} x &= ${2 ** wayBits - 1}; v = set * ${stride} + x; A[${use} + v] = (now << ${wayBits}) | x;`;
  const full =
    replacement === 'random'
      ? `x = S[${S_RANDOM}]; x ^= x << 13; x ^= x >>> 17; x ^= x << 5; S[${S_RANDOM}] = x; x = (x >>> 0) % ${ways};`
      : `x = 1; for (let d = 0; d < ${wayBits}; d++) x = 2 * x + ((A[${use} + set] >>> x) & 1); x -= ${ways};`;
  return `x = 0; while (x < ${ways} && A[${tag} + set * ${stride} + x] !== 0) x++;
if (x === ${ways}) { ${full} } v = set * ${stride} + x; ${useSource(structure, 'v')}`;
}

/** Sets `x` to the least word of last use in the set, pair by pair. */
function leastSource({ ways, stride, use }: PlacedStructure): string {
  if (ways > 16)
    return `c = ${use} + set * ${stride}; x = A[c]; for (let w = 1; w < ${ways}; w++) { const d = A[c + w] - x; x = x + (d & (d >> 31)) | 0; }`;
  const names = Array.from({ length: ways }, (_, w) => `m${w}`);
  const lines = [`c = ${use} + set * ${stride};`, `let ${names.map((m, w) => `${m} = A[c + ${w}]`).join(', ')}, d = 0;`]; // prettier-ignore
  for (let n = ways; n > 1; n = Math.ceil(n / 2))
    for (let w = 0; w < Math.floor(n / 2); w++) {
      const other = `m${w + Math.ceil(n / 2)}`;
      lines.push(`d = ${other} - m${w}; m${w} = m${w} + (d & (d >> 31)) | 0;`);
    }
  return `${lines.join(' ')} x = m0;`;
}

/** Fills a translation, of frame `f` with rights and high word `fh`, under the slot in `slot`. It must not be there. */
export function fillTlbSource(size: PlacedSize): string {
  const { structure, shift } = size;
  const lo = `(f & ${~offsetLo(shift)}) | (f & 4095)`;
  const hi = shift <= 32 ? 'fh' : `fh & ${~offsetHi(shift)}`;
  return `{ ${placeSource(size)} A[${structure.lo} + v] = ${lo}; A[${structure.hi} + v] = ${hi}; }`;
}

/** Fills a table pointer, `f` and `fh`, with what was denied above. It must not be there. */
export function fillTableSource(size: PlacedSize, denied: string): string {
  const { structure } = size;
  return `{ ${placeSource(size)} A[${structure.lo} + v] = f; A[${structure.hi} + v] = fh; A[${structure.denied} + v] = ${denied}; }`;
}

/** Takes a way for the address's page and writes what it is found by; `v` is the entry. */
function placeSource(size: PlacedSize): string {
  const { structure, heldBit, shift } = size;
  const { page, tag, hint, hintWords } = structure;
  return `let x = 0, c = 0, v = 0, set = 0, hint = 0; const page = ${pageSource(shift)}; ${setSource(structure)}
${victimSource(structure)}
A[${page} + v] = page; A[${tag} + v] = ${tagSource('slot', size)};
c = ${hint} + set * ${hintWords} + (x >>> 2); x = (x & 3) << 3; A[c] = (A[c] & ~(255 << x)) | (hint & (255 << x));
if (slot === ${GLOBAL_TAG}) S[${S_HELD_GLOBAL}] |= ${heldBit}; else S[${S_HELD}] |= ${heldBit};`;
}

/** Fills the size of a level that holds a translation of log2 size `t`. */
export function fillLevelSource(sizes: readonly PlacedSize[], smallest: number): string {
  const chain = sizes.map((size, i) => {
    const above = sizes[i + 1];
    const tests = [i === 0 && size.shift > smallest ? `t >= ${size.shift}` : '', above === undefined ? '' : `t < ${above.shift}`]; // prettier-ignore
    const test = tests.filter((text) => text !== '').join(' && ');
    return test === '' ? fillTlbSource(size) : `if (${test}) ${fillTlbSource(size)}`;
  });
  if (sizes.length > 0 && sizes[0]!.shift > smallest && sizes.length > 1)
    return `if (t >= ${sizes[0]!.shift}) { ${fillLevelSource(sizes, sizes[0]!.shift)} }`;
  return chain.join(' else ');
}

/** Whether the size of a level that holds a translation of log2 size `t` is this one. */
export function holdsSource(sizes: readonly PlacedSize[], size: PlacedSize): string {
  const above = sizes[sizes.indexOf(size) + 1];
  return above === undefined ? `t >= ${size.shift}` : `t >= ${size.shift} && t < ${above.shift}`;
}

/** The physical address of a hit: frame `f` and `fh`, and the offset in a page of this size. */
export const hitSource = ({ shift }: PlacedSize): readonly [lo: string, hi: string] => [
  shift >= 32 ? 'lo' : `(f & -4096) | (lo & ${offsetLo(shift)})`,
  shift <= 32 ? 'fh' : `fh | (hi & ${offsetHi(shift)})`,
];
