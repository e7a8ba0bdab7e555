/** Maps one page with the kernel's helpers, lets the MMU walk to it, then makes it PROT_NONE and looks again. */
import { PhysicalMemory, VM_WRITE, type WalkResult, backend, frameAddress, hex, walk } from 'ptemu';

const va = 0x0000_7f12_3456_7000n;

/** Returns what the example prints. */
export function main(): string {
  const lines: string[] = [];
  const b = backend('x86_64', { kernel: '6.12', levels: 5 });
  const memory = new PhysicalMemory({ firstFrame: 0x1000 });
  const frame = (use: string): bigint => frameAddress(memory, memory.allocateFrame(use));

  // Five tables and a page. A table entry is what the kernel's populate helper makes of the next table's address.
  const [pgd, p4d, pud, pmd, pte] = [frame('pgd'), frame('p4d'), frame('pud'), frame('pmd'), frame('pte')];
  const slot = (table: bigint, shift: number): bigint => table + ((va >> BigInt(shift)) & 511n) * 8n;
  memory.store(slot(pgd, 48), b.pgd.pgd_populate?.(p4d) ?? 0n);
  memory.store(slot(p4d, 39), b.p4d.p4d_populate?.(pud) ?? 0n);
  memory.store(slot(pud, 30), b.pud.pud_populate?.(pmd) ?? 0n);
  memory.store(slot(pmd, 21), b.pmd.pmd_populate(pte));

  // A private writable page, touched and written: as do_anonymous_page() makes it.
  const prot = b.prot.vm_get_page_prot({ read: true, write: true, exec: false, shared: false });
  const clean = b.pte.pfn_pte(memory.allocateFrame('page'), prot);
  const entry = b.pte.pte_mkwrite(b.pte.pte_mkdirty(b.pte.pte_mkyoung(clean)), { vm_flags: VM_WRITE });
  memory.store(slot(pte, 12), entry);

  const look = (title: string): void => {
    const found = walk(memory, b.mmuOf(), pgd, va, { kind: 'write', mode: 'user' });
    const word = memory.load(slot(pte, 12));
    lines.push(
      `${title}: pte ${hex(word)}, pte_present ${b.pte.pte_present(word)}`,
      `  a store ${says(found)}`,
    );
  };
  look('mapped');
  for (const step of walk(memory, b.mmuOf(), pgd, va, { kind: 'read', mode: 'user' }).entries) {
    lines.push(`  ${step.level.padEnd(3)} ${hex(step.entry)} at ${hex(step.entryPaddr, 32)}`);
  }

  memory.store(slot(pte, 12), b.pte.pte_wrprotect(entry));
  look('write-protected');

  // PROT_NONE: present for Linux, not for the MMU; against L1TF the frame number is stored inverted.
  const none = b.prot.vm_get_page_prot({ read: false, write: false, exec: false, shared: false });
  memory.store(slot(pte, 12), b.pte.pte_modify(entry, none));
  look('PROT_NONE');
  return lines.join('\n');
}

function says(found: WalkResult): string {
  return found.kind === 'fault'
    ? `faults at ${found.level}: ${found.cause}`
    : `goes to ${hex(found.paddr, 32)}, a page of ${found.size} bytes`;
}
