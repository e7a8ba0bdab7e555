import type { Commit } from '../kernel.js';

/** Commits that changed what the x86_64 backend does. */
export const X86_64_COMMITS: readonly Commit[] = [];
