import type { Env } from '@ptemu/arch';
import type { PpcBits } from './bits.js';

/** Which MMU translates: a radix tree that the hardware walks, or a hash table that Linux fills. */
export type PpcMmu = 'radix' | 'hash';
/** Base page size. */
export type PpcPage = '4k' | '64k';

/** What the helpers of this backend are made from: the common part, the variant, and the bits of its release. */
export interface PpcEnv extends Env {
  readonly mmu: PpcMmu;
  readonly page: PpcPage;
  readonly bits: PpcBits;
}
