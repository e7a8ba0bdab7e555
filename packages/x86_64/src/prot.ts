import { __pgprot, type Env, type Pgprot, type Protections, type VmAccess } from '@ptemu/arch';
import {
  _PAGE_ACCESSED, _PAGE_DIRTY, _PAGE_GLOBAL, _PAGE_NX, _PAGE_PCD, _PAGE_PRESENT, _PAGE_PSE, _PAGE_PWT, _PAGE_RW,
  _PAGE_USER,
} from './bits.js'; // prettier-ignore

/**
 * The protection map.
 *
 * Private mappings never map writable: the first write faults and is resolved by a copy.
 * @see Linux arch/x86/include/asm/pgtable_types.h, `PAGE_*`; arch/x86/mm/pgprot.c, `protection_map` (6.12.117)
 */
export function protections({ kernel }: Pick<Env, 'kernel'>): Protections {
  const user = _PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED;
  const kernelRo = _PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_GLOBAL;
  const kernelRw = kernelRo | _PAGE_RW | _PAGE_DIRTY;
  // A read-only kernel page that is dirty would be a shadow stack.
  const roDirty = kernel.has('x86-saved-dirty') ? 0n : _PAGE_DIRTY;
  const NOCACHE = _PAGE_PCD | _PAGE_PWT;
  const PAGE = {
    PAGE_NONE: __pgprot(_PAGE_ACCESSED | _PAGE_GLOBAL),
    PAGE_SHARED: __pgprot(user | _PAGE_RW | _PAGE_NX),
    PAGE_SHARED_EXEC: __pgprot(user | _PAGE_RW),
    PAGE_COPY_NOEXEC: __pgprot(user | _PAGE_NX),
    PAGE_COPY_EXEC: __pgprot(user),
    PAGE_COPY: __pgprot(user | _PAGE_NX),
    PAGE_READONLY: __pgprot(user | _PAGE_NX),
    PAGE_READONLY_EXEC: __pgprot(user),
    PAGE_KERNEL: __pgprot(kernelRw | _PAGE_NX),
    PAGE_KERNEL_NOENC: __pgprot(kernelRw | _PAGE_NX),
    PAGE_KERNEL_RO: __pgprot(kernelRo | roDirty | _PAGE_NX),
    PAGE_KERNEL_ROX: __pgprot(kernelRo | roDirty),
    PAGE_KERNEL_EXEC: __pgprot(kernelRw),
    PAGE_KERNEL_EXEC_NOENC: __pgprot(kernelRw),
    PAGE_KERNEL_NOCACHE: __pgprot(kernelRw | _PAGE_NX | NOCACHE),
    PAGE_KERNEL_LARGE: __pgprot(kernelRw | _PAGE_NX | _PAGE_PSE),
    PAGE_KERNEL_LARGE_EXEC: __pgprot(kernelRw | _PAGE_PSE),
    PAGE_KERNEL_VVAR: __pgprot(kernelRo | roDirty | _PAGE_USER | _PAGE_NX),
    PAGE_KERNEL_IO: __pgprot(kernelRw | _PAGE_NX),
    PAGE_KERNEL_IO_NOCACHE: __pgprot(kernelRw | _PAGE_NX | NOCACHE),
    PAGE_AGP: __pgprot(kernelRw | _PAGE_NX | NOCACHE),
  } satisfies Record<string, Pgprot>;
  const vm_get_page_prot = ({ read, write, exec, shared }: VmAccess): Pgprot => {
    if (!read && !write && !exec) return PAGE.PAGE_NONE;
    if (write && shared) return exec ? PAGE.PAGE_SHARED_EXEC : PAGE.PAGE_SHARED;
    return exec ? PAGE.PAGE_READONLY_EXEC : PAGE.PAGE_READONLY;
  };
  return { PAGE, vm_get_page_prot };
}
