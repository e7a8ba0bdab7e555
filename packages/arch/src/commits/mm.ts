import type { Commit } from '../kernel.js';

/** Commits that changed the generic code: mm/, include/linux, asm-generic. */
export const MM_COMMITS: readonly Commit[] = [
  {
    id: 'pmd-splitting-removed',
    subject: 'mm, thp: remove infrastructure for handling splitting PMDs',
    since: '4.5',
    placed: 'commit',
    source:
      'fact sheet 1.4: pmd_trans_splitting, pmd_mksplitting, pmdp_splitting_flush seen 2.6.38 to 4.4, gone at 4.5.0',
  },
  {
    id: 'thp-invalidate-right-address',
    subject: 'thp: call pmdp_invalidate() with correct virtual address',
    since: '4.5',
    placed: 'commit',
    source: 'fact sheet 2, item 6 and 10, row 5: mail of 24 Feb 2016, applied directly for v4.5-rc6',
  },
  {
    id: 'c58f0bb77ed8',
    subject: 'asm-generic: provide generic_pmdp_establish()',
    since: '4.16',
    placed: 'commit',
    source: 'fact sheet 10, row 15 and 1.4',
  },
  {
    id: 'd52605d7cb30',
    subject: 'mm: do not lose dirty and accessed bits in pmdp_invalidate()',
    since: '4.16',
    placed: 'commit',
    source: 'scenario pmdp-invalidate-dirty-loss; fact sheet 3.1',
  },
  {
    id: '616b8371539a',
    subject: 'mm: thp: enable thp migration in generic path',
    since: '4.14',
    placed: 'commit',
    source: 'fact sheet 4.5',
  },
  {
    id: 'ced108037c2a',
    subject: 'thp: fix MADV_DONTNEED vs. numa balancing race',
    since: '4.11',
    placed: 'read',
    source:
      'fact sheet 3.5 (change_huge_pmd) and 10, row 13: 4.11.0; mm/huge_memory.c of 4.10.17 clears and sets',
  },
  {
    id: '70cbc3cc78a9',
    subject: 'mm: gup: fix the fast GUP race with THP collapse',
    since: '6.1',
    placed: 'between',
    after: '4.14',
    source: '6.1.192 and 6.12.117 compare the pmd again in gup_pte_range; msm-4.14 (mm/gup.c) does not',
  },
  {
    id: 'split-keeps-pte-dirty',
    subject: 'mm/thp: carry over dirty bit when thp splits on pmd',
    since: '6.12',
    placed: 'between',
    after: '6.1.192',
    source:
      'mm/huge_memory.c, __split_huge_pmd_locked: 6.1.192 leaves the ptes clean (the folio is dirty), 6.12.117 makes them dirty',
  },
  {
    id: '86ec2da037b8',
    subject: 'mm/thp: rename pmd_mknotpresent() as pmd_mkinvalid()',
    since: '5.8',
    placed: 'commit',
    source: 'fact sheet 10, row 19; mknotpresent read up to 5.4, mkinvalid from 5.8.1',
  },
  {
    id: 'pte-offset-map-may-fail',
    subject: 'mm/pgtable: allow pte_offset_map[_lock]() to fail',
    since: '6.5',
    placed: 'between',
    after: '6.1.192',
    source:
      'fact sheet 1.4: pmd_none_or_trans_huge_or_clear_bad and pmd_trans_unstable 3.6 to 6.1, gone at 6.5',
  },
  {
    id: 'savedwrite-removed',
    subject: 'mm: remove the savedwrite infrastructure of NUMA balancing',
    since: '6.5',
    placed: 'between',
    after: '6.1.192',
    source: 'fact sheet 8.3: gone at 6.5; vectors: 6.1.192 has pmd_savedwrite, 6.12.117 has not',
  },
  {
    id: 'pmd-large-removed',
    subject: 'mm/treewide: replace pmd_large() with pmd_leaf()',
    since: '6.12',
    placed: 'between',
    after: '6.5',
    source:
      'fact sheet 1.4: pmd_large gone at 6.12; vectors: 6.1.192 has pmd_large and pmd_huge, 6.12.117 has neither',
  },
  {
    id: 'pte-mkwrite-novma',
    subject: "mm: rename arch pte_mkwrite()'s to pte_mkwrite_novma()",
    since: '6.6',
    placed: 'between',
    after: '6.5',
    source:
      'fact sheet 1.4: pmd_mkwrite(pmd) became pmd_mkwrite(pmd, vma) and pmd_mkwrite_novma between 6.5 and 6.12',
  },
  {
    id: 'pmd-special',
    subject: 'mm: mark special bits for huge pfn mappings when inject',
    since: '6.12',
    placed: 'between',
    after: '6.1.192',
    source: 'vectors: 6.12.117 has pmd_special and pmd_mkspecial, 6.1.192 has neither',
  },
  {
    id: 'pte-marker',
    subject: 'mm: introduce PTE_MARKER swap entry',
    since: '6.1',
    placed: 'between',
    source:
      'vectors: 6.1.192 has SWP_PTE_MARKER_NUM, PTE_MARKER_MASK and SWP_SWAPIN_ERROR; no older tree was read',
  },
  {
    id: 'migration-entry-ad',
    subject: 'mm: remember young/dirty bit for page migrations',
    since: '6.1',
    placed: 'between',
    source: 'vectors: 6.1.192 has SWP_MIG_YOUNG and SWP_MIG_DIRTY; no older tree was read',
  },
  {
    id: 'swapin-error-as-marker',
    subject: 'mm: make pte markers unconditional, and the swap-in error one of them',
    since: '6.12',
    placed: 'between',
    after: '6.1.192',
    source:
      'vectors: 6.1.192 has SWP_SWAPIN_ERROR, 6.12.117 has PTE_MARKER_POISONED and always SWP_PTE_MARKER',
  },
  {
    id: '5d1904204c99',
    subject: 'mremap: fix race between mremap() and page cleanning',
    since: '4.9',
    placed: 'between',
    grade: 'R',
    source: 'mm/mremap.c of msm-4.14 flushes under the lock where a pte was dirty; the release is recalled',
  },
  {
    id: 'mremap-no-latency-limit',
    subject: 'mremap: Remove LATENCY_LIMIT from mremap to reduce the number of TLB shootdowns',
    since: '4.19',
    placed: 'between',
    after: '4.16',
    grade: 'R',
    source: 'patch of 6 Jun 2018 read in a mail archive: 64 pages at a time before; the release is recalled',
  },
  {
    id: '7c38f1812d5b',
    subject: 'mm/huge_memory: use flush_pmd_tlb_range in move_huge_pmd',
    since: '6.0',
    placed: 'between',
    after: '5.16',
    source: 'id and subject in a list of commits, the series is of June 2022; flush_tlb_range() before',
  },
  {
    id: '4a18419f71cd',
    subject: 'mm/mprotect: use mmu_gather',
    since: '6.0',
    placed: 'between',
    after: '5.16',
    source:
      'id and subject in a later fix read in a mail archive; merged for 5.19, which has no place of its own here',
  },
  {
    id: '2ba99c5e0881',
    subject: 'mm/khugepaged: fix GUP-fast interaction by sending IPI',
    since: '6.1',
    placed: 'between',
    grade: 'R',
    source: 'mm/khugepaged.c of 6.1.192 and 6.12.117 calls tlb_remove_table_sync_one(); id recalled',
  },
];
