/**
 * The invariants of the world, evaluated where they can fall: at stores, uses of translations, releases, unlocks and the
 * ends of calls. Numbers are those of the corpus; I1, I2 and I11 lie in hw beside the accesses that they judge.
 */
import {
  type Machine,
  type SlotInfo,
  type StoreHook,
  type TableRegion,
  translationsOf,
  type UseHook,
  viewEntry,
} from '@ptemu/hw';
import type { Frames } from './frames.js';
import { type Folio, folioCells, type MmStruct, ptlOf, type VmAreaStruct } from './mm_types.js';
import { restCell } from './object-steps.js';

/** What the invariants look at. */
export interface Watched {
  readonly machine: Machine;
  readonly mm: MmStruct;
  readonly vma: VmAreaStruct;
  readonly frames: Frames;
  readonly pmd: SlotInfo;
}

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** Cell that says what the last promise about the VMA's range was. */
export const promiseCell = (vma: VmAreaStruct): string => `promise:0x${vma.vm_start.toString(16)}`;

/** The checks, bound to one world. */
export class Invariants {
  readonly #w: Watched;

  constructor(watched: Watched) {
    this.#w = watched;
  }

  readonly onStore: StoreHook = ({ slot, value, tag, by }) => {
    const { machine, frames } = this.#w;
    if (slot.label === 'pmd') {
      const table = this.tableUnder(value);
      if (table !== undefined) {
        machine.setRole(table, 'table:pte');
        if (tag === 'split') machine.set(promiseCell(this.#w.vma), '', '');
      } else if (tag === 'split' && by === 'software') {
        this.#checkContract(slot, value);
      }
    }
    if (tag === 'hash slots' && slot.level === 'pte' && machine.roleOf(slot.region) !== 'deposited') {
      machine.fall(
        'I1',
        `the hash fault records a slot in ${slot.label}, but ${slot.region.name} is ${machine.roleOf(slot.region)}`,
      );
    }
    for (const folio of frames.all()) {
      if (machine.get(folioCells(folio).zapped, 0) === 1 && this.#slotMaps(slot, value, folio)) {
        machine.fall(
          'I9',
          `${slot.label} := ${hex(value)} maps ${folio.name} again, which a finished zap had covered`,
        );
      }
    }
  };

  readonly onUse: UseHook = ({ cpu, pa, va, write, through, cached }) => {
    const { machine, frames, vma } = this.#w;
    const folio = frames.ofPfn(Number(pa >> BigInt(machine.arch.layoutOf().PAGE_SHIFT)));
    if (folio === undefined) {
      machine.fall('I3', `CPU${cpu} uses ${hex(va)} -> ${hex(pa)}, where no page of the model is`);
      return;
    }
    const cells = folioCells(folio);
    if (machine.get(cells.state) === 'free') {
      machine.fall('I3', `CPU${cpu} uses ${hex(va)} -> ${hex(pa)} in ${folio.name}, which is free`);
    }
    if (cached && machine.get(promiseCell(vma), '') !== '') {
      const size = through.sizeBytes;
      machine.fall(
        'I4',
        `CPU${cpu} uses a cached translation of ${hex(va)} (${hex(size)} bytes) after its invalidation returned`,
      );
    }
    if (write) machine.set(cells.stored, 1, 0);
  };

  /** I21: what a split leaves visible is not none, is huge, and is not taken for a swap entry. */
  #checkContract(slot: SlotInfo, value: bigint): void {
    const { pmd } = this.#w.machine.arch;
    const none = pmd.pmd_none(value);
    const huge = pmd.pmd_trans_huge(value);
    const swap = !none && !pmd.pmd_present(value);
    if (!none && huge && !swap) return;
    const says = [
      none ? 'none' : '',
      huge ? '' : 'not trans_huge',
      swap ? 'not present, so a swap entry' : '',
    ];
    this.#w.machine.fall(
      'I21',
      `${slot.label} := ${hex(value)} during a split is ${says.filter((s) => s !== '').join(', ')}`,
    );
  }

  /** I5 and I7, when a page-table lock is dropped and no other that covers the same entries is held. */
  readonly unlocked = (): void => {
    const { machine, frames, pmd } = this.#w;
    const table = this.tableUnder(machine.valueOf(pmd));
    const locks = [ptlOf(pmd.region.name), ...(table === undefined ? [] : [ptlOf(table.name)])];
    if (locks.some((lock) => machine.get(lock, '') !== '')) return;
    for (const folio of frames.all()) {
      const cells = folioCells(folio);
      const entire = machine.get(cells.entire, 0) as number;
      const ptes = machine.get(cells.ptes, 0) as number;
      const mappedHuge = this.#hugeMaps(machine.valueOf(pmd), folio) ? 1 : 0;
      const mappedPtes = table === undefined ? 0 : this.#ptesMapping(table, folio);
      if (entire !== mappedHuge || ptes !== mappedPtes) {
        machine.fall(
          'I5',
          `${folio.name} is mapped by ${mappedHuge} pmds and ${mappedPtes} ptes, its mapcounts say ${entire} and ${ptes}`,
        );
      }
      const lost = machine.get(cells.stored, 0) === 1 && machine.get(cells.dirty, 0) !== 1;
      if (lost && mappedHuge + mappedPtes > 0 && !this.#entryDirty(table, folio)) {
        machine.fall(
          'I7',
          `a store has reached ${folio.name}, but neither its entries nor its flag are dirty`,
        );
      }
    }
  };

  /** I10: a lock word in page metadata is used only while the page is a table. */
  readonly locked = (lock: string, who: string): void => {
    const { machine } = this.#w;
    const table = machine.regions().find((region) => ptlOf(region.name) === lock);
    if (table === undefined) return;
    const role = machine.roleOf(table);
    if (!role.startsWith('table:')) machine.fall('I10', `${who} locks ${lock}, but ${table.name} is ${role}`);
  };

  /** I3 and I5, when the last reference to a folio goes. */
  readonly released = (name: string): void => {
    const { machine, frames } = this.#w;
    const folio = frames.named(name);
    if (folio === undefined) return;
    const cells = folioCells(folio);
    const shift = BigInt(machine.arch.layoutOf().PAGE_SHIFT);
    const start = BigInt(folio.pfn) << shift;
    for (const { cpu, entry } of translationsOf(machine, start, start + (BigInt(folio.nrPages) << shift))) {
      machine.fall('I3', `${name} is freed while CPU${cpu} holds ${hex(entry.va)} -> ${hex(entry.pa)}`);
    }
    const mapped = (machine.get(cells.entire, 0) as number) + (machine.get(cells.ptes, 0) as number);
    if (mapped !== 0) machine.fall('I5', `${name} is freed while ${mapped} entries map it`);
    machine.set(cells.state, 'free');
  };

  /** I5: a table that is freed takes no live entry with it. */
  readonly tableFreed = (table: TableRegion): void => {
    const { machine, frames } = this.#w;
    for (const folio of frames.all()) {
      const live = this.#ptesMapping(table, folio);
      if (live !== 0) machine.fall('I5', `${table.name} is freed with ${live} ptes that map ${folio.name}`);
    }
  };

  /** I9, at the end of a zap; from now on no entry may map the folio again. */
  zapDone(): void {
    const { machine, frames, pmd } = this.#w;
    const folio = frames.huge;
    const entry = machine.valueOf(pmd);
    const table = this.tableUnder(entry);
    if (this.#hugeMaps(entry, folio) || (table !== undefined && this.#ptesMapping(table, folio) > 0)) {
      machine.fall('I9', `the zap has finished, and ${pmd.label} = ${hex(entry)} still maps ${folio.name}`);
    }
    machine.set(folioCells(folio).zapped, 1, 0);
  }

  /** I8, when the mm is dropped. */
  checkMm(): void {
    const { machine, mm, frames } = this.#w;
    const rss = machine.get(mm.rss, 0) as number;
    if (rss !== 0) machine.fall('I8', `BUG: Bad rss-counter state mm:${mm.id} type:MM_ANONPAGES val:${rss}`);
    const tables = machine.get(mm.nr_ptes, 0) as number;
    if (tables !== 0) machine.fall('I8', `BUG: non-zero pgtables on freeing mm:${mm.id}: ${tables}`);
    for (const region of machine.regions()) {
      if (region.level === 'pte' && region.owner === mm.id && machine.roleOf(region) !== 'free') {
        machine.fall('I8', `${region.name} is still ${machine.roleOf(region)} when mm:${mm.id} is dropped`);
      }
    }
    const mapped = machine.get(folioCells(frames.huge).entire, 0) as number;
    if (mapped !== 0) machine.fall('I8', `${frames.huge.name} is still mapped when mm:${mm.id} is dropped`);
  }

  /** I3: a pin must be of the page that the address maps, whole and allocated. */
  pinned(name: string, address: bigint): void {
    const { machine, frames, vma } = this.#w;
    const folio = frames.named(name);
    if (folio === undefined) return;
    const state = machine.get(folioCells(folio).state);
    if (folio === frames.zero) {
      machine.fall('I3', `GUP-fast pins frame 0 for ${hex(address)}, which has never been mapped there`);
    } else if (state === 'free' || state === 'split') {
      machine.fall('I3', `GUP-fast pins ${name} for ${hex(address)}, which is ${state}`);
    } else if (address < vma.vm_start || address >= vma.vm_end) {
      machine.fall('I20', `GUP-fast pins ${name} for ${hex(address)}, outside the mapping`);
    }
  }

  /**
   * I21 at the level of the helper: what the macro that `pmdp_invalidate` is built on makes of the entry, before anything
   * is stored. Where the architecture has no such macro, what the whole operation stores.
   */
  contract(entry: bigint): void {
    const { machine } = this.#w;
    const { pmd, seq } = machine.arch;
    const macro = pmd.pmd_mkinvalid ?? pmd.pmd_mknotpresent;
    const value = macro?.(entry) ?? seq.pmdp_invalidate(entry).stored;
    this.#checkContract(this.#w.pmd, value);
  }

  /** The table that a pmd value points to, as the walker reads it. */
  tableUnder(value: bigint): TableRegion | undefined {
    const view = viewEntry(this.#w.machine.mmu, 'pmd', value);
    return view.kind === 'table' ? this.#w.machine.regionByBase(view.base) : undefined;
  }

  #slotMaps(slot: SlotInfo, value: bigint, folio: Folio): boolean {
    if (slot.level === 'pte')
      return this.#pteMaps(value, folio) && this.#w.machine.roleOf(slot.region) === 'table:pte';
    if (slot.label !== 'pmd') return false;
    if (this.#hugeMaps(value, folio)) return true;
    const table = this.tableUnder(value);
    return table !== undefined && this.#ptesMapping(table, folio) > 0;
  }

  #hugeMaps(value: bigint, folio: Folio): boolean {
    const { pmd } = this.#w.machine.arch;
    return (
      folio.nrPages > 1 &&
      !pmd.pmd_none(value) &&
      pmd.pmd_trans_huge(value) &&
      pmd.pmd_pfn(value) === folio.pfn
    );
  }

  #pteMaps(value: bigint, folio: Folio): boolean {
    const { pte } = this.#w.machine.arch;
    if (pte.pte_none(value) || !pte.pte_present(value)) return false;
    const pfn = pte.pte_pfn(value);
    return folio.pfn <= pfn && pfn < folio.pfn + folio.nrPages;
  }

  #ptesMapping(table: TableRegion, folio: Folio): number {
    const { machine } = this.#w;
    const slots = machine.slotsOf(table);
    const single = slots.filter((slot) => this.#pteMaps(machine.valueOf(slot), folio)).length;
    const rest = machine.get(restCell(table.name), 'empty') === folio.name ? folio.nrPages - slots.length : 0;
    return single + rest;
  }

  #entryDirty(table: TableRegion | undefined, folio: Folio): boolean {
    const { machine, pmd } = this.#w;
    const value = machine.valueOf(pmd);
    if (this.#hugeMaps(value, folio)) return machine.arch.pmd.pmd_dirty(value);
    if (table === undefined) return false;
    return machine.slotsOf(table).some((slot) => {
      const pte = machine.valueOf(slot);
      return this.#pteMaps(pte, folio) && machine.arch.pte.pte_dirty(pte);
    });
  }
}
