/** A capture of three pages, made by hand, for tests of the reader: one user page at 0x400000 of an x86_64 with 4 levels. */
import { gzipSync } from 'node:zlib';

/** Files of a capture by name; a test replaces what it wants to be wrong. */
export type Files = Record<string, Uint8Array | undefined>;

const text = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

/** meta.json as an object. */
export const META: Readonly<Record<string, unknown>> = {
  name: 'small',
  arch: 'x86_64',
  kernel: 'Linux 6.1.0-56-amd64 #1 SMP Debian 6.1.192-2 (2026-11-16) x86_64',
  kernel_release: '6.1.0-56-amd64',
  page_size: 4096,
  thp_size: 2097152,
  endian: 'little',
  registers: { root_user: '1000', root_kernel: '1000', levels: 4 },
  regions: [{ name: 'small', start: '400000', length: '1000', note: '' }],
  agreement: { 'pagemap present+pfn': '1 of 1' },
};

/** tables.index.json as an object: four pages in two runs. */
export const INDEX: readonly Readonly<Record<string, unknown>>[] = [
  { pa: '1000', length: 8192, offset: 0 },
  { pa: '5000', length: 8192, offset: 8192 },
];

/** truth.json as an object. */
export const TRUTH: Readonly<Record<string, unknown>> = {
  runs: [{ va: '400000', n: 1, pagemap: 'a080000000000077', delta: 0, kpageflags: '0', kpagecount: '1' }],
  gva2gpa_user: { '400123': '77123', '800000': null },
  gva2gpa_kernel: {},
  pagemap_scan_huge: [],
  smaps_huge: { '400000': { KernelPageSize: 4096, Rss: 4096 } },
};

/** pgd 0x1000 -> pud 0x2000 -> pmd 0x5000 -> pte 0x6000 -> frame 0x77, writable, user, young, dirty, soft-dirty. */
export function tables(): Uint8Array {
  const bytes = new Uint8Array(16384);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, 0x2067n, true);
  view.setBigUint64(4096, 0x5067n, true);
  view.setBigUint64(8192 + 2 * 8, 0x6067n, true);
  view.setBigUint64(12288, 0x8000_0000_0007_7867n, true);
  return bytes;
}

/** All files, with replacements: bytes, or what is to be written as text or JSON. `null` leaves a file out. */
export function files(replace: Readonly<Record<string, unknown>> = {}): Files {
  const made: Files = {
    'meta.json': text(META),
    'tables.index.json': text(INDEX),
    'tables.bin.gz': gzipSync(tables()),
    'truth.json.gz': gzipSync(text(TRUTH)),
    'maps.txt': text('00400000-00401000 rw-p 00000000 00:02 8                                  /init\n'),
  };
  for (const [name, value] of Object.entries(replace)) {
    if (value === null) delete made[name];
    else if (value instanceof Uint8Array) made[name] = value;
    else made[name] = name.endsWith('.gz') ? gzipSync(text(value)) : text(value);
  }
  return made;
}
