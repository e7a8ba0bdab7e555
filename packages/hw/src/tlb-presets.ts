/**
 * TLBs of real parts, as configurations, with where each number comes from. What no public text says is labelled `assumed`, with
 * what the assumption rests on; replacement policies nearly always are. One thread has the whole structure.
 */
import type { TlbConfig } from './tlb-config.js';

/** A part's TLBs with their sources. */
export interface TlbPreset {
  /** Backend that it belongs to. */
  readonly arch: string;
  readonly config: TlbConfig;
  /**
   * By structure (`l1d.0`, `l1i.0`, `l2.0`, `walkCaches.0`), and for `tagBits` and `replacement`: a document and its section, or
   * `assumed: ` and why. What a note says of the model's limits stands in `note`.
   */
  readonly sources: Readonly<Record<string, string>>;
  readonly note?: string;
}

const INTEL_TABLE =
  'Intel 64 and IA-32 Architectures Optimization Reference Manual, 248966-045, Table 2-15, as quoted in the Intel community thread "TLB information provided by cpuid doesn\'t make sense to me" (2022)';
const INTEL_CPUID = 'CPUID leaf 2 of a Skylake-SP server, printed in the Intel community thread "TLB information provided by cpuid doesn\'t make sense to me" (2022)'; // prettier-ignore
const ZEN_GUIDE =
  'AMD, Software Optimization Guide for Family 17h Processors, 55723 rev. 3.00, 2.7.2, as quoted on Stack Overflow, question 69814823';
const ZEN_CHIP = 'WikiChip, amd/microarchitectures/zen, Memory Subsystem';
const A76 = 'Arm Cortex-A76 Core TRM, 100798_0300, A5.2, TLB organization; assumed: Neoverse N1 has the same, being derived from it'; // prettier-ignore
const A15 = 'Arm Cortex-A15 MPCore TRM, 5.2, TLB organization, as quoted in pytorch/cpuinfo, src/arm/tlb.c';
const LRU = 'assumed: exact LRU, the usual model where nothing is said';

/** Presets by name. */
export const TLB_PRESETS: Readonly<Record<string, TlbPreset>> = {
  'skylake-server': {
    arch: 'x86_64',
    config: {
      name: 'skylake-server',
      l1d: [{ sets: 16, ways: 4 }, { sets: 8, ways: 4, pages: [21] }, { sets: 1, ways: 4, pages: [30] }],
      l1i: [{ sets: 16, ways: 8 }, { sets: 1, ways: 8, pages: [21] }],
      l2: [{ sets: 128, ways: 12, pages: [12, 21] }, { sets: 4, ways: 4, pages: [30] }],
      walkCaches: [{ levels: ['pmd'], sets: 8, ways: 4 }, { levels: ['pud'], sets: 1, ways: 4 }, { levels: ['pgd', 'p4d'], sets: 1, ways: 4 }],
      tagBits: 12,
    },
    sources: {
      'l1d.0': INTEL_CPUID,
      'l1d.1': 'assumed: 32 entries of 4 ways for 2 MiB, as in earlier Intel cores (Nehalem)',
      'l1d.2': INTEL_CPUID,
      'l1i.0': INTEL_TABLE,
      'l1i.1': INTEL_TABLE,
      'l2.0': `${INTEL_CPUID} (1536 entries); WikiChip, intel/microarchitectures/skylake (12 ways)`,
      'l2.1': 'assumed: 16 entries of 4 ways for 1 GiB',
      'walkCaches.0': 'assumed: sizes of paging-structure caches are not published',
      'walkCaches.1': 'assumed: sizes of paging-structure caches are not published',
      'walkCaches.2': 'assumed: sizes of paging-structure caches are not published',
      tagBits: 'Intel SDM volume 3A, 4.10.1: a PCID has 12 bits',
      replacement: LRU,
    },
  },
  zen: {
    arch: 'x86_64',
    config: {
      name: 'zen',
      l1d: [{ sets: 1, ways: 64, pages: [12, 21, 30] }],
      l1i: [{ sets: 1, ways: 64, pages: [12, 21, 30] }],
      l2: [{ sets: 128, ways: 12, pages: [12, 21] }],
      walkCaches: [{ levels: ['pmd'], sets: 1, ways: 32 }, { levels: ['pgd', 'p4d', 'pud'], sets: 1, ways: 32 }],
      tagBits: 12,
    },
    sources: {
      'l1d.0': ZEN_CHIP,
      'l1i.0': '7-cpu.com, Zen2: 64 items, fully associative, all page sizes; assumed: Zen has the same',
      'l2.0': `${ZEN_GUIDE}; ${ZEN_CHIP} (no 1 GiB pages)`,
      'walkCaches.0': 'assumed: the page directory entries that share the L2 TLB are kept apart here',
      'walkCaches.1': 'assumed: sizes of paging-structure caches are not published',
      tagBits: 'AMD64 Architecture Programmer\'s Manual volume 2, CR3: a PCID has 12 bits',
      replacement: LRU,
    },
    note: 'The L2 TLB for instructions (512 entries) is not modelled: instructions share the one for data. The skewed indexing of the L2 TLB is not modelled either.',
  },
  'neoverse-n1': {
    arch: 'arm64',
    config: {
      name: 'neoverse-n1',
      l1d: [{ sets: 1, ways: 48, pages: [12, 14, 16, 21, 29] }],
      l1i: [{ sets: 1, ways: 48, pages: [12, 14, 16, 21, 25] }],
      l2: [{ sets: 256, ways: 5, pages: [12, 14, 16, 21, 25, 29, 30] }],
      walkCaches: [{ levels: ['pgd', 'p4d', 'pud', 'pmd'], sets: 1, ways: 64 }],
      tagBits: 16,
      contiguous: 'merge',
    },
    sources: {
      'l1d.0': A76,
      'l1i.0': A76,
      'l2.0': A76,
      'walkCaches.0': 'assumed: the TRM keeps intermediate addresses in the L2 TLB; here they have 64 entries of their own',
      tagBits: 'Arm ARM DDI 0487, ID_AA64MMFR0_EL1.ASIDBits: 8 or 16; assumed: 16',
      replacement: LRU,
    },
  },
  'cortex-a15': {
    arch: 'arm32',
    config: {
      name: 'cortex-a15',
      l1d: [{ sets: 1, ways: 32 }],
      l1i: [{ sets: 1, ways: 32 }],
      l2: [{ sets: 128, ways: 4, pages: [12, 16, 21, 30] }],
      walkCaches: [{ levels: ['pgd', 'pmd'], sets: 1, ways: 16 }],
      tagBits: 8,
      contiguous: 'merge',
    },
    sources: {
      'l1d.0': A15,
      'l1i.0': A15,
      'l2.0': A15,
      'walkCaches.0': 'assumed: 16 entries; that level 1 entries are cached apart says Linux commit 6d3ec1ae6cdc',
      tagBits: 'Arm ARM DDI 0406C, B3.10: an ASID has 8 bits',
      replacement: LRU,
    },
    note: 'Loads and stores have a TLB of 32 entries each; here they share one.',
  },
  z14: {
    arch: 's390',
    config: {
      name: 'z14',
      l1d: [{ sets: 64, ways: 4 }, { sets: 8, ways: 4, pages: [20] }],
      l1i: [{ sets: 64, ways: 2 }, { sets: 8, ways: 2, pages: [20] }],
      l2: [{ sets: 512, ways: 4, pages: [12, 20] }, { sets: 16, ways: 4, pages: [31] }],
      walkCaches: [{ levels: ['pgd', 'p4d', 'pud', 'pmd'], sets: 128, ways: 4 }],
    },
    sources: {
      'l1d.0': 'assumed: IBM z13s Technical Guide, 3.4.11, says that there are two levels, and no sizes',
      'l1d.1': 'assumed: as l1d.0',
      'l1i.0': 'assumed: as l1d.0',
      'l1i.1': 'assumed: as l1d.0',
      'l2.0': 'assumed: as l1d.0',
      'l2.1': 'assumed: as l1d.0',
      'walkCaches.0': 'assumed: combined region and segment table entries are cached (facts on costs, section 6); no sizes are published',
      tagBits: 'assumed: entries are told apart by the address-space control element, which has no narrow tag',
      replacement: 'IBM z13s Technical Guide, Large page support: least recently used',
    },
  },
  power9: {
    arch: 'powerpc',
    config: {
      name: 'power9',
      l1d: [{ sets: 1, ways: 64, pages: [12, 16, 21, 30] }],
      l1i: [{ sets: 1, ways: 64, pages: [12, 16, 21, 30] }],
      l2: [{ sets: 128, ways: 8, pages: [12, 16, 21, 30] }],
      walkCaches: [{ levels: ['pgd', 'pud', 'pmd'], sets: 1, ways: 32 }],
      tagBits: 20,
    },
    sources: {
      'l1d.0': 'assumed: an ERAT of 64 entries',
      'l1i.0': 'assumed: an ERAT of 64 entries',
      'l2.0': 'Linux commit f6f27951fdf8: a flush of a PID is 128 tlbiel, one per set; assumed: 8 ways',
      'walkCaches.0': 'assumed: that there is one says tlbie RIC=1 (Power ISA 3.0B Book III, 5.10.1), and no size',
      tagBits: 'Power ISA 3.0B Book III, 5.7: the PIDR; assumed: 20 bits implemented',
      replacement: LRU,
    },
  },
}; // prettier-ignore

/** A preset by name; undefined where there is none. */
export const tlbPreset = (name: string): TlbPreset | undefined =>
  Object.hasOwn(TLB_PRESETS, name) ? TLB_PRESETS[name] : undefined;
