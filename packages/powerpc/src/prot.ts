import { type Pgprot, type Protections, type VmAccess, __pgprot, bit } from '@ptemu/arch';
import type { PpcEnv } from './env.js';

/**
 * The protection map.
 *
 * Private mappings never map writable. Radix can map execute-only, hash cannot and makes it read and execute.
 * @see Linux arch/powerpc/include/asm/pgtable-masks.h; arch/powerpc/mm/pgtable.c, `protection_map`;
 *   arch/powerpc/mm/book3s64/pgtable.c, `vm_get_page_prot` (6.1.192, 6.12.117)
 */
export function protections(env: PpcEnv): Protections {
  const PAGE = env.bits.format === 'radix' ? pages(env) : oldPages(env);
  const none = PAGE['PAGE_NONE'] ?? __pgprot(0n);
  const vm_get_page_prot = ({ read, write, exec, shared }: VmAccess): Pgprot => {
    const pick = (name: string): Pgprot => PAGE[name] ?? none;
    if (!read && !write && !exec) return none;
    if (exec && !read && !write && env.mmu === 'radix') {
      return PAGE['PAGE_EXECONLY_X'] ?? PAGE['PAGE_EXECONLY'] ?? pick('PAGE_READONLY_X');
    }
    if (write && shared) return pick(exec ? 'PAGE_SHARED_X' : 'PAGE_SHARED');
    return pick(exec ? 'PAGE_READONLY_X' : 'PAGE_READONLY');
  };
  return { PAGE, vm_get_page_prot };
}

function pages({ kernel, bits: b }: PpcEnv): Record<string, Pgprot> {
  const base = b._PAGE_PRESENT | b._PAGE_ACCESSED;
  const RO = base | b._PAGE_READ;
  const RW = RO | b._PAGE_WRITE;
  const X = b._PAGE_EXEC;
  const kernelRo = RO | b._PAGE_PRIVILEGED;
  const kernelRw = RW | b._PAGE_PRIVILEGED | b._PAGE_DIRTY;
  const unprivileged = kernel.has('ppc-page-none-unprivileged');
  return {
    PAGE_NONE: __pgprot(unprivileged ? base : base | b._PAGE_PRIVILEGED),
    [unprivileged ? 'PAGE_EXECONLY_X' : 'PAGE_EXECONLY']: __pgprot(base | X),
    PAGE_SHARED: __pgprot(RW),
    PAGE_SHARED_X: __pgprot(RW | X),
    PAGE_COPY: __pgprot(RO),
    PAGE_COPY_X: __pgprot(RO | X),
    PAGE_READONLY: __pgprot(RO),
    PAGE_READONLY_X: __pgprot(RO | X),
    PAGE_KERNEL: __pgprot(kernelRw),
    PAGE_KERNEL_NC: __pgprot(kernelRw | b._PAGE_TOLERANT),
    PAGE_KERNEL_NCG: __pgprot(kernelRw | b._PAGE_NON_IDEMPOTENT),
    PAGE_KERNEL_X: __pgprot(kernelRw | X),
    PAGE_KERNEL_EXEC: __pgprot(kernelRw | X),
    PAGE_KERNEL_RO: __pgprot(kernelRo),
    PAGE_KERNEL_ROX: __pgprot(kernelRo | X),
    PAGE_AGP: __pgprot(kernelRw | b._PAGE_TOLERANT),
  };
}

/** Up to 4.5: a user bit instead of a privileged one, no read bit. @see Linux arch/powerpc/include/asm/pte-hash64.h (3.16), asm/book3s/64/hash.h (4.5) */
function oldPages({ bits: b }: PpcEnv): Record<string, Pgprot> {
  // Up to 4.4 memory coherence (bit 4) is asked for in every entry; in 4.5 it follows from NO_CACHE.
  const coherent = b.format === '3.16' ? bit(4) : 0n;
  const base = b._PAGE_PRESENT | b._PAGE_ACCESSED | coherent;
  const RO = base | b._PAGE_USER;
  const RW = RO | b._PAGE_WRITE;
  const X = b._PAGE_EXEC;
  const kernelRw = base | b._PAGE_WRITE | b._PAGE_DIRTY;
  return {
    PAGE_NONE: __pgprot(base),
    PAGE_SHARED: __pgprot(RW),
    PAGE_SHARED_X: __pgprot(RW | X),
    PAGE_COPY: __pgprot(RO),
    PAGE_COPY_X: __pgprot(RO | X),
    PAGE_READONLY: __pgprot(RO),
    PAGE_READONLY_X: __pgprot(RO | X),
    PAGE_KERNEL: __pgprot(kernelRw),
    PAGE_KERNEL_NC: __pgprot(kernelRw | b._PAGE_TOLERANT),
    PAGE_KERNEL_NCG: __pgprot(kernelRw | b._PAGE_NON_IDEMPOTENT),
    PAGE_KERNEL_X: __pgprot(kernelRw | X),
  };
}
