/**
 * A claim says what was done while a row was measured. Where that was a flush function of the kernel, what the backend's own
 * flush issues for as many pages must be the same: else prices fit rows that no operation of the model ever meets.
 */
import type { Arch, CostProfile } from '@ptemu/arch';
import { operationEvents } from '@ptemu/mm';
import { describe, expect, it } from 'vitest';
import { backend } from '../src/backends.js';

/** What clearing so many pages on one CPU issues; VALE1IS, which an unmap uses, counts as VAE1IS, which the rows were taken with. */
function issuedBy(arch: Arch, pages: number): Readonly<Record<string, number>> {
  const { issued, calls, completions } = operationEvents(arch, {
    operation: 'madv_dontneed',
    pages,
    cpus: 1,
  });
  const named = Object.entries(issued).map(([name, count]) => [name.replace('VALE1IS', 'VAE1IS'), count]);
  return { calls, completions, ...(Object.fromEntries(named) as Readonly<Record<string, number>>) };
}

const claimed = (profile: CostProfile, series: string): readonly (readonly [number, object])[] =>
  profile.claims.flatMap(({ row, events }) => {
    const [, name, pages] = /^(.*)\/(\d+)$/.exec(row) ?? [];
    if (name !== series) return [];
    const { calls = 0, completions = 0, issued } = events;
    return [[Number(pages), { calls, completions, ...issued }] as const];
  });

const profileOf = (arch: Arch, id: string): CostProfile => {
  const found = arch.costs.profiles.find((profile) => profile.id === id);
  if (found === undefined) throw new Error(`no profile ${id}`);
  return found;
};

describe('events of claimed rows are those of the kernel', () => {
  it('x86_64 4.5, flush_tlb_mm_range of 1 to 33 pages', () => {
    const arch = backend('x86_64', { kernel: '4.5' });
    const rows = claimed(profileOf(arch, 'mm-range-2014'), 'flush_tlb_mm_range').filter(([pages]) => pages <= 33);
    expect(rows).toHaveLength(33);
    for (const [pages, events] of rows) expect(issuedBy(arch, pages)).toEqual(events);
  }); // prettier-ignore
  it('arm64 6.12, machine A: single TLBI up to 511 pages, then the whole address space', () => {
    const arch = backend('arm64', { kernel: '6.12' });
    const rows = claimed(profileOf(arch, 'machine-a'), 'machine A');
    expect(rows).toHaveLength(16);
    for (const [pages, events] of rows) expect(issuedBy(arch, pages)).toEqual(events);
  });
  it.each(['5.15', '6.12'])('arm64 %s with range TLBI, machine B: one for the even part, a single one for the odd page', (kernel) => {
    const arch = backend('arm64', { kernel, cpu: { tlbRange: true } });
    const rows = claimed(profileOf(arch, 'machine-b'), 'machine B range');
    expect(rows).toHaveLength(16);
    for (const [pages, events] of rows) expect(issuedBy(arch, pages)).toEqual(events);
  }); // prettier-ignore
});
