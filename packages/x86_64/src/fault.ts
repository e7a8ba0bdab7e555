/**
 * The error code of a page fault.
 * @see Intel SDM vol. 3A, 5.7 (page-fault exceptions); Linux arch/x86/include/asm/trap_pf.h (6.12.117)
 */

/** The entry was present: a right was missing or a reserved bit set. */
export const X86_PF_PROT = 0x1;
/** The access was a write. */
export const X86_PF_WRITE = 0x2;
/** The access was in user mode. */
export const X86_PF_USER = 0x4;
/** An entry had a reserved bit set. */
export const X86_PF_RSVD = 0x8;
/** The access was an instruction fetch. */
export const X86_PF_INSTR = 0x10;

/** A fault as generic code speaks of it. */
export interface X86Fault {
  readonly cause: 'not-present' | 'permission' | 'reserved';
  readonly access: 'read' | 'write' | 'exec';
  readonly mode: 'user' | 'kernel';
}

/** The error code that the processor pushes for a fault. */
export function errorCodeOf({ cause, access, mode }: X86Fault): number {
  return (
    (cause === 'not-present' ? 0 : X86_PF_PROT) |
    (access === 'write' ? X86_PF_WRITE : 0) |
    (mode === 'user' ? X86_PF_USER : 0) |
    (cause === 'reserved' ? X86_PF_RSVD : 0) |
    (access === 'exec' ? X86_PF_INSTR : 0)
  );
}

/** The fault that an error code tells of. Protection keys, shadow stacks and SGX are not described. */
export function faultOf(errorCode: number): X86Fault {
  const has = (mask: number): boolean => (errorCode & mask) !== 0;
  return {
    cause: has(X86_PF_RSVD) ? 'reserved' : has(X86_PF_PROT) ? 'permission' : 'not-present',
    access: has(X86_PF_INSTR) ? 'exec' : has(X86_PF_WRITE) ? 'write' : 'read',
    mode: has(X86_PF_USER) ? 'user' : 'kernel',
  };
}
