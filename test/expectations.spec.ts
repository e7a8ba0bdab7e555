import { type Arch, ArchError, releases } from '@ptemu/arch';
import {
  expectationFor,
  findProbe,
  type ProbeDefinition,
  runProbe,
  scenarios,
  whyNot,
} from '@ptemu/scenarios';
import { ALL_SPECS, backend } from 'ptemu';
import { describe, expect, it } from 'vitest';

const SPLIT = 'split-none-window-vs-zap';
const MISREAD = 'split-window-misread-as-swap';

/** Both sides of each commit or option that bounds a claim, with the verdict that its source gives. */
const SIDES: readonly (readonly [scenario: string, probe: string, spec: string, verdicts: string])[] = [
  // Fact sheet 1.1; pgtable.h of 4.6.2, 4.13.4 and 4.14.0 for the ends.
  ...['D-1', 'D-1/helper', 'D-2', 'D-3'].map(
    (probe) => [SPLIT, probe, 's390', '4.5 SAFE, 4.6 CEX, 4.13 CEX, 4.14 SAFE'] as const,
  ),
  [MISREAD, 'D-9', 's390', '4.5 SAFE, 4.6 CEX, 4.13 CEX, 4.14 SAFE'],
  // Fact sheet 1.1 and 5.2.
  [SPLIT, 'D-1/helper', 'arm64', '4.5 SAFE, 4.7 CEX, 5.9 CEX, 5.10 SAFE'],
  [MISREAD, 'D-9', 'arm64', '4.5 SAFE, 4.7 CEX, 5.9 CEX, 5.10 SAFE'],
  // Fact sheet 4.2 and 4.3; pgtable.h and pgtable-3level.h of 4.6.2.
  ...['D-1', 'D-2', 'D-3'].map((probe) => [SPLIT, probe, 'arm32', '4.6 SAFE, 4.7 SAFE'] as const),
  [MISREAD, 'D-9', 'arm32', '4.6 SAFE, 4.7 CEX'],
  ['split-vs-gup-fast-no-ipi', 'D-5', 'arm32', '4.6 CEX, 4.7 SAFE'],
  // Fact sheet 8.3 and 10, rows 17 and 19.
  [SPLIT, 'D-1/helper', 'powerpc', '4.19 SAFE, 4.20 CEX, 5.7 CEX, 5.8 SAFE'],
  ['split-invalidate-wrong-address', 'D-4', 'powerpc', '4.7 SAFE, 4.8 CEX'],
  // Fact sheet 6.3.
  ['split-vs-gup-fast-no-ipi', 'D-6', 'x86_64:cpu.invlpgb=true', '6.14 SAFE, 6.15 CEX'],
  // Fact sheet 5.4: with FEAT_BBM level 2 a block and its pages may be cached at once.
  ['split-invalidate-wrong-address', 'D-4/no-flush', 'arm64', '6.12 CEX'],
  ['split-invalidate-wrong-address', 'D-4/no-flush', 'arm64:cpu.bbml2=true', '6.12 SAFE'],
];

describe('the verdict on both sides of a commit', () => {
  const rows = SIDES.flatMap(([scenario, probe, spec, verdicts]) =>
    verdicts.split(', ').map((side) => [scenario, probe, spec, ...side.split(' ')] as const),
  );
  it.each(rows)('%s %s on %s %s: %s', (scenario, probe, spec, release = '', verdict) => {
    const run = runProbe(backend(spec, { kernel: release }), scenario, probe);
    expect([run.expected?.verdict, run.agrees, run.noExpectation]).toEqual([verdict, true, undefined]);
  });
});

describe('a release of which it is not known whether it has a commit', () => {
  const PRESENT = '5bb1cc0ff9a6';
  const arm64 = (more: { readonly with?: string; readonly without?: string } = {}): Arch => {
    const { kernel } = backend('arm64', { kernel: '4.6' });
    const added = more.with === undefined ? kernel : kernel.with(more.with);
    return backend('arm64', { kernel: more.without === undefined ? added : added.without(more.without) });
  };
  const { probe } = findProbe(MISREAD, 'D-9');

  it('has a verdict and no expectation, so that it neither agrees nor differs', () => {
    const run = runProbe(arm64(), MISREAD, 'D-9');
    expect([run.verdict, run.expected, run.agrees]).toEqual(['holds', undefined, undefined]);
    expect(run.noExpectation).toBe('5bb1cc0ff9a6 came between 4.5 and 4.7');
  });

  it('broken twin: who takes the commit for absent there has an expectation, which is caught', () => {
    const blind = (arch: Arch): Arch => ({ ...arch, kernel: { ...arch.kernel, gap: () => undefined } });
    expect(expectationFor(blind(arm64()), probe).expected?.verdict).toBe('SAFE');
    expect(expectationFor(arm64(), probe)).toEqual({ noExpectation: `${PRESENT} came between 4.5 and 4.7` });
  });

  it('has the expectation of the side that a toggle puts it on', () => {
    for (const [arch, verdict] of [
      [arm64({ without: PRESENT }), 'SAFE'],
      [arm64({ with: PRESENT }), 'CEX'],
    ] as const) {
      const run = runProbe(arch, MISREAD, 'D-9');
      expect([run.expected?.verdict, run.agrees]).toEqual([verdict, true]);
    }
  });

  it('says by when a commit came that no release was read without', () => {
    const claim = { archs: [], to: 'pte-marker', verdict: 'SAFE', basis: 'derived', source: 'none' } as const;
    const bounded: ProbeDefinition = { ...probe, expected: [claim] };
    expect(expectationFor(arm64(), bounded)).toEqual({ noExpectation: 'pte-marker came by 6.1' });
  });

  it('falls through a claim that has ended, whatever is known of its beginning', () => {
    const claim = { archs: [], verdict: 'CEX', basis: 'derived', source: 'none' } as const;
    const bounded: ProbeDefinition = {
      ...probe,
      expected: [{ ...claim, from: PRESENT, to: '227be799c39a' }],
    };
    expect(expectationFor(arm64(), bounded)).toEqual({});
  });

  it('is arm64 4.6, for two probes, and no other', () => {
    const specs = [...ALL_SPECS, 'arm64:granule=64k', 'x86_64:cpu.invlpgb=true', 'powerpc:page=4k'];
    const open = specs.flatMap((spec) =>
      releases().flatMap((release) => {
        const arch = made(spec, release);
        return scenarios.flatMap((scenario) =>
          scenario.probes
            .filter((one) => arch !== undefined && whyNot(arch, scenario, one) === undefined)
            .filter((one) => arch !== undefined && expectationFor(arch, one).expected === undefined)
            .map(({ id }) => `${id} ${spec} ${release}`),
        );
      }),
    );
    expect(open).toEqual([
      'D-1/helper arm64 4.6',
      'D-9 arm64 4.6',
      'D-1/helper arm64:granule=64k 4.6',
      'D-9 arm64:granule=64k 4.6',
    ]);
  });
});

/** A backend in a release, or nothing where it had no THP then. */
function made(spec: string, release: string): Arch | undefined {
  try {
    return backend(spec, { kernel: release });
  } catch (error) {
    if (error instanceof ArchError && ['RELEASE_BEFORE_THP', 'UNKNOWN_OPTION'].includes(error.code)) {
      return undefined;
    }
    throw error;
  }
}
