import { type Arch, type Level, hex } from '@ptemu/arch';
import { viewEntry } from '@ptemu/hw';

/**
 * What the hardware walker would do with an entry, in words: `fault`, `table 0x...`, `maps 0x... (2M)`, and
 * `not walked` where the hardware does not read these tables (powerpc hash).
 */
export function walkerSays(arch: Arch, level: Level, entry: bigint): string {
  const mmu = arch.mmuOf();
  if (mmu.kind === 'hash') return 'not walked';
  if (!mmu.levels.some((candidate) => candidate.level === level)) return 'no such level';
  const view = viewEntry(mmu, level, entry);
  switch (view.kind) {
    case 'fault':
      return 'fault';
    case 'table':
      return `table ${hex(view.base, 4)}`;
    case 'leaf':
      return `maps ${hex(view.pa, 4)} (${sizeText(view.shift)})`;
  }
}

/** `2M` of 21. */
export function sizeText(shift: number): string {
  const unit = Math.floor(shift / 10);
  return `${2 ** (shift - unit * 10)}${['B', 'K', 'M', 'G', 'T', 'P'][unit] ?? `*2^${unit * 10}`}`;
}
