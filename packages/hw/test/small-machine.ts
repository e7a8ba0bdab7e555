/** A machine of two CPUs, a pmd, a pte table under it and a table of another address space, for specs of its steps. */
import type { Arch } from '@ptemu/arch';
import { __pmd } from '@ptemu/arch';
import type { Fallen, Operand, StepResult } from '@ptemu/explore';
import {
  type CpuConfig,
  defineAccessSteps,
  defineMemorySteps,
  defineTlbSteps,
  Machine,
  type StoreHook,
  type UseHook,
} from '../src/index.js';

export const VA = 0x4000_0000n;
export const TABLE = 0x5000_0000n;
export const HUGE = 0x4000_0000n;

/** What a step returned, and what fell in it. */
export interface Taken {
  readonly result: StepResult;
  readonly fell: readonly Fallen[];
}

/** The machine, and its steps as calls. */
export class SmallMachine {
  readonly machine: Machine;
  readonly uses: Parameters<UseHook>[0][] = [];
  readonly stores: Parameters<StoreHook>[0][] = [];
  readonly arch: Arch;

  constructor(arch: Arch, cpus: readonly CpuConfig[] = TWO_CPUS) {
    this.arch = arch;
    const machine = new Machine(arch, cpus);
    this.machine = machine;
    machine.region({
      name: 'pmds',
      base: 0x6000_0000n,
      bytes: 0x8000,
      level: 'pmd',
      owner: 'mm',
      role: 'table:pmd',
    });
    machine.region({ name: 'T0', base: TABLE, bytes: 0x1000, level: 'pte', owner: 'mm', role: 'table:pte' });
    machine.region({
      name: 'X',
      base: 0x5010_0000n,
      bytes: 0x1000,
      level: 'pte',
      owner: 'other',
      role: 'table:pte',
    });
    machine.slot('pmd', 'pmd', 0x6000_0000n, 0n);
    machine.slot('T0[0]', 'pte', TABLE, 0n);
    machine.slot('T0[1]', 'pte', TABLE + 8n, 0n);
    machine.slot('X[0]', 'pte', 0x5010_0000n, 0n);
    defineMemorySteps(machine, (change) => this.stores.push(change));
    defineTlbSteps(machine);
    defineAccessSteps(
      machine,
      (use) => this.uses.push(use),
      (change) => this.stores.push(change),
    );
  }

  /** Takes a step; throws when it would have to wait. */
  take(kind: string, object: string, ...operands: readonly Operand[]): Taken {
    const prepared = this.machine.prepare({ kind, object, operands, fn: 'spec' });
    if (!prepared.enabled()) throw new Error(`${kind} ${object} must wait`);
    return { result: prepared.run(), fell: this.machine.takeFallen() };
  }

  /** Tests whether a step could be taken now. */
  can(kind: string, object: string, ...operands: readonly Operand[]): boolean {
    return this.machine.prepare({ kind, object, operands, fn: 'spec' }).enabled();
  }

  /** Whom a step that cannot be taken waits for. */
  waits(kind: string, object: string, ...operands: readonly Operand[]): readonly string[] {
    return this.machine.waitsFor(0, this.machine.prepare({ kind, object, operands, fn: 'spec' }));
  }

  /** A writable, young and dirty huge pmd at 1 GiB, as the architecture stores it. */
  hugePmd(): bigint {
    const { pmd, prot, seq } = this.arch;
    const vma = { vm_mm: { id: 'mm' }, vm_flags: 3n };
    const access = prot.vm_get_page_prot({ read: true, write: true, exec: false, shared: false });
    const pfn = Number(HUGE >> BigInt(this.arch.layoutOf().PAGE_SHIFT));
    const entry = pmd.pmd_mkhuge(pmd.pfn_pmd(pfn, access));
    return seq.set_pmd_at(pmd.pmd_mkyoung(pmd.pmd_mkwrite(pmd.pmd_mkdirty(entry), vma))).stored;
  }

  /** A writable, young and dirty pte of the n-th page at 1 GiB. */
  pte(n: number): bigint {
    const { pte, prot, seq } = this.arch;
    const vma = { vm_mm: { id: 'mm' }, vm_flags: 3n };
    const access = prot.vm_get_page_prot({ read: true, write: true, exec: false, shared: false });
    const entry = pte.pfn_pte(Number(HUGE >> BigInt(this.arch.layoutOf().PAGE_SHIFT)) + n, access);
    return seq.set_pte_at(pte.pte_mkyoung(pte.pte_mkwrite(pte.pte_mkdirty(entry), vma))).stored;
  }

  /** A pmd that points to a table at the address. */
  tablePmd(base: bigint): bigint {
    return __pmd(this.arch.pmd.pmd_populate(base));
  }

  /** A translation of VA that a walk of CPU 1 has cached. */
  cacheHuge(): void {
    this.take('store', 'pmd', this.hugePmd(), '');
    this.take('access', 'va', 1, 'mm', VA, true);
    const { result } = this.take('hw-load', 'pmd', 1, 'mm');
    this.take('hw-fill', 'pmd', 1, 'mm', VA, true, result, 'pmd', 'access');
  }
}

/** CPU 0 works in the kernel, CPU 1 runs the address space and translates. */
export const TWO_CPUS: readonly CpuConfig[] = [
  { id: 0, mm: 'mm', translates: false },
  { id: 1, mm: 'mm', translates: true },
];
