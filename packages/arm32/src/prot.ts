import { __pgprot, type Env, type Pgprot, type Protections, type VmAccess } from '@ptemu/arch';
import {
  L_PTE_DIRTY, L_PTE_MT_WRITEALLOC, L_PTE_NONE, L_PTE_PRESENT, L_PTE_SHARED, L_PTE_USER, L_PTE_XN, L_PTE_YOUNG,
  PTE_EXT_PXN, rdonlyBit,
} from './bits.js'; // prettier-ignore

/**
 * Protections of an SMP kernel: memory is write-back write-allocate and inner shareable, as `build_mem_type_table` decides
 * at boot, and the kernel may not execute what users may (PXN); the `__PAGE_*` forms are the compile-time half of the table.
 *
 * Private and shared mappings differ only where writes are allowed: a private one starts read-only. Writable mappings
 * start clean, so hardware finds them read-only (`set_pte_at`, `set_pmd_at`) until the first write fault.
 *
 * @see Linux arch/arm/include/asm/pgtable.h, `PAGE_NONE` and following; arch/arm/mm/mmu.c, `build_mem_type_table`,
 *   `protection_map` (6.12.117)
 */
export function protections(env: Pick<Env, 'kernel'>): Protections {
  const RDONLY = rdonlyBit(env);
  const base = L_PTE_PRESENT | L_PTE_YOUNG;
  const memory = base | L_PTE_MT_WRITEALLOC | L_PTE_SHARED;
  const user = memory | PTE_EXT_PXN;
  const kernel = memory | L_PTE_DIRTY;
  const forms = (from: bigint): Readonly<Record<string, Pgprot>> => ({
    PAGE_NONE: __pgprot(from | L_PTE_XN | RDONLY | L_PTE_NONE),
    PAGE_SHARED: __pgprot(from | L_PTE_USER | L_PTE_XN),
    PAGE_SHARED_EXEC: __pgprot(from | L_PTE_USER),
    PAGE_COPY: __pgprot(from | L_PTE_USER | RDONLY | L_PTE_XN),
    PAGE_COPY_EXEC: __pgprot(from | L_PTE_USER | RDONLY),
    PAGE_READONLY: __pgprot(from | L_PTE_USER | RDONLY | L_PTE_XN),
    PAGE_READONLY_EXEC: __pgprot(from | L_PTE_USER | RDONLY),
  });
  const PAGE = forms(user);
  const of = (name: string): Pgprot => PAGE[name] ?? __pgprot(0n);
  return {
    PAGE: {
      ...PAGE,
      ...Object.fromEntries(Object.entries(forms(base)).map(([name, value]) => [`__${name}`, value])),
      PAGE_KERNEL: __pgprot(kernel | L_PTE_XN),
      PAGE_KERNEL_EXEC: __pgprot(kernel),
      PAGE_KERNEL_RO: __pgprot(kernel | L_PTE_XN),
    },
    vm_get_page_prot: ({ read, write, exec, shared }: VmAccess): Pgprot => {
      if (!read && !write && !exec) return of('PAGE_NONE');
      const writable = write && shared;
      return of(`PAGE_${writable ? 'SHARED' : write ? 'COPY' : 'READONLY'}${exec ? '_EXEC' : ''}`);
    },
  };
}
