import { type Env, type Pgprot, type Protections, type VmAccess, __pgprot } from '@ptemu/arch';
import {
  _PAGE_DIRTY,
  _PAGE_INVALID,
  _PAGE_NOEXEC,
  _PAGE_PRESENT,
  _PAGE_PROTECT,
  _PAGE_READ,
  _PAGE_WRITE,
  _PAGE_YOUNG,
  _REGION3_ENTRY_LARGE,
  _REGION_ENTRY_PROTECT,
  _REGION_ENTRY_TYPE_R3,
  _SEGMENT_ENTRY_INVALID,
  _SEGMENT_ENTRY_LARGE,
  _SEGMENT_ENTRY_PROTECT,
  region3Bits,
  segmentBits,
} from './bits.js';

/** The protections, and how one in pte format reads in segment format. */
export interface S390Protections extends Protections {
  /**
   * Turns PAGE_NONE, PAGE_RO, PAGE_RX or PAGE_RW into the segment's form; anything else counts as PAGE_RWX.
   * @see Linux arch/s390/include/asm/pgtable.h, `massage_pgprot_pmd` (6.12.117)
   */
  readonly massage_pgprot_pmd: (pgprot: bigint) => bigint;
}

/**
 * Protections of a release. PAGE_* are INVALID and PROTECT: `mk_pte` makes the entry young, and so valid; `pte_mkdirty`
 * makes a writable one storable. Reading implies fetching before no-execute came (4.11), and PAGE_READ and PAGE_WRITE
 * were the names then (recalled; the fact sheet gives the bits only).
 *
 * @see Linux arch/s390/include/asm/pgtable.h, `PAGE_NONE` and following; mm/mmap.c, `protection_map` (6.12.117)
 */
export function protections(env: Env): S390Protections {
  const { kernel, cpu } = env;
  const known = kernel.has('s390-noexec');
  const NX = known && (cpu['nx'] === true || !kernel.has('s390-set-pmd-keeps-noexec')) ? _PAGE_NOEXEC : 0n;
  const hidden = _PAGE_PRESENT | _PAGE_INVALID | _PAGE_PROTECT;
  const PAGE_NONE = __pgprot(hidden);
  const PAGE_RO = __pgprot(hidden | _PAGE_READ | NX);
  const PAGE_RX = __pgprot(hidden | _PAGE_READ);
  const PAGE_RW = __pgprot(hidden | _PAGE_READ | _PAGE_WRITE | NX);
  const PAGE_RWX = __pgprot(hidden | _PAGE_READ | _PAGE_WRITE);
  const kernelRw = _PAGE_PRESENT | _PAGE_READ | _PAGE_WRITE | _PAGE_YOUNG | _PAGE_DIRTY;
  const kernelRo = _PAGE_PRESENT | _PAGE_READ | _PAGE_YOUNG | _PAGE_PROTECT;
  const segment = segmentProtections(env, NX);
  const names: Readonly<Record<string, Pgprot>> = known
    ? { PAGE_NONE, PAGE_RO, PAGE_RX, PAGE_RW, PAGE_RWX }
    : { PAGE_NONE, PAGE_READ: PAGE_RX, PAGE_WRITE: PAGE_RWX };
  return {
    PAGE: {
      ...names,
      PAGE_SHARED: __pgprot(kernelRw | NX),
      PAGE_KERNEL: __pgprot(kernelRw | NX),
      PAGE_KERNEL_RO: __pgprot(kernelRo | NX),
      PAGE_KERNEL_EXEC: __pgprot(kernelRw),
      ...segment.PAGE,
      ...region3Protections(env, NX),
    },
    vm_get_page_prot: ({ read, write, exec, shared }: VmAccess) => {
      if (!read && !write && !exec) return PAGE_NONE;
      if (write && shared) return exec ? PAGE_RWX : PAGE_RW;
      return exec ? PAGE_RX : PAGE_RO;
    },
    massage_pgprot_pmd: (pgprot) => {
      if (pgprot === PAGE_NONE) return segment.NONE;
      if (pgprot === PAGE_RO) return segment.RO;
      if (pgprot === PAGE_RX) return segment.RX;
      if (pgprot === PAGE_RW) return segment.RW;
      return segment.RWX;
    },
  };
}

interface SegmentProtections {
  readonly NONE: bigint;
  readonly RO: bigint;
  readonly RX: bigint;
  readonly RW: bigint;
  readonly RWX: bigint;
  readonly PAGE: Readonly<Record<string, Pgprot>>;
}

/**
 * SEGMENT_*. Up to 3.11 the two hardware bits say everything; from 3.12 to the dirty bits every fresh entry is old, so
 * INVALID, and the young bit's place marks prot-none in an INVALID entry (both recalled; the fact sheet gives
 * INVALID | PROTECT for prot-none, which is what the young one shows).
 */
function segmentProtections(env: Env, NX: bigint): SegmentProtections {
  const { kernel, config } = env;
  const I = _SEGMENT_ENTRY_INVALID;
  const P = _SEGMENT_ENTRY_PROTECT;
  if (!kernel.has('s390-segment-dirty-bits')) {
    const tracked = kernel.has('s390-software-referenced-bits');
    const NONE = tracked ? I | segmentBits(kernel, config).YOUNG : I | P;
    const READ = tracked ? I | P : P;
    const WRITE = tracked ? I : 0n;
    const PAGE = {
      SEGMENT_NONE: __pgprot(NONE),
      SEGMENT_READ: __pgprot(READ),
      SEGMENT_WRITE: __pgprot(WRITE),
    };
    return { NONE, RO: READ, RX: READ, RW: WRITE, RWX: WRITE, PAGE };
  }
  const { PRESENT, READ, WRITE, YOUNG, DIRTY } = segmentBits(kernel, config);
  const NONE = PRESENT | I | P;
  const RX = PRESENT | P | READ;
  const RWX = PRESENT | READ | WRITE;
  const large = PRESENT | _SEGMENT_ENTRY_LARGE | READ | YOUNG;
  const kernelNames = {
    SEGMENT_KERNEL: __pgprot(large | WRITE | DIRTY | NX),
    SEGMENT_KERNEL_RO: __pgprot(large | P | NX),
    SEGMENT_KERNEL_EXEC: __pgprot(large | WRITE | DIRTY),
  };
  const userNames: Readonly<Record<string, Pgprot>> = kernel.has('s390-noexec')
    ? {
        SEGMENT_RO: __pgprot(RX | NX),
        SEGMENT_RX: __pgprot(RX),
        SEGMENT_RW: __pgprot(RWX | NX),
        SEGMENT_RWX: __pgprot(RWX),
      }
    : { SEGMENT_READ: __pgprot(RX), SEGMENT_WRITE: __pgprot(RWX) };
  return {
    NONE,
    RO: RX | NX,
    RX,
    RW: RWX | NX,
    RWX,
    PAGE: { SEGMENT_NONE: __pgprot(NONE), ...userNames, ...kernelNames },
  };
}

/** REGION3_*: kernel mappings of 2 GiB. */
function region3Protections(env: Env, NX: bigint): Readonly<Record<string, Pgprot>> {
  const { PRESENT, READ, WRITE, YOUNG, DIRTY } = region3Bits(env.kernel, env.config);
  const large = _REGION_ENTRY_TYPE_R3 | _REGION3_ENTRY_LARGE | PRESENT | READ | YOUNG;
  return {
    REGION3_KERNEL: __pgprot(large | WRITE | DIRTY | NX),
    REGION3_KERNEL_RO: __pgprot(large | _REGION_ENTRY_PROTECT | NX),
    ...(env.kernel.has('s390-region3-kernel-exec') && {
      REGION3_KERNEL_EXEC: __pgprot(large | WRITE | DIRTY),
    }),
  };
}
