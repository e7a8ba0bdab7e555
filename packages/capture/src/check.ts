/** Holds a capture against a backend: every address that the truth speaks of. */
import { checkGva, checkInfoTlb, checkInfoTlbComplete, checkKernelText } from './check-gva.js';
import { checkHash, checkHashTable } from './check-hash.js';
import { checkPagemap } from './check-pagemap.js';
import { checkRoots } from './check-roots.js';
import { checkScan, checkSmaps } from './check-smaps.js';
import type { Capture } from './open.js';
import { type CheckResult, Tally } from './tally.js';
import { type BackendFactory, openView } from './view.js';

/** How a capture went. */
export interface CaptureReport {
  readonly name: string;
  /** The backend as the command line writes it. */
  readonly backend: string;
  readonly kernel: string;
  readonly checks: readonly CheckResult[];
  /** Whether every check agreed on everything. */
  readonly agrees: boolean;
}

/**
 * Compares everything that the truth says with what the backend makes of the tables. Check names are those of
 * `meta.agreement` where an independent walker made the same check.
 */
export function checkCapture(capture: Capture, backend: BackendFactory): CaptureReport {
  const view = openView(capture, backend);
  const tally = new Tally();
  checkRoots(view, tally);
  checkPagemap(view, tally);
  if (view.roots.user.mmu.kind === 'radix') checkGva(view, tally);
  else {
    checkHash(view, tally);
    checkHashTable(view, tally);
  }
  checkSmaps(view, tally);
  checkScan(view, tally);
  checkInfoTlb(view, tally);
  checkInfoTlbComplete(view, tally);
  checkKernelText(view, tally);
  const checks = tally.results();
  return {
    name: capture.meta.name,
    backend: view.arch.spec,
    kernel: view.arch.kernel.release,
    checks,
    agrees: checks.every(({ agreed, total }) => agreed === total),
  };
}
