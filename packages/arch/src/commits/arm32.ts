import type { Commit } from '../kernel.js';

/** Commits that changed what the arm32 backend does. */
export const ARM32_COMMITS: readonly Commit[] = [
  {
    id: 'arm-8109-1',
    subject: 'ARM: 8109/1: mm: Modify pte_write and pmd_write logic for LPAE',
    since: '4.4',
    placed: 'between',
    after: '3.16',
    grade: 'R',
    source:
      'fact sheet 4.1 and 4.2: read-only is bit 7 in 3.16, the software bit 58 with the AP2 rule from 4.4 on (number and subject recalled)',
  },
  {
    id: 'arm-trans-huge-not-table',
    subject: 'ARM: mm: pmd_trans_huge() tests the whole descriptor type',
    since: '4.4',
    placed: 'between',
    after: '3.16',
    source: 'fact sheet 4.2, pmd_trans_huge: !b1 in 3.16, !pmd_table from 4.4 on (subject is ours)',
  },
  {
    id: 'arm-pmd-mkclean',
    subject: 'ARM: mm: add pmd_mkclean() for lazyfree of transparent huge pages',
    since: '4.5',
    placed: 'read',
    source: 'fact sheet 4.2: mkclean 4.5+ (subject is ours)',
  },
  {
    id: '624531886987',
    subject: 'ARM: 8578/1: mm: ensure pmd_present only checks the valid bit',
    since: '4.7',
    placed: 'read',
    source: 'arch/arm/include/asm/pgtable.h of 4.6.2 lacks it; fact sheet 4.2 and 10, row 8: 4.7.4 has it',
  },
  {
    id: 'arm-8579-1',
    subject: 'ARM: 8579/1: mm: Fix definition of pmd_mknotpresent',
    since: '4.7',
    placed: 'read',
    source:
      'arch/arm/include/asm/pgtable-3level.h of 4.6.2 lacks it; fact sheet 4.2 and 10, row 9: 4.7.4 has it',
  },
  {
    id: 'arm-pmd-leaf',
    subject: 'arm: mm: add p?d_leaf() definitions',
    since: '5.8',
    placed: 'between',
    after: '5.4',
    source: 'fact sheet 4.2: pmd_leaf 5.8+ (subject is ours)',
  },
  {
    id: 'arm-swp-exclusive',
    subject: 'arm/mm: support __HAVE_ARCH_PTE_SWP_EXCLUSIVE',
    since: '6.12',
    placed: 'between',
    after: '6.1.192',
    source:
      'vectors: __SWP_OFFSET_SHIFT is 7 in 6.1.192 and 8 in 6.12.117, where bit 7 is L_PTE_SWP_EXCLUSIVE',
  },
];
