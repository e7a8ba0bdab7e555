import type { Commit } from '../kernel.js';

/** Commits that changed what the powerpc backend does. */
export const POWERPC_COMMITS: readonly Commit[] = [];
