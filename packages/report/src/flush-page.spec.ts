import { describe, expect, it } from 'vitest';
import { CALIBRATION, CHECKS, PROFILES, broadcastRow, interruptRow } from '../test/sample-flushes.js';
import { type FlushPage, UnsourcedError, flushPage } from './flush-page.js';

const counts = [1, 8, 64, 512];
const PAGE: FlushPage = {
  title: 'TLB work of munmap',
  command: 'ptemu bench flush --pages 1,8,64,512 --html <file>',
  rows: [interruptRow, broadcastRow].flatMap((make) =>
    [1, 8].flatMap((cpus) => counts.map((n) => make(n, cpus))),
  ),
  profiles: PROFILES,
  calibration: CALIBRATION,
  checks: CHECKS,
};
const figuresOf = (html: string): readonly string[] =>
  [...html.matchAll(/<h3>(.*?)<\/h3>/g)].map(([, title]) => title ?? '');
const times = (html: string, what: RegExp): number => [...html.matchAll(what)].length;

describe('flushPage', () => {
  it('plots cost and counts, a panel for each architecture, and the published rows', async () => {
    const html = await flushPage(PAGE);
    expect(figuresOf(html)).toEqual([
      'Modelled cost to the CPU that runs the operation, cycles',
      'Modelled cost to all CPUs, cycles',
      'Modelled cost to the CPU that runs the operation, ns',
      'Instructions issued',
      'CPUs interrupted',
      'Translations dropped beyond those asked for',
      'Memory references to have them back',
      'flush_tlb_mm_range',
    ]);
    expect(times(html, /aria-label="x-axis label"/g)).toBe(8);
    expect(html).toContain('>pages →<');
    for (const unit of ['cycles', 'ns', 'IPIs', 'references']) expect(html).toContain(`>↑ ${unit}<`);
  });
  it('takes nothing from a network and runs nothing', async () => {
    const html = await flushPage(PAGE);
    expect(html).not.toMatch(/<script|<link|<img|url\(|@import/);
    expect(html.replaceAll(/xmlns(:xlink)?="[^"]*"/g, '')).not.toMatch(/https?:/);
    expect(html).toContain("default-src 'none'");
    expect(html).toContain('prefers-color-scheme: dark');
  });
  it('names the profiles under the plots of their costs, and apart those without a price', async () => {
    const none = { spec: 's390', id: 'u', label: 'no part', unit: 'ns', status: 'uncalibrated', source: 'none found' }; // prettier-ignore
    const html = await flushPage({ ...PAGE, profiles: [...PROFILES, none] });
    const sections = html.split('<section>').filter((section) => section.includes('Modelled cost'));
    const [alone, all, ns] = sections.map((section) => section.slice(section.indexOf('class="caption"')));
    for (const under of [alone, all]) expect(under).toMatch(/Haswell Xeon.*calibrated, in cycles\. source: a mail, 2015\. note: without fences\. assumed: walk: as an INVLPG\./);
    expect(ns).toMatch(/machine A.*calibrated, in ns\. source: a mail, 2020\./);
    expect(html).toMatch(/<h2>Without prices<\/h2><ul><li><strong>s390: no part\.<\/strong><span> uncalibrated\. source: none found/);
  }); // prettier-ignore
  it('names source and label of each profile, and has every row in a table', async () => {
    const html = await flushPage(PAGE);
    for (const text of ['a mail, 2020', 'a mail, 2015', 'Haswell Xeon', 'without fences', 'a commit, 2014']) {
      expect(html).toContain(text);
    }
    expect(times(html, /<td class="left">munmap<\/td>/g)).toBe(PAGE.rows.length);
    expect(html).toContain('explained: noise of the source');
    expect(html).toMatch(/<td class="left">FAILS<\/td><td class="left">3 &lt; 2<\/td>/);
  });
  it('is the same page each time', async () => {
    expect(await flushPage(PAGE)).toBe(await flushPage(PAGE));
  });
  it('quotes what it is given', async () => {
    const html = await flushPage({ ...PAGE, title: '<b>&', command: '<script>alert(1)</script>' });
    expect(html).toContain('<h1>&lt;b&gt;&amp;</h1>');
    expect(html).not.toContain('<script>');
  });
  it('goes by CPUs where the number of pages is one', async () => {
    const html = await flushPage({
      ...PAGE,
      rows: [1, 2, 64].map((n) => interruptRow(8, n)),
      calibration: [],
    });
    expect(html).toContain('>CPUs →<');
    expect(html).not.toContain('>pages →<');
  });
  it('gives each of several operations a row of panels, and a line the same colour in every figure', async () => {
    const other = PAGE.rows.map((row) => ({ ...row, operation: 'mprotect' }));
    const rows = [...PAGE.rows, ...other];
    const html = await flushPage({ ...PAGE, rows, calibration: [] });
    const svgs = [...html.matchAll(/<svg [^>]*viewBox[^]*?<\/svg>/g)].map(([svg]) => svg);
    const [first] = svgs.filter((svg) => svg.includes('>mprotect<') && svg.includes('>munmap<'));
    expect(first).toBeDefined();
    expect(first).not.toContain('>mprotect, 8 CPUs<');
    const unpriced = rows.filter(({ cpus, spec }) => !(spec === 'x86_64' && cpus === 1));
    const ns = await flushPage({ ...PAGE, rows: unpriced, calibration: [] });
    const legends = [
      ...ns.matchAll(/stroke="(var\(--series-\d\))"[^>]*>(?:(?!<\/svg>).)*<\/svg>(\d CPUs?)/g),
    ];
    const colors = new Map(legends.map(([, color, name]) => [`${name} ${color}`, name]));
    expect([...colors.values()].sort()).toEqual(['1 CPU', '8 CPUs']);
  });
  it('leaves out a plot of nothing but zeros', async () => {
    const html = await flushPage({ ...PAGE, rows: counts.slice(0, 3).map((n) => broadcastRow(n)), calibration: [] }); // prettier-ignore
    expect(figuresOf(html)).toEqual([
      'Modelled cost to the CPU that runs the operation, ns',
      'Instructions issued',
    ]);
  });
  it('is refused where a profile or a row has no source', async () => {
    const [profile] = PROFILES;
    const [row] = CALIBRATION;
    if (profile === undefined || row === undefined) throw new Error('no samples');
    await expect(flushPage({ ...PAGE, profiles: [{ ...profile, source: ' ' }] })).rejects.toThrow(
      new UnsourcedError('profile machine-a of arm64'),
    );
    await expect(flushPage({ ...PAGE, calibration: [{ ...row, source: '' }] })).rejects.toThrow(
      'row flush_tlb_mm_range/1 has no source; a page without sources is not made',
    );
  });
});
