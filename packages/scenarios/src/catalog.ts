import type { ScenarioDefinition } from './definition.js';
import { ppcHashWithdrawBeforeInvalidate } from './ppc-hash-withdraw-before-invalidate.js';
import { splitInvalidateWrongAddress } from './split-invalidate-wrong-address.js';
import { splitNoneWindowVsZap } from './split-none-window-vs-zap.js';
import { splitVsGupFastNoIpi } from './split-vs-gup-fast-no-ipi.js';
import { splitWindowMisreadAsSwap } from './split-window-misread-as-swap.js';

/** Every scenario, in the order of the corpus. */
export const definitions: readonly ScenarioDefinition[] = [
  splitNoneWindowVsZap,
  splitWindowMisreadAsSwap,
  splitInvalidateWrongAddress,
  splitVsGupFastNoIpi,
  ppcHashWithdrawBeforeInvalidate,
];
