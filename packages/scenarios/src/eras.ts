/** Eras that claims of several scenarios share, by the commits that brought and ended them. */
import type { Expectation } from './types.js';

/** s390: pmdp_invalidate() stores the empty entry. */
export const s390Empties: Pick<Expectation, 'from' | 'to'> = { from: '227be799c39a', to: '91c575b33576' };

/** arm64: pmd_present() asks for VALID or PROT_NONE, and invalidation clears VALID. */
export const arm64PresentIsValid: Pick<Expectation, 'from' | 'to'> = {
  from: '5bb1cc0ff9a6',
  to: 'b65399f6111b',
};
