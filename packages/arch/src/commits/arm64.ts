import type { Commit } from '../kernel.js';

/** Commits that changed what the arm64 backend does. */
export const ARM64_COMMITS: readonly Commit[] = [];
