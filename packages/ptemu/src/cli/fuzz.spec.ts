import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ptemu } from '../../test/transcript.js';

/** Whatever stands on the command line or in a file: an exit code of the list, one line for a refusal, no stack trace. */
const expectManners = ({ stdout, stderr, code }: Awaited<ReturnType<typeof ptemu>>): void => {
  expect([0, 1, 2, 3]).toContain(code);
  if (code !== 2) return;
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^ptemu: [^\n]+\n$/);
};

const word = fc.oneof(
  fc.constantFrom(
    'x86_64',
    'arm64',
    'arm64:granule=16k',
    'powerpc:hash',
    's390@4.12',
    'pmd',
    'pte',
    'pud',
    'pgd',
  ),
  fc.constantFrom(
    '0',
    'ffff',
    '0x40000f41',
    '--kernel',
    '4.5',
    '6.12',
    '--json',
    '--with',
    'd52605d7cb30',
    '--',
    '-',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.bigInt({ min: 0n, max: 1n << 66n }).map((n) => n.toString(16)),
);

describe('ptemu, any words', () => {
  it.each(['decode', 'helpers', 'list', 'compare', 'conformance', 'walk', 'dump'])('%s', async (command) => {
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 5 }), async (words) => {
        expectManners(await ptemu([command, ...words]));
      }),
      { numRuns: 150, seed: 1 },
    );
  });
});

describe('ptemu decode, any entry', () => {
  it('answers at every level of every backend', async () => {
    const machine = fc.constantFrom(
      'x86_64',
      'x86_64:levels=5',
      'arm32',
      'arm64',
      's390',
      'powerpc',
      'powerpc:hash',
    );
    const level = fc.constantFrom('pgd', 'p4d', 'pud', 'pmd', 'pte');
    const release = fc.constantFrom('4.7', '4.12', '5.9', '6.12');
    await fc.assert(
      fc.asyncProperty(
        machine,
        level,
        release,
        fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
        async (...given) => {
          const [arch, at, kernel, entry] = given;
          const { code, stderr } = await ptemu(
            `decode ${arch} ${at} ${entry.toString(16)} --kernel ${kernel} --json`,
          );
          expect([code, stderr]).toEqual([0, '']);
        },
      ),
      { numRuns: 300, seed: 2 },
    );
  });
});

describe('ptemu replay, a damaged recording', () => {
  it('never does worse than to refuse or to say that it drifted', async () => {
    const { stdout } = await ptemu(
      'run split-none-window-vs-zap --probe D-1 --arch s390 --kernel 4.12 --json',
    );
    const text = stdout.trimEnd();
    const place = fc.nat(text.length - 1);
    await fc.assert(
      fc.asyncProperty(place, fc.string({ maxLength: 6 }), fc.nat(40), async (at, put, cut) => {
        const damaged = text.slice(0, at) + put + text.slice(at + cut);
        expectManners(await ptemu('replay -', { stdin: damaged }));
      }),
      { numRuns: 150, seed: 3 },
    );
  });
});
