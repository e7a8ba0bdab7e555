/** What can be wrong with a capture; each code is explained here. */
export const CAPTURE_ERROR_CODES: {
  readonly MISSING_FILE: string;
  readonly TOO_LARGE: string;
  readonly CORRUPT_GZIP: string;
  readonly BAD_JSON: string;
  readonly BAD_META: string;
  readonly BAD_INDEX: string;
  readonly TRUNCATED: string;
  readonly BAD_TRUTH: string;
  readonly BAD_MAPS: string;
  readonly BAD_INFO_TLB: string;
  readonly BAD_HPT: string;
  readonly BAD_SLB: string;
  readonly UNKNOWN_ARCH: string;
  readonly UNKNOWN_KERNEL: string;
} = {
  MISSING_FILE: 'a file of the capture cannot be read',
  TOO_LARGE: 'a file is larger than any capture is, packed or unpacked',
  CORRUPT_GZIP: 'a .gz file is damaged or cut off',
  BAD_JSON: 'a .json file is no JSON',
  BAD_META: 'meta.json lacks a field or has one of the wrong kind',
  BAD_INDEX:
    'tables.index.json names memory that overlaps, is unaligned, or lies outside of the tables or of 52 bits',
  TRUNCATED: 'tables.bin.gz holds fewer or more bytes than tables.index.json names',
  BAD_TRUTH:
    'truth.json.gz lacks a field, has one of the wrong kind, or speaks of pages outside of every VMA',
  BAD_MAPS: 'maps.txt has a line that is no VMA, or VMAs that overlap',
  BAD_INFO_TLB: 'an info-tlb file has a line that is no translation',
  BAD_HPT: 'hpt.bin.gz is no hash table of the size that meta.json names',
  BAD_SLB: 'slb-user.txt has a line that is no SLB entry',
  UNKNOWN_ARCH: 'no backend is known for the architecture of the capture',
  UNKNOWN_KERNEL: 'no kernel of ours is known for the release of the capture',
};

/** What a `CaptureError` can be about. */
export type CaptureErrorCode = keyof typeof CAPTURE_ERROR_CODES;

/** A capture that cannot be used: one line that says which file and what in it, with a code to switch on. */
export class CaptureError extends Error {
  readonly code: CaptureErrorCode;
  readonly data: Readonly<Record<string, unknown>>;
  constructor(code: CaptureErrorCode, message: string, data: Readonly<Record<string, unknown>> = {}) {
    super(oneLine(message));
    this.name = 'CaptureError';
    this.code = code;
    this.data = data;
  }
}

const LENGTH_MAX = 300;

/** What came from the file may be long or have line ends in it. */
function oneLine(message: string): string {
  const line = message.replace(/\s+/g, ' ');
  return line.length <= LENGTH_MAX ? line : `${line.slice(0, LENGTH_MAX - 3)}...`;
}
