/**
 * Parts of a description as JavaScript source, for what is generated from it. The entry stands in `lo` and `hi`, the address
 * in `vaLo` and `vaHi`, all as signed 32-bit numbers.
 */
import type { AddressPiece, Denials, Match, MmuDescription, MmuLevel } from '@ptemu/arch';
import { DENIAL_KINDS } from './walk.js';

/** The low word as a signed number, as it is compared in generated code. */
export const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
export const high = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));

export function matchSource({ mask, value }: Match): string {
  if ((value & ~mask) !== 0n) return 'false';
  const word = (name: string, m: number, v: number): string =>
    m === 0 ? '' : v === 0 ? `(${name} & ${m}) === 0` : `(${name} & ${m}) === ${v}`;
  const tests = [word('lo', low(mask), low(value)), word('hi', high(mask), high(value))].filter(
    (t) => t !== '',
  );
  return tests.length === 0 ? 'true' : `(${tests.join(' && ')})`;
}

/** Any of the matches. What all have in common is tested once; where one more bit decides, all those bits at once. */
export function anySource(matches: readonly Match[]): string {
  if (matches.length < 3) return matches.length === 0 ? 'false' : matches.map(matchSource).join(' || ');
  const possible = matches.filter(({ mask, value }) => (value & ~mask) === 0n);
  let common = possible.reduce((mask, match) => mask & match.mask, (1n << 64n) - 1n);
  for (const match of possible) common &= ~(match.value ^ possible[0]!.value);
  const rests = possible.map(({ mask, value }) => ({ mask: mask & ~common, value: value & ~common }));
  const single = rests.every(
    ({ mask, value }) => mask === value && mask !== 0n && (mask & (mask - 1n)) === 0n,
  );
  if (!single) return matches.map(matchSource).join(' || ');
  const bits = rests.reduce((mask, match) => mask | match.mask, 0n);
  const first = matchSource({ mask: common, value: possible[0]!.value & common });
  return `(${first} && ((lo & ${low(bits)}) | (hi & ${high(bits)})) !== 0)`;
}

export function denialSource(denials: Denials | undefined): string {
  if (denials === undefined) return '';
  return DENIAL_KINDS.map((kind, bit) => {
    const matches = denials[kind] ?? [];
    return matches.length === 0 ? '' : `if (${anySource(matches)}) denied |= ${1 << bit};`;
  })
    .filter((line) => line !== '')
    .join('\n');
}

/** Index of the address in a table of this level, as an expression. */
export function indexSource({ indexShift: s, indexBits: n }: MmuLevel): string {
  const mask = 2 ** n - 1;
  if (s >= 32) return `((vaHi >>> ${s - 32}) & ${mask})`;
  if (s + n <= 32 || s === 0) return `((vaLo >>> ${s}) & ${mask})`;
  return `(((vaLo >>> ${s}) | (vaHi << ${32 - s})) & ${mask})`;
}

/** The two words of the address that pieces make, as expressions. */
export function piecesSource(pieces: readonly AddressPiece[]): [lo: string, hi: string] {
  const los: string[] = [];
  const his: string[] = [];
  for (const { mask, shift } of pieces) {
    const lo = low(mask) === 0 ? undefined : `(lo & ${low(mask)})`;
    const hi = high(mask) === 0 ? undefined : `(hi & ${high(mask)})`;
    addShifted(los, his, lo, hi, shift);
  }
  return [los.join(' | ') || '0', his.join(' | ') || '0'];
}

function addShifted(
  los: string[],
  his: string[],
  lo: string | undefined,
  hi: string | undefined,
  shift: number,
): void {
  const by = Math.abs(shift);
  const push = (list: string[], text: string | undefined): void => {
    if (text !== undefined) list.push(text);
  };
  const left = (text: string | undefined, n: number): string | undefined =>
    text === undefined || n >= 32 ? undefined : n === 0 ? text : `(${text} << ${n})`;
  const right = (text: string | undefined, n: number): string | undefined =>
    text === undefined || n >= 32 ? undefined : n === 0 ? text : `(${text} >>> ${n})`;
  if (shift >= 0) {
    push(los, left(lo, by));
    push(his, left(hi, by));
    if (by > 0) push(his, by >= 32 ? left(lo, by - 32) : right(lo, 32 - by));
  } else {
    push(los, right(lo, by));
    push(his, right(hi, by));
    push(los, by >= 32 ? right(hi, by - 32) : left(hi, 32 - by));
  }
}

export const mergeSource = (frame: string, va: string, offsetMask: number): string =>
  offsetMask === 0
    ? frame
    : offsetMask === -1
      ? va
      : `((${frame}) & ${~offsetMask}) | (${va} & ${offsetMask})`;

/** Tests of the upper address bits, as an expression. */
export function canonicalSource(mmu: MmuDescription): string {
  const { split } = mmu;
  const zeroAbove = (bits: number): string =>
    bits >= 64 ? 'true' : bits > 32 ? `(vaHi >>> ${bits - 32}) === 0` : bits === 32 ? 'vaHi === 0' : `vaHi === 0 && (vaLo >>> ${bits}) === 0`; // prettier-ignore
  const onesAbove = (bits: number): string =>
    bits >= 64 ? 'true' : bits > 32 ? `(vaHi >> ${bits - 32}) === -1` : bits === 32 ? 'vaHi === -1' : `vaHi === -1 && (vaLo >> ${bits}) === -1`; // prettier-ignore
  switch (split.kind) {
    case 'sign-extended':
      return `(${zeroAbove(split.bits - 1)}) || (${onesAbove(split.bits - 1)})`;
    case 'limit':
      return zeroAbove(split.bits);
    case 'two-halves':
      return `(${zeroAbove(split.userBits)}) || (${onesAbove(split.kernelBits)})`;
    case 'quadrants':
      return `((vaHi >>> 30) === 0 || (vaHi >>> 30) === 3) && ((vaHi & 0x3fffffff) >>> ${split.bits - 32}) === 0`;
  }
}
