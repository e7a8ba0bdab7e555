/**
 * The content of a CPU's TLB as one value: a canonical text that a cell can hold, parsed once per distinct content.
 */

/** One cached translation. */
export interface TlbEntry {
  readonly mm: string;
  readonly va: bigint;
  readonly sizeBytes: bigint;
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

function render(entries: readonly TlbEntry[]): string {
  return [...new Set(entries.map(renderEntry))].sort().join(';');
}

function renderEntry(e: TlbEntry): string {
  const hex = (value: bigint): string => value.toString(16);
  return `${e.mm},${hex(e.va)},${hex(e.sizeBytes)},${hex(e.pa)},${e.write ? 'w' : 'r'}${e.dirty ? 'd' : 'c'}`;
}

function parseEntry(text: string): TlbEntry {
  const [mm = '', va = '0', size = '0', pa = '0', flags = ''] = text.split(',');
  return {
    mm,
    va: BigInt(`0x${va}`),
    sizeBytes: BigInt(`0x${size}`),
    pa: BigInt(`0x${pa}`),
    write: flags.startsWith('w'),
    dirty: flags.endsWith('d'),
  };
}
