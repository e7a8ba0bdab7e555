/** Readers of what stands on the command line; each throws `UsageError` with one line. */
import { readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { Arch, Kernel, Level } from '@ptemu/arch';
import { LEVELS, hex, kernel } from '@ptemu/arch';
import { backend } from '../backends.js';
import { type Io, UsageError } from './io.js';

/** A 64-bit number in hexadecimal, `0x` or not. */
export function parseHex(text: string, what: string): bigint {
  const digits = text.replace(/^0x/i, '').replaceAll('_', '');
  if (!/^[0-9a-f]+$/i.test(digits)) {
    throw new UsageError(`${what} '${clip(text)}' is not hexadecimal; write it like 0x00e8000040000f41`);
  }
  const value = BigInt(`0x${digits}`);
  if (value >> 64n !== 0n) {
    throw new UsageError(
      `${what} '${clip(text)}' has more than 64 bits; the largest is ${hex((1n << 64n) - 1n)}`,
    );
  }
  return value;
}

/** A natural number within bounds. */
export function parseCount(
  text: string,
  { option, min, max }: { readonly option: string; readonly min: number; readonly max: number },
): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`${option} '${clip(text)}' must be a whole number from ${min} to ${max}`);
}

/** The kernel's name of a level. */
export function parseLevel(text: string): Level {
  const level = LEVELS.find((candidate) => candidate === text);
  if (level !== undefined) return level;
  throw new UsageError(`unknown level '${clip(text)}'; there are ${LEVELS.join(', ')}`);
}

/** Commits toggled on the command line. */
export interface Toggles {
  readonly with?: readonly string[];
  readonly without?: readonly string[];
}

/** A release with its toggles. */
export function parseKernel(release: string, toggles: Toggles = {}): Kernel {
  return kernel(release)
    .with(...(toggles.with ?? []))
    .without(...(toggles.without ?? []));
}

/** The release that a command takes where none is given. */
export const DEFAULT_RELEASE = '6.12';

/** A backend from `spec` or `spec@release`. */
export function parseBackend(spec: string, release: string | undefined, toggles: Toggles = {}): Arch {
  const at = spec.lastIndexOf('@');
  const own = at < 0 ? undefined : spec.slice(at + 1);
  const name = at < 0 ? spec : spec.slice(0, at);
  return backend(name, { kernel: parseKernel(own ?? release ?? DEFAULT_RELEASE, toggles) });
}

/** Items of a comma-separated list, none of them empty. */
export function parseList(text: string, option: string): readonly string[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.includes('')) throw new UsageError(`${option} '${clip(text)}' has an empty item`);
  return items;
}

/** Text of a file, or of standard input for `-`. */
export async function readText(path: string, io: Io): Promise<string> {
  return path === '-' ? io.stdin() : readBytes(path).toString('utf8');
}

/** Bytes of a file. */
export function readBytes(path: string): Buffer {
  return onFile('read', path, () => readFileSync(path));
}

/** Writes a text file, whole or not at all: it takes its place when it is complete. */
export const writeText = (path: string, text: string): void => writeBytes(path, Buffer.from(text));

/** Writes a file, whole or not at all. */
export function writeBytes(path: string, bytes: Uint8Array): void {
  onFile('write', path, () => {
    const before = statSync(path, { throwIfNoEntry: false });
    // A pipe or a device cannot be replaced; a folder is refused.
    if (before !== undefined && !before.isFile()) return writeFileSync(path, bytes);
    const target = before === undefined ? path : realpathSync(path);
    const partial = `${target}.${process.pid}.part`;
    try {
      writeFileSync(partial, bytes, { flush: true, ...(before !== undefined && { mode: before.mode }) });
      renameSync(partial, target);
    } finally {
      rmSync(partial, { force: true });
    }
  });
}

function onFile<T>(verb: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw fileError(verb, path, error);
  }
}

/** What the operating system says of a file, in one line. */
export function fileError(verb: string, path: string, error: unknown): UsageError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const why = FILE_ERRORS[code] ?? (error instanceof Error ? error.message : String(error));
  return new UsageError(`cannot ${verb} '${clip(path)}': ${why}`);
}

const FILE_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EISDIR: 'it is a folder',
  EACCES: 'permission denied',
  ENOTDIR: 'a part of its path is no folder',
  ENAMETOOLONG: 'its name is too long',
  ERR_FS_FILE_TOO_LARGE: 'it is too large',
};

/** A text that is quoted in a message, at most so long that the message stays a line. */
export const clip = (text: string): string =>
  text.length <= 40
    ? JSON.stringify(text).slice(1, -1)
    : `${JSON.stringify(text.slice(0, 37)).slice(1, -1)}...`;
