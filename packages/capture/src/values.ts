/** Strict readers of untrusted JSON values: each returns the value or throws a `CaptureError` that says where it was. */
import { CaptureError, type CaptureErrorCode } from './errors.js';

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Reads values of one file; every error names the file and the place in it. */
export class Reader {
  readonly code: CaptureErrorCode;
  readonly file: string;
  constructor(file: string, code: CaptureErrorCode) {
    this.file = file;
    this.code = code;
  }

  /** The error for a value that is not what it has to be. */
  fail(where: string, value: unknown, wanted: string): CaptureError {
    const text = JSON.stringify(value) ?? 'nothing';
    const shown = text.length > 60 ? `${text.slice(0, 57)}...` : text;
    return new CaptureError(this.code, `${this.file}: ${where} is ${shown}; expected ${wanted}`, { where });
  }

  object(where: string, value: unknown): JsonObject {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw this.fail(where, value, 'an object');
    return value as JsonObject;
  }

  array(where: string, value: unknown, lengthMax: number): readonly unknown[] {
    if (!Array.isArray(value)) throw this.fail(where, value, 'an array');
    if (value.length > lengthMax) throw this.fail(`length of ${where}`, value.length, `at most ${lengthMax}`);
    return value;
  }

  string(where: string, value: unknown): string {
    if (typeof value !== 'string') throw this.fail(where, value, 'a string');
    return value;
  }

  integer(where: string, value: unknown, min: number, max: number): number {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
      throw this.fail(where, value, `a whole number from ${min} to ${max}`);
    return value;
  }

  /** Hexadecimal without `0x`, below 2^bits. */
  hex(where: string, value: unknown, bits = 64): bigint {
    if (typeof value !== 'string' || !/^[0-9a-f]{1,16}$/.test(value))
      throw this.fail(where, value, 'hexadecimal digits without 0x');
    const number = BigInt(`0x${value}`);
    if (number >> BigInt(bits) !== 0n) throw this.fail(where, value, `a value below 2^${bits}`);
    return number;
  }
}

/** Parses the text of a JSON file. */
export function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new CaptureError('BAD_JSON', `${file}: is no JSON; the file is damaged`, { file });
  }
}
