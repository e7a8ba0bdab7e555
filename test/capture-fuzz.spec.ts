/**
 * Captures with something wrong in them: a typed error or a fault value, never a hang, never another exception. What is
 * printed on failure (the seed and the case) replays it.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Capture,
  CaptureError,
  type CaptureView,
  checkCapture,
  dump,
  openView,
  readCapture,
  walkToJson,
} from '@ptemu/capture';
import { FIXTURES, backend } from './capture-backends.js'; // prettier-ignore

const NAMES = readdirSync(FIXTURES).sort();
const FILES = ['meta.json', 'tables.index.json', 'tables.bin.gz', 'truth.json.gz', 'maps.txt', 'info-tlb-user.txt.gz', 'slb-user.txt', 'hpt.bin.gz']; // prettier-ignore
const SEED = 20261122;
/** No case may take longer; the slowest takes about a second alone on this machine. */
const MILLISECONDS_MAX = 15_000;

type Files = Readonly<Record<string, Uint8Array>>;
const original = new Map<string, Files>();

function filesOf(name: string): Files {
  let files = original.get(name);
  if (files === undefined) {
    const there = FILES.filter((file) => existsSync(`${FIXTURES}${name}/${file}`));
    files = Object.fromEntries(
      there.map((file) => [file, new Uint8Array(readFileSync(`${FIXTURES}${name}/${file}`))]),
    );
    original.set(name, files);
  }
  return files;
}

/** Opens and looks around. The first value says how it ended, so that the test can tell that both ends were reached. */
function exercise(files: Files, vas: readonly bigint[], deep: boolean): 'error' | 'walked' {
  const start = process.hrtime.bigint();
  try {
    const capture = readCapture((name) => files[name]);
    look(openView(capture, backend), capture, vas, deep);
    return 'walked';
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    expect(error.message).not.toContain('\n');
    expect(error.message.length).toBeLessThan(400);
    return 'error';
  } finally {
    expect(Number((process.hrtime.bigint() - start) / 1_000_000n)).toBeLessThan(MILLISECONDS_MAX);
  }
}

function look(view: CaptureView, capture: Capture, vas: readonly bigint[], deep: boolean): void {
  const { runs } = capture.truth;
  const known = runs.filter((_, i) => i % 50 === 0).map(({ va }) => va);
  for (const va of [...known, ...vas]) {
    for (const root of ['user', 'kernel'] as const) {
      const json = walkToJson(view, va, { root });
      expect(json.entries.length).toBeLessThanOrEqual(5);
    }
  }
  for (const root of ['user', 'kernel'] as const) {
    let ranges = 0;
    for (const range of dump(view, { root, tablesMax: 30 })) if (range.start !== '') ranges++;
    expect(ranges).toBeLessThanOrEqual(30 * 8192);
  }
  if (deep) expect(checkCapture(capture, backend).checks.length).toBeGreaterThan(0);
}

const name = fc.constantFrom(...NAMES);
const vas = fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { maxLength: 5 });

/** Runs a property and says how many cases ended which way. */
function run<T>(numRuns: number, arbitrary: fc.Arbitrary<T>, body: (value: T) => 'error' | 'walked'): Record<'error' | 'walked', number> {
  const ended = { error: 0, walked: 0 };
  fc.assert(fc.property(arbitrary, (value) => void ended[body(value)]++), { numRuns, seed: SEED });
  return ended;
} // prettier-ignore

describe('captures with something wrong in them', () => {
  it('walk tables with flipped bits, swapped words and pointers into themselves', () => {
    const change = fc.record({
      at: fc.double({ min: 0, max: 0.999999, noNaN: true }),
      how: fc.constantFrom('flip', 'flip', 'self', 'ones', 'random'),
      bit: fc.nat(63),
      value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    });
    const arbitrary = fc.record({ name, vas, changes: fc.array(change, { minLength: 1, maxLength: 60 }), deep: fc.nat(5) });
    const ended = run(60, arbitrary, ({ name: capture, vas: addresses, changes, deep }) => {
      const files = filesOf(capture);
      const bytes = new Uint8Array(gunzipSync(files['tables.bin.gz']!));
      const view = new DataView(bytes.buffer);
      const little = (JSON.parse(new TextDecoder().decode(files['meta.json'])) as { endian: string }).endian === 'little';
      const index = JSON.parse(new TextDecoder().decode(files['tables.index.json'])) as readonly { pa: string; offset: number }[];
      for (const { at, how, bit, value } of changes) {
        const offset = Math.floor((at * bytes.length) / 8) * 8;
        const own = index.findLast((entry) => entry.offset <= offset)!;
        const page = (BigInt(`0x${own.pa}`) + BigInt(offset - own.offset)) & ~0xfffn;
        const old = view.getBigUint64(offset, little);
        const next = { flip: old ^ (1n << BigInt(bit)), self: (old & 0xfffn) | page | 3n, ones: 2n ** 64n - 1n, random: value }[how];
        view.setBigUint64(offset, next, little);
      }
      return exercise({ ...files, 'tables.bin.gz': gzipSync(bytes, { level: 1 }) }, addresses, deep === 0);
    });
    expect(ended).toEqual({ error: 0, walked: 60 });
  }); // prettier-ignore

  it('refuse files that are cut off or damaged in their packed form', () => {
    const arbitrary = fc.record({ name, file: fc.constantFrom(...FILES), at: fc.double({ min: 0, max: 0.999, noNaN: true }), bit: fc.nat(7), cut: fc.boolean() });
    const ended = run(120, arbitrary, ({ name: capture, file, at, bit, cut }) => {
      const files = filesOf(capture);
      const bytes = files[file];
      if (bytes === undefined) return 'error';
      const offset = Math.floor(at * bytes.length);
      const changed = cut ? bytes.slice(0, offset) : bytes.slice();
      if (!cut) changed[offset] = changed[offset]! ^ (1 << bit);
      return exercise({ ...files, [file]: changed }, [], false);
    });
    expect(ended.error).toBeGreaterThan(60);
  }); // prettier-ignore

  it('refuse or survive any value at any place of meta, index and truth', () => {
    const weird = fc.constantFrom<unknown>(null, undefined, -1, 0, 1, 2 ** 53, 1e308, '', 'zz', '0', 'fffffffffffff000', 'ffffffffffffffff', '-1', true, [], {}, [[]], 'a'.repeat(10_000), 4096, '1000');
    const arbitrary = fc.record({ name, file: fc.constantFrom('meta.json', 'meta.json', 'tables.index.json', 'truth.json.gz'), path: fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 4 }), weird, deep: fc.nat(3) });
    const ended = run(200, arbitrary, ({ name: capture, file, path, weird: value, deep }) => {
      const files = filesOf(capture);
      const packed = file.endsWith('.gz');
      const json = JSON.parse(new TextDecoder().decode(packed ? gunzipSync(files[file]!) : files[file])) as unknown;
      const bytes = new TextEncoder().encode(JSON.stringify(replaced(json, path, value)));
      return exercise({ ...files, [file]: packed ? gzipSync(bytes, { level: 1 }) : bytes }, [], deep === 0);
    });
    expect(ended.error).toBeGreaterThan(40);
    expect(ended.walked).toBeGreaterThan(10);
  }); // prettier-ignore

  it('refuse or survive maps and lists whose text changed', () => {
    const arbitrary = fc.record({ name, file: fc.constantFrom('maps.txt', 'slb-user.txt', 'info-tlb-user.txt.gz'), at: fc.double({ min: 0, max: 0.999, noNaN: true }), text: fc.constantFrom('f', '-', '\n', '0', ' ', 'ffffffff', '\u0000', 'é'), deep: fc.nat(3) });
    const ended = run(80, arbitrary, ({ name: capture, file, at, text, deep }) => {
      const files = filesOf(capture);
      if (files[file] === undefined) return 'error';
      const packed = file.endsWith('.gz');
      const old = new TextDecoder().decode(packed ? gunzipSync(files[file]!) : files[file]);
      const offset = Math.floor(at * old.length);
      const bytes = new TextEncoder().encode(old.slice(0, offset) + text + old.slice(offset + 1));
      return exercise({ ...files, [file]: packed ? gzipSync(bytes, { level: 1 }) : bytes }, [], deep === 0);
    });
    expect(ended.walked).toBeGreaterThan(5);
  }); // prettier-ignore
});

/** The value with one place replaced: at every step the path selects a key; undefined deletes. */
function replaced(json: unknown, path: readonly number[], value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined || typeof json !== 'object' || json === null) return value;
  const copy = (Array.isArray(json) ? [...(json as unknown[])] : { ...json }) as Record<string, unknown>;
  const keys = Object.keys(copy);
  const key = keys[step % keys.length];
  if (key === undefined) return value;
  if (rest.length === 0 && value === undefined && !Array.isArray(copy)) delete copy[key];
  else copy[key] = replaced(copy[key], rest, value);
  return copy;
}
