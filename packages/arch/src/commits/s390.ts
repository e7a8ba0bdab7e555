import type { Commit } from '../kernel.js';

/** Commits that changed what the s390 backend does. */
export const S390_COMMITS: readonly Commit[] = [];
