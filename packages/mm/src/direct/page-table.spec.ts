import { __vaddr } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { backends } from '../../test/worlds.js';
import { DirectMachine } from './machine.js';
import { PageTables } from './page-table.js';

const made = (arch: ConstructorParameters<typeof DirectMachine>[0]['arch']): PageTables =>
  new PageTables(new DirectMachine({ arch }));

describe.each([...backends('4.5'), ...backends('6.12')])('%s PageTables', (_name, arch) => {
  const { levels, PAGE_SIZE, HPAGE_PMD_SIZE } = arch.layoutOf();
  it('has one entry per real table, from the root down, in the sizes of the layout', () => {
    const real = levels.filter(({ folded }) => !folded);
    expect(made(arch).levels.map(({ shift, entries }) => [shift, entries])).toEqual(
      real.map(({ shift, entries }) => [shift, entries]),
    );
  });
  it('allocates the tables above a pmd once, and finds the same slot again', () => {
    const tables = made(arch);
    const mm = tables.mm_alloc();
    const address = __vaddr(0x4000_0000n);
    expect(tables.pmd_offset(mm, address)).toBe(tables.levels.length > 2 ? undefined : expect.anything());
    const slot = tables.pmd_alloc(mm, address);
    expect([tables.pmd_alloc(mm, address), tables.pmd_offset(mm, address)]).toEqual([slot, slot]);
  });
  it('fills new tables with empty entries', () => {
    const tables = made(arch);
    const table = tables.pte_alloc_one();
    const last = __vaddr(BigInt(HPAGE_PMD_SIZE - PAGE_SIZE));
    for (const address of [__vaddr(0n), last]) {
      expect(arch.pte.pte_none(tables.machine.memory.load(tables.pte_offset(table, address).paddr))).toBe(
        true,
      );
    }
  });
  it('gives a freed table out again, emptied', () => {
    const tables = made(arch);
    const table = tables.pte_alloc_one();
    tables.machine.memory.store(table, 0x1234_5678n);
    tables.pte_free(table);
    expect(tables.isTable(table)).toBe(false);
    expect(tables.pte_alloc_one()).toBe(table);
    expect(arch.pte.pte_none(tables.machine.memory.load(table))).toBe(true);
  });
});
