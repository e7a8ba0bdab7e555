/** The word that pmdp_invalidate() leaves in a huge pmd, and what five helpers say of it, on two architectures. */
import { type Arch, VM_WRITE, backend, hex, pmdFlags, table, walkerSays } from 'ptemu';

/** A huge page as do_huge_pmd_anonymous_page() maps it, in the form that memory holds. */
function hugePmd({ pmd, prot, seq, layoutOf }: Arch): bigint {
  const pfn = 0x4000_0000 / layoutOf().PAGE_SIZE;
  const writable = prot.vm_get_page_prot({ read: true, write: true, exec: false, shared: false });
  const entry = pmd.pmd_mkyoung(pmd.pmd_mkdirty(pmd.pmd_mkhuge(pmd.pfn_pmd(pfn, writable))));
  return seq.set_pmd_at(pmd.pmd_mkwrite(entry, { vm_flags: VM_WRITE })).stored;
}

function flags({ pmd }: Arch, word: bigint): string {
  const leaf = (pmd.pmd_leaf ?? pmd.pmd_large)?.(word);
  return pmdFlags({
    none: pmd.pmd_none(word),
    present: pmd.pmd_present(word),
    trans_huge: pmd.pmd_trans_huge(word),
    bad: pmd.pmd_bad(word),
    ...(leaf !== undefined && { leaf }),
  });
}

/** Returns what the example prints. */
export function main(): string {
  const machines: readonly (readonly [spec: string, kernel: string])[] = [
    ['s390', '4.5'],
    ['s390', '4.12'],
    ['s390', '6.12'],
    ['arm32', '4.5'],
    ['arm32', '4.7'],
    ['arm32', '6.12'],
  ];
  const rows = machines.map(([spec, kernel]) => {
    const arch = backend(spec, { kernel });
    const huge = hugePmd(arch);
    const { stored, returned } = arch.seq.pmdp_invalidate(huge);
    const returns = returned === huge ? 'the old entry' : hex(returned);
    const words = [hex(huge), flags(arch, huge), hex(stored), flags(arch, stored)];
    return [spec, kernel, ...words, walkerSays(arch, 'pmd', stored), returns];
  });
  const head = ['arch', 'kernel', 'huge pmd', 'says', 'after pmdp_invalidate', 'says', 'walker', 'returned'];
  return [
    table(head, rows),
    '',
    'N pmd_none  P pmd_present  T pmd_trans_huge  B pmd_bad  L pmd_leaf or pmd_large',
    '',
    'On s390 4.12 the entry is none for a moment: whoever zaps the range then passes the huge page by.',
    'On arm32 4.5 the macro gives 0, but set_pmd_at() stores 0x880: not none, and huge, with frame 0.',
    'On arm32 from 4.7 on an invalidated entry is not present: whoever asks that takes it for a swap entry.',
  ].join('\n');
}
