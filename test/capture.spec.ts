/**
 * The captures of real kernels against our backends. `source`: the folders under fixtures (see meta.json in each: kernel,
 * QEMU, command line); `how`: what an independent walker, /proc and QEMU said. Nothing in them came from our code.
 */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkCapture, openCapture } from '@ptemu/capture';
import { FIXTURES, backend } from './capture-backends.js';

/** Checks that we count in another way than the independent walker; they must agree all the same. */
const COUNTED_OTHERWISE: Readonly<Record<string, string>> = {
  'info tlb (user CR3), pa+flags': 'the files leave out the 65536 espfix aliases',
  'info tlb (kernel CR3), pa+flags': 'the files leave out the 65536 espfix aliases',
  'perm within VMA': 'we look at mapped VM_PFNMAP pages too',
  'kernel text va->pa vs /proc/iomem': 'we look at _text and _stext',
  'PAGEMAP_SCAN: hugetlb range reported huge': 'we count in steps of the smaller of pmd and hugetlb page',
};

/** What every capture must have been asked, whatever else it was asked. */
const ALWAYS: readonly string[] = ['pagemap present+pfn', 'pagemap none', 'pagemap swap type+offset', 'smaps PMD-mapped bytes per VMA']; // prettier-ignore

describe('checkCapture', () => {
  const names = readdirSync(FIXTURES).sort();

  it('finds the twelve captures', () => {
    expect(names).toHaveLength(12);
  });

  for (const name of names) {
    it(`agrees with everything that ${name} says`, () => {
      const capture = openCapture(FIXTURES + name);
      const report = checkCapture(capture, backend);
      const counts = new Map(report.checks.map((check) => [check.name, `${check.agreed} of ${check.total}`]));
      process.stdout.write(
        [...counts].map(([check, count]) => `capture ${name}: ${check} ${count}\n`).join(''),
      );
      expect(report.checks.filter(({ agreed, total }) => agreed !== total)).toEqual([]);
      expect(report.agrees).toBe(true);
      const pages = capture.truth.runs.reduce((sum, run) => sum + run.nrPages, 0);
      const seen = report.checks
        .filter((check) => check.name.startsWith('pagemap '))
        .reduce((sum, { total }) => sum + total, 0);
      expect(seen).toBe(pages);
      for (const check of ALWAYS) expect(counts.has(check)).toBe(true);
      for (const [check, count] of Object.entries(capture.meta.agreement)) {
        expect([...counts.keys()]).toContain(check);
        if (!(check in COUNTED_OTHERWISE)) expect(`${check} ${counts.get(check)}`).toBe(`${check} ${count}`);
      }
    });
  }
});
