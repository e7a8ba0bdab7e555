import type { Arch, Level } from '@ptemu/arch';
import { entryInWords } from '@ptemu/hw';

/**
 * What the hardware walker would do with an entry, in words: `fault`, `table 0x...`, `maps 0x... (2M)`, and
 * `not walked` where the hardware does not read these tables (powerpc hash).
 */
export function walkerSays(arch: Arch, level: Level, entry: bigint): string {
  const mmu = arch.mmuOf();
  const known = mmu.kind === 'hash' || mmu.levels.some((candidate) => candidate.level === level);
  return known ? entryInWords(mmu, level, entry) : 'no such level';
}

/** `2M` of 21. */
export function sizeText(shift: number): string {
  const unit = Math.floor(shift / 10);
  return `${2 ** (shift - unit * 10)}${['B', 'K', 'M', 'G', 'T', 'P'][unit] ?? `*2^${unit * 10}`}`;
}
