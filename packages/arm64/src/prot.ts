import { __pgprot, type Pgprot, type Protections, type VmAccess } from '@ptemu/arch';
import {
  arm64Bits, PTE_AF, PTE_CONT, PTE_DIRTY, PTE_NG, PTE_PXN, PTE_RDONLY, PTE_SHARED, PTE_TYPE_PAGE, PTE_USER, PTE_UXN,
  PTE_VALID,
} from './bits.js'; // prettier-ignore
import type { Arm64Env } from './layout.js';

/**
 * The protection map.
 *
 * Private mappings never map writable: the first write faults and is resolved by a copy. Shared writable mappings start
 * clean: writable (`PTE_WRITE`) and read-only for the hardware (`PTE_RDONLY`), so that the first write is noticed; up to
 * 4.13 it is `set_pte_at` that adds `PTE_RDONLY`. With LPA2 the map has no shareability: those bits are address bits.
 * Execute-only pages of FEAT_PAN3 (`PAGE_EXECONLY` in the map) need a capability that this backend does not have.
 * @see Linux arch/arm64/include/asm/pgtable-prot.h, `PAGE_*`; arch/arm64/mm/mmap.c, `protection_map` (6.1.192, 6.12.117)
 */
export function protections(env: Arm64Env): Protections {
  const { kernel, geometry } = env;
  const { PTE_WRITE, PTE_PROT_NONE, PTE_PRESENT_INVALID, MT_NORMAL } = arm64Bits(env);
  const RDONLY = kernel.has('73e86cb03cf2') ? PTE_RDONLY : 0n;
  const noneMarker = PTE_PROT_NONE !== 0n ? PTE_PROT_NONE : PTE_PRESENT_INVALID;
  const noneNg = kernel.has('arm64-page-none-ng') ? PTE_NG : 0n;
  const _PAGE_DEFAULT = PTE_TYPE_PAGE | PTE_AF | PTE_SHARED | MT_NORMAL;
  const user = _PAGE_DEFAULT | RDONLY | PTE_NG | PTE_PXN;
  const normal =
    (geometry.lpa2 ? _PAGE_DEFAULT & ~PTE_SHARED : _PAGE_DEFAULT) | PTE_PXN | PTE_UXN | PTE_DIRTY;
  const PAGE = {
    PAGE_NONE: __pgprot((_PAGE_DEFAULT & ~PTE_VALID) | noneMarker | RDONLY | noneNg | PTE_PXN | PTE_UXN),
    PAGE_SHARED: __pgprot(user | PTE_USER | PTE_UXN | PTE_WRITE),
    PAGE_SHARED_EXEC: __pgprot(user | PTE_USER | PTE_WRITE),
    PAGE_READONLY: __pgprot(user | PTE_USER | PTE_UXN),
    PAGE_READONLY_EXEC: __pgprot(user | PTE_USER),
    PAGE_EXECONLY: __pgprot(user),
    PAGE_KERNEL: __pgprot(normal | PTE_WRITE),
    PAGE_KERNEL_RO: __pgprot(normal | PTE_RDONLY),
    PAGE_KERNEL_ROX: __pgprot((normal & ~PTE_PXN) | PTE_RDONLY),
    PAGE_KERNEL_EXEC: __pgprot((normal & ~PTE_PXN) | PTE_WRITE),
    PAGE_KERNEL_EXEC_CONT: __pgprot((normal & ~PTE_PXN) | PTE_WRITE | PTE_CONT),
  } satisfies Record<string, Pgprot>;
  const mapped = ({ read, write, exec, shared }: VmAccess): Pgprot => {
    if (!read && !write && !exec) return PAGE.PAGE_NONE;
    if (write && shared) return exec ? PAGE.PAGE_SHARED_EXEC : PAGE.PAGE_SHARED;
    return exec ? PAGE.PAGE_READONLY_EXEC : PAGE.PAGE_READONLY;
  };
  return {
    PAGE,
    vm_get_page_prot: (access) => {
      const prot = mapped(access);
      return geometry.lpa2 ? __pgprot(prot & ~PTE_SHARED) : prot;
    },
  };
}

/** `_PAGE_*` under the names of the header: the protections that are also plain constants there. */
export function protConstants(env: Arm64Env): Readonly<Record<string, bigint>> {
  const { PAGE } = protections(env);
  const names = [
    'SHARED', 'SHARED_EXEC', 'READONLY', 'READONLY_EXEC', 'EXECONLY', 'KERNEL', 'KERNEL_RO', 'KERNEL_ROX', 'KERNEL_EXEC',
    'KERNEL_EXEC_CONT',
  ]; // prettier-ignore
  return Object.fromEntries(names.map((name) => [`_PAGE_${name}`, PAGE[`PAGE_${name}`] ?? 0n]));
}
