import type { Commit } from '../kernel.js';

/** Commits that changed what the arm32 backend does. */
export const ARM32_COMMITS: readonly Commit[] = [];
