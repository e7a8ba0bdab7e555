/** Flags of a VMA that helpers and paths read. @see Linux include/linux/mm.h, `VM_READ` and following (6.12.117) */
export const VM_READ: bigint = 0x1n;
/** Writes are allowed. */
export const VM_WRITE: bigint = 0x2n;
/** Instruction fetches are allowed. */
export const VM_EXEC: bigint = 0x4n;
/** Shared with other mappings of the object. */
export const VM_SHARED: bigint = 0x8n;
/** A shadow stack (x86 from 6.6 on: `VM_HIGH_ARCH_5`, bit 37). */
export const VM_SHADOW_STACK: bigint = 1n << 37n;
/** Mapped by hugetlbfs. */
export const VM_HUGETLB: bigint = 0x400000n;
