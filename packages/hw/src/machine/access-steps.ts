/**
 * Steps of a CPU that uses memory: an access through the TLB, the loads of a walk, the fill that ends it.
 *
 * `access` either completes through a cached translation or begins a walk; `hw-load` reads one entry for the walk;
 * `hw-fill` records accessed and dirty state where the hardware does, caches the translation and completes the access.
 * Recording is atomic: if the entry has changed since it was read, the walk starts again.
 */
import type { Level, MmuDescription, StateBit } from '@ptemu/arch';
import type { Step } from '@ptemu/explore';
import { viewEntry } from './entry-view.js';
import { always, type Machine, slotCell, type SlotInfo } from './machine.js';
import { checkTableAccess, type StoreHook } from './memory-steps.js';
import { tableBelow } from './table-base.js';
import { allIdle, fillTlb, purgeTargets, setBusy, show, tlbCell, tlbOf } from './tlb-steps.js';
import { overlaps, tlbEntries, type TlbEntry, withoutEntries } from './tlb-state.js';

/** What mm learns of a completed user access: where it went and through which translation. */
export type UseHook = (use: {
  readonly cpu: number;
  readonly va: bigint;
  readonly pa: bigint;
  readonly write: boolean;
  readonly through: TlbEntry;
  /** Whether the translation came from the TLB (and not from the walk just made). */
  readonly cached: boolean;
}) => void;

/** How an access ended, as the result of `access` and `hw-fill`. */
export type AccessResult = 'done' | 'walk' | 'again' | 'fault';

/** Registers the kinds `access hw-walk hw-load hw-fill hpte-insert purge`. */
export function defineAccessSteps(machine: Machine, onUse: UseHook, onStore: StoreHook): void {
  machine.define('access', (m, step) => {
    const { cpu, mm, va, write } = accessOf(step);
    return always((): AccessResult => {
      const hit = tlbOf(m, cpu).find((entry) => entry.mm === mm && overlaps(entry, va, va + 1n));
      if (hit !== undefined && (!write || (hit.write && hit.dirty))) {
        onUse({ cpu, va, pa: hit.pa + (va - hit.va), write, through: hit, cached: true });
        m.effect(`hit ${show(hit)}`);
        return 'done';
      }
      if (m.mmu.kind === 'radix') setBusy(m, cpu, true);
      return 'walk';
    });
  });

  // A speculative walk: no access is waiting for it, and it does not look into the TLB first.
  machine.define('hw-walk', (m, step) => {
    const cpu = step.operands[0] as number;
    return always(() => {
      setBusy(m, cpu, true);
      return undefined;
    });
  });

  machine.define('hw-load', (m, step) => {
    const [cpu, mm] = step.operands as [number, string];
    const slot = m.slotByLabel(step.object);
    return always(() => {
      if (slot === undefined) {
        m.fall('I2', `CPU${cpu} walks into ${step.object}, which is in no table of the model`);
        setBusy(m, cpu, false);
        return 0n;
      }
      const who = `CPU${cpu} walker`;
      checkTableAccess(m, slot, who, mm);
      const entry = m.valueOf(slot);
      const view = viewEntry(m.mmu, slot.level, entry);
      const goesOn =
        view.kind === 'leaf' || (view.kind === 'table' && tableBelow(m, slot, entry, who) !== undefined);
      if (!goesOn) setBusy(m, cpu, false);
      if (view.kind === 'table' && m.mmu.accessed?.inTables === true && m.mmu.accessed.by === 'hardware') {
        record(m, slot, entry, apply(m.mmu.accessed, entry), onStore);
      }
      return entry;
    });
  });

  machine.define('hw-fill', (m, step) => {
    const { cpu, mm, va, write } = accessOf(step);
    const read = step.operands[4] as bigint;
    const slot = m.slotByLabel(step.operands[5] as string);
    if (slot === undefined) throw new Error('internal: hw-fill without slot');
    return always((): AccessResult => {
      const wanted = updated(m.mmu, slot.level, read, write);
      const end = (result: AccessResult): AccessResult => {
        setBusy(m, cpu, false);
        return result;
      };
      if (wanted === undefined) return end('fault');
      if (wanted !== read) {
        if (m.valueOf(slot) !== read) return end('again');
        record(m, slot, read, wanted, onStore);
      }
      const entry = translation(m, slot.level, wanted, mm, va);
      if (entry === undefined) return end('fault');
      // A walk for a store replaces a cached translation of the same page that did not allow it.
      const content = m.get(tlbCell(cpu), '') as string;
      m.set(
        tlbCell(cpu),
        withoutEntries(content, (o) => o.mm === mm && o.va === entry.va && o.sizeBytes === entry.sizeBytes),
        '',
      );
      fillTlb(m, cpu, entry);
      if (step.operands[6] !== 'speculative') {
        onUse({ cpu, va, pa: entry.pa + (va - entry.va), write, through: entry, cached: false });
      }
      return end('done');
    });
  });

  // powerpc hash: software puts a translation into the hash table, which stands in for the TLB.
  machine.define('hpte-insert', (m, step) => {
    const { cpu, mm, va } = accessOf(step);
    const [entry, level] = step.operands.slice(4) as [bigint, Level];
    return always(() => {
      const made = translation(m, level, entry, mm, va);
      if (made !== undefined) fillTlb(m, cpu, made);
      return undefined;
    });
  });

  machine.define('purge', (m, step) => {
    const [target, mm, start, end, sets, local, level] = step.operands as [
      bigint,
      string,
      bigint,
      bigint,
      bigint,
      number,
      Level,
    ];
    const slot = m.slotAt(target);
    return {
      enabled: () => allIdle(m),
      run: () => {
        if (slot === undefined) {
          m.fall(
            'I1',
            `${step.fn}: the instruction edits ${m.labelOf(target)}, a word in no table of the model`,
          );
        } else {
          checkTableAccess(m, slot, step.fn);
          const old = m.valueOf(slot);
          if (slot.level !== level) {
            const edit = `0x${old.toString(16)} -> 0x${(old | sets).toString(16)}`;
            m.fall(
              'I1',
              `${step.fn}: ${step.object} for a ${level} edits ${slot.label} (0x${target.toString(16)}: ${edit})`,
            );
          }
          m.cells.set(m.cells.cell(slotCell(slot), undefined), old | sets);
          onStore({ slot, old, value: old | sets, tag: String(step.operands.at(-1) ?? ''), by: 'software' });
        }
        for (const cpu of local >= 0 ? [local] : purgeTargets(m)) {
          const content = m.get(tlbCell(cpu), '') as string;
          const next = withoutEntries(content, (entry) => entry.mm === mm && overlaps(entry, start, end));
          if (next !== content) {
            m.set(tlbCell(cpu), next, '');
            m.effect(`CPU${cpu} drops 0x${start.toString(16)}`);
          }
        }
        return undefined;
      },
    };
  });
}

/** Entries of every TLB that map a byte of [start, end) of physical memory; the CPU is given beside each. */
export function translationsOf(
  machine: Machine,
  start: bigint,
  end: bigint,
): readonly { readonly cpu: number; readonly entry: TlbEntry }[] {
  return machine.cpus.flatMap(({ id }) =>
    tlbEntries(machine.get(tlbCell(id), '') as string)
      .filter((entry) => entry.pa < end && start < entry.pa + entry.sizeBytes)
      .map((entry) => ({ cpu: id, entry })),
  );
}

/** The entry with what the hardware would record in it for this access; undefined when the access faults. */
export function updated(
  mmu: MmuDescription,
  level: Level,
  entry: bigint,
  write: boolean,
): bigint | undefined {
  let next = entry;
  if (mmu.accessed !== undefined && isClean(mmu.accessed, next)) {
    if (mmu.accessed.by === 'fault') return undefined;
    next = apply(mmu.accessed, next);
  }
  if (write && mmu.dirty !== undefined && isClean(mmu.dirty, next)) {
    const dirty = apply(mmu.dirty, next);
    const view = viewEntry(mmu, level, dirty);
    if (view.kind !== 'leaf' || !view.write || mmu.dirty.by === 'fault') return undefined;
    return dirty;
  }
  const view = viewEntry(mmu, level, next);
  return view.kind === 'leaf' && (!write || view.write) ? next : undefined;
}

const isClean = (state: StateBit, entry: bigint): boolean => (entry & state.clean.mask) === state.clean.value;
const apply = (state: StateBit, entry: bigint): bigint =>
  isClean(state, entry) ? (entry | state.set) & ~state.clear : entry;

function record(machine: Machine, slot: SlotInfo, old: bigint, value: bigint, onStore: StoreHook): void {
  if (old === value) return;
  machine.cells.set(machine.cells.cell(slotCell(slot), undefined), value);
  machine.effect(`hardware updates ${slot.label}`);
  onStore({ slot, old, value, tag: '', by: 'hardware' });
}

function translation(
  machine: Machine,
  level: Level,
  entry: bigint,
  mm: string,
  va: bigint,
): TlbEntry | undefined {
  const view = viewEntry(machine.mmu, level, entry);
  if (view.kind !== 'leaf') return undefined;
  const page = 1n << BigInt(view.shift);
  // Where one entry maps less than a page, this one maps the part that was asked for.
  const part = machine.mmu.subPageBytes ?? page;
  const size = part < page ? part : page;
  const dirty = machine.mmu.dirty === undefined || !isClean(machine.mmu.dirty, entry);
  const start = va & ~(size - 1n);
  const pa = (view.pa & ~(page - 1n)) + (start & (page - 1n));
  return { mm, va: start, sizeBytes: size, pageBytes: page, pa, write: view.write, dirty };
}

interface Access {
  readonly cpu: number;
  readonly mm: string;
  readonly va: bigint;
  readonly write: boolean;
}

function accessOf(step: Step): Access {
  const [cpu, mm, va, write] = step.operands as [number, string, bigint, boolean];
  return { cpu, mm, va, write };
}
