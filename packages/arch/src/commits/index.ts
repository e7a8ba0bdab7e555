import type { Commit } from '../kernel.js';
import { ARM32_COMMITS } from './arm32.js';
import { ARM64_COMMITS } from './arm64.js';
import { MM_COMMITS } from './mm.js';
import { POWERPC_COMMITS } from './powerpc.js';
import { S390_COMMITS } from './s390.js';
import { X86_64_COMMITS } from './x86_64.js';

/** The registry of behaviour-changing commits. */
export const COMMITS: readonly Commit[] = [
  ...MM_COMMITS,
  ...X86_64_COMMITS,
  ...ARM32_COMMITS,
  ...ARM64_COMMITS,
  ...S390_COMMITS,
  ...POWERPC_COMMITS,
];
