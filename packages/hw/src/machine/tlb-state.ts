/**
 * The content of a CPU's TLB as one value: a canonical text that a cell can hold, parsed once per distinct content.
 */

/** One cached translation. */
export interface TlbEntry {
  readonly mm: string;
  readonly va: bigint;
  readonly sizeBytes: bigint;
  /**
   * Size of the page behind it, where that is larger: an HPTE of a huge page serves one sub-page, but the processor may
   * cache the whole page. What overlaps with that counts as a second translation.
   */
  readonly pageBytes: bigint;
  readonly pa: bigint;
  readonly write: boolean;
  /** Stores through it need no further dirty update. */
  readonly dirty: boolean;
}

/** Parses a TLB's content. The empty text is an empty TLB. */
export const tlbEntries = (content: string): readonly TlbEntry[] =>
  content === '' ? [] : content.split(';').map(parseEntry);

/** The content with one more entry, in canonical order. */
export const withEntry = (content: string, entry: TlbEntry): string =>
  render([...tlbEntries(content), entry]);

/** The content without the entries that the test chooses. */
export const withoutEntries = (content: string, drop: (entry: TlbEntry) => boolean): string =>
  render(tlbEntries(content).filter((entry) => !drop(entry)));

/** Tests whether an entry and a range of the same mm overlap. */
export const overlaps = (entry: TlbEntry, start: bigint, end: bigint): boolean =>
  entry.va < end && start < entry.va + entry.sizeBytes;

/** Tests whether the pages behind two entries overlap. */
export function pagesOverlap(a: TlbEntry, b: TlbEntry): boolean {
  const start = b.va & ~(b.pageBytes - 1n);
  const from = a.va & ~(a.pageBytes - 1n);
  return from < start + b.pageBytes && start < from + a.pageBytes;
}

function render(entries: readonly TlbEntry[]): string {
  return [...new Set(entries.map(renderEntry))].sort().join(';');
}

function renderEntry(e: TlbEntry): string {
  const hex = (value: bigint): string => value.toString(16);
  const flags = `${e.write ? 'w' : 'r'}${e.dirty ? 'd' : 'c'}`;
  return [e.mm, hex(e.va), hex(e.sizeBytes), hex(e.pageBytes), hex(e.pa), flags].join();
}

function parseEntry(text: string): TlbEntry {
  const [mm = '', va = '0', size = '0', page = '0', pa = '0', flags = ''] = text.split(',');
  return {
    mm,
    va: BigInt(`0x${va}`),
    sizeBytes: BigInt(`0x${size}`),
    pageBytes: BigInt(`0x${page}`),
    pa: BigInt(`0x${pa}`),
    write: flags.startsWith('w'),
    dirty: flags.endsWith('d'),
  };
}
