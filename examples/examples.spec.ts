import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { main as mapAndWalk } from './01-map-and-walk.js';
import { main as splitHelpers } from './02-split-helpers.js';
import { main as ownScenario } from './03-own-scenario.js';
import { main as protocol } from './04-protocol.js';
import { main as trace } from './05-trace.js';

describe('example 01', () => {
  it('maps a page through five levels, and tells write-protected from PROT_NONE', () => {
    const lines = mapAndWalk().split('\n');
    expect(lines[1]).toBe('  a store goes to 0x01005000, a page of 4096 bytes');
    expect(lines.slice(2, 7).map((line) => line.trim().split(' ')[0])).toEqual([
      'pgd',
      'p4d',
      'pud',
      'pmd',
      'pte',
    ]);
    expect(lines[8]).toBe('  a store faults at pte: permission');
    expect(lines[9]).toMatch(/^PROT_NONE: pte 0x[0-9a-f]{16}, pte_present true$/);
    expect(lines[10]).toBe('  a store faults at pte: not-present');
  });
});

/** Words and answers of the fact sheet, matrix 1.1 and worked words 1.3. */
describe('example 02', () => {
  it.each([
    [/^s390 +4\.12 .* 0x0000000000000020 +N\.\.\.\. +fault/m],
    [/^s390 +6\.12 .* \.PT.L +fault/m],
    [/^arm32 +4\.5 .* 0x0000000000000880 +\.PTB\. +fault/m],
    [/^arm32 +4\.7 .* \.\.TB\. +fault/m],
    [/^arm32 +6\.12 .* \.\.TB\. +fault/m],
  ])('prints %s', (line) => {
    expect(splitHelpers()).toMatch(line);
  });
});

describe('example 03', () => {
  const lines = ownScenario().split('\n');
  it.each(['x86_64', 'arm64'])('finds the page that is freed under a cached translation on %s', (arch) => {
    expect(lines.some((line) => line.startsWith(`${arch}: flush, then free: holds`))).toBe(true);
    expect(lines.some((line) => line.startsWith(`${arch}: free, then flush: violates`))).toBe(true);
    expect(lines.filter((line) => line.startsWith('  H is freed while CPU1 holds '))).toHaveLength(2);
  });
  it('holds in both orders on s390, where clearing the entry purges the TLBs', () => {
    expect(lines.filter((line) => /^s390: .*: holds/.test(line))).toHaveLength(2);
  });
  it('has fewer than 60 lines', () => {
    const text = readFileSync(new URL('./03-own-scenario.ts', import.meta.url), 'utf8');
    expect(text.trim().split('\n').length).toBeLessThan(60);
  });
});

describe('example 04', () => {
  it('finds the reference that is taken too late, and that the atomic one holds', () => {
    const [wrong, right] = protocol().split('\n\n');
    expect(wrong).toMatch(/^test, then take a reference: violates/);
    expect(wrong).toContain('unmap  put_page: write freed 1\n');
    expect(right).toMatch(/^take a reference unless zero: holds/);
  });
});

describe('example 05', () => {
  const lastColumn = (text: string): readonly string[] => text.split('\n').slice(4).map((line) => line.replace(/^.* /, '')); // prettier-ignore
  it('replays the recorded trace where valgrind is not there', async () => {
    const text = await trace(false);
    const said =
      '167,424 accesses of /bin/true, as recorded in examples/traces/true.ptt.gz, since valgrind is not here';
    expect(text.split('\n')[0]).toBe(said);
    // Distinct pages and blocks of lackey's own output, counted apart from ptemu: of 4K, 16K, 64K; of 2M, 32M, 512M.
    expect(lastColumn(text)).toEqual(['140', '6', '140', '6', '55', '3', '23', '2', '23', '6']);
  });
  it.skipIf(spawnSync('valgrind', ['--version']).status !== 0)('records ls with valgrind', async () => {
    const text = await trace(true);
    expect(text).toMatch(/^[\d,]{7,} accesses of ls -l \/\n/);
    expect(lastColumn(text)).toHaveLength(10);
  });
});
