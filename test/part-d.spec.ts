import { type Arch } from '@ptemu/arch';
import { arm32 } from '@ptemu/arm32';
import { arm64 } from '@ptemu/arm64';
import { powerpc } from '@ptemu/powerpc';
import { twoColumn } from '@ptemu/report';
import { s390 } from '@ptemu/s390';
import { findProbe, type ProbeResult, runProbe, scenarios, traceOf, whyNot } from '@ptemu/scenarios';
import { x86_64 } from '@ptemu/x86_64';
import { describe, expect, it } from 'vitest';

/** Five backends and the releases in which one of them changed what a split leaves visible. */
const MACHINES: readonly (readonly [string, readonly string[], (kernel: string) => Arch])[] = [
  ['x86_64', ['4.5', '4.12', '4.16', '6.12'], (kernel) => x86_64({ kernel })],
  ['arm32', ['4.5', '4.6', '4.7', '4.16', '6.12', '6.19'], (kernel) => arm32({ kernel })],
  ['arm64', ['4.5', '4.7', '4.16', '5.8', '5.9', '5.10', '6.12'], (kernel) => arm64({ kernel })],
  ['arm64 64k 42', ['6.12'], (kernel) => arm64({ kernel, granule: '64k', vaBits: 42 })],
  ['arm64 16k', ['4.5', '6.12'], (kernel) => arm64({ kernel, granule: '16k' })],
  ['arm64 64k', ['4.5', '6.12'], (kernel) => arm64({ kernel, granule: '64k' })],
  ['s390', ['4.5', '4.6', '4.13', '4.14', '4.16', '6.12', '6.14'], (kernel) => s390({ kernel })],
  ['powerpc', ['4.7', '4.12', '4.16', '5.4', '5.8', '6.12'], (kernel) => powerpc({ kernel })],
  [
    'powerpc:hash',
    ['4.5', '4.12', '4.16', '5.4', '5.8', '6.12'],
    (kernel) => powerpc({ kernel, mmu: 'hash' }),
  ],
];

const NAMES = scenarios.flatMap(({ id, probes }) => probes.map((probe) => [id, probe.id] as const));

const known = new Map<string, readonly ProbeResult[]>();

/** A probe on every machine that it applies to; run once. */
function results(probeId: string, scenario: string): readonly ProbeResult[] {
  const key = `${scenario} ${probeId}`;
  const runs = known.get(key) ?? runAll(probeId, scenario);
  known.set(key, runs);
  return runs;
}

function runAll(probeId: string, scenario: string): readonly ProbeResult[] {
  const found = findProbe(scenario, probeId);
  return MACHINES.flatMap(([, releases, make]) =>
    releases.flatMap((release) => {
      const arch = make(release);
      return whyNot(arch, found.scenario, found.probe) === undefined
        ? [runProbe(arch, scenario, probeId)]
        : [];
    }),
  );
}

const where = ({ spec, kernel }: ProbeResult): string => `${spec} ${kernel}`;

describe('part D, every probe on every backend that it applies to', () => {
  it.each(NAMES)('%s %s: the verdict is the expected one', (scenario, probe) => {
    const runs = results(probe, scenario);
    expect(runs.length).toBeGreaterThan(0);
    const differs = runs.filter((run) => run.agrees !== true);
    expect(differs.map((run) => `${where(run)}: ${run.verdict} ${run.message ?? ''}`)).toEqual([]);
  });

  it.each(NAMES)(
    '%s %s: what holds has reached its interesting states, what falls is a named invariant',
    (scenario, probe) => {
      for (const run of results(probe, scenario)) {
        if (run.verdict === 'holds') {
          expect([where(run), ...Object.entries(run.reached).filter(([, reached]) => !reached)]).toEqual([
            where(run),
          ]);
          expect(run.states).toBeGreaterThan(0);
          expect(Object.keys(run.bounds)).not.toContain('maxStates');
        } else {
          const named = run.expected?.invariants;
          if (named !== undefined)
            expect(run.fell.some(({ invariant }) => named.includes(invariant))).toBe(true);
          expect(run.schedule.length).toBeGreaterThan(0);
        }
      }
    },
  );
});

describe('what the issue of February 2016 must show', () => {
  const verdict = (arch: Arch, probe: string): string => {
    const run = runProbe(arch, 'split-none-window-vs-zap', probe);
    return run.verdict === 'violates' ? `CEX ${run.invariant}` : run.verdict;
  };

  it.each([
    ['4.5', 'holds', 'holds'],
    ['4.6', 'CEX I8', 'CEX I9'],
    ['4.13', 'CEX I8', 'CEX I9'],
    ['4.14', 'holds', 'holds'],
  ])('s390 %s: exit %s, MADV_DONTNEED %s', (release, exit, dontneed) => {
    expect([verdict(s390({ kernel: release }), 'D-1'), verdict(s390({ kernel: release }), 'D-2')]).toEqual([
      exit,
      dontneed,
    ]);
  });

  it('arm32 4.5 gives three answers: the helper breaks the contract, the stored word does not lose the page, a raw zero does', () => {
    const arch = arm32({ kernel: '4.5' });
    expect([verdict(arch, 'D-1/helper'), verdict(arch, 'D-1'), verdict(arch, 'D-1/raw-zero')]).toEqual([
      'CEX I21',
      'holds',
      'CEX I8',
    ]);
  });

  it.each(
    [x86_64({ kernel: '4.5' }), arm64({ kernel: '4.5' }), powerpc({ kernel: '4.7' })].map(
      (arch) => [arch.spec, arch] as const,
    ),
  )('D-1 holds on %s', (_spec, arch) => {
    expect(verdict(arch, 'D-1')).toBe('holds');
  });

  it('arm32 6.12 loses nothing and still breaks I21', () => {
    const run = runProbe(arm32({ kernel: '6.12' }), 'split-none-window-vs-zap', 'D-3');
    expect([run.verdict, run.alsoFell]).toEqual(['holds', ['I21']]);
  });

  it('s390 4.7 leaves 256 pages in rss, as the report of the race says of 512 elsewhere', () => {
    const run = runProbe(s390({ kernel: '4.7' }), 'split-none-window-vs-zap', 'D-1');
    expect(run.message).toBe('BUG: Bad rss-counter state mm:mm type:MM_ANONPAGES val:256');
  });

  it('s390 4.5 with the wrong address sets 0x20 in a pte of the table before the segment table', () => {
    const run = runProbe(s390({ kernel: '4.5' }), 'split-invalidate-wrong-address', 'D-4');
    expect(run.invariant).toBe('I1');
    expect(run.message).toMatch(
      /IDTE for a pmd edits pte of another mm \(0x5ffff808: 0x([0-9a-f]+) -> 0x\1*/,
    );
  });
});

describe('broken twins', () => {
  const twins = scenarios.flatMap(({ id, probes }) =>
    probes.filter(({ twinOf }) => twinOf !== undefined).map((probe) => [id, probe.id] as const),
  );

  it('D-11 is safe on arm64 with bbml2, and caught without', () => {
    const verdict = (cpu: Readonly<Record<string, boolean>>): readonly unknown[] => {
      const run = runProbe(arm64({ kernel: '6.19', cpu }), 'split-invalidate-wrong-address', 'D-11');
      return [run.verdict, run.agrees];
    };
    expect([verdict({ bbml2: true }), verdict({})]).toEqual([
      ['holds', true],
      ['violates', true],
    ]);
  });

  it('every probe that is safe somewhere has one that is caught', () => {
    const safe = scenarios.flatMap(({ probes }) =>
      probes
        .filter(
          (probe) => probe.twinOf === undefined && probe.expected.some(({ verdict }) => verdict === 'SAFE'),
        )
        .map(({ id }) => id.split('/')[0]),
    );
    const broken = scenarios.flatMap(({ probes }) =>
      probes.flatMap(({ twinOf }) => (twinOf ? [twinOf.probe.split('/')[0]] : [])),
    );
    // D-8 is the twin of D-8/fixed; D-11 is safe only with arm64's bbml2, and its twin is D-11 without it.
    const covered = new Set([...broken, 'D-8', 'D-11']);
    expect([...new Set(safe)].filter((id) => !covered.has(id ?? ''))).toEqual([]);
  });

  it.each(twins)('%s %s is caught on every backend', (scenario, probe) => {
    const missed = results(probe, scenario).filter(({ verdict }) => verdict !== 'violates');
    expect(missed.map(where)).toEqual([]);
  });
});

describe('counterexamples', () => {
  it.each(MACHINES)(
    'of %s fit into 72 columns and end in the invariant that fell',
    (_name, releases, make) => {
      let shown = 0;
      for (const [scenario, probe] of NAMES) {
        const arch = make(releases[0] ?? '');
        const found = findProbe(scenario, probe);
        if (whyNot(arch, found.scenario, found.probe) !== undefined) continue;
        const run = runProbe(arch, scenario, probe);
        if (run.verdict !== 'violates') continue;
        const text = twoColumn(traceOf(arch, run));
        expect(text.split('\n').filter((line) => line.length > 72)).toEqual([]);
        expect(text).toContain(`\n${run.invariant}: `);
        shown++;
      }
      expect(shown).toBeGreaterThan(5);
    },
  );
});

describe('runs are repeatable', () => {
  const arch = s390({ kernel: '4.7' });

  it('two runs give the same bytes', () => {
    const run = (): string =>
      JSON.stringify(runProbe(s390({ kernel: '4.7' }), 'split-none-window-vs-zap', 'D-3'));
    expect(run()).toBe(run());
  });

  it('a counterexample replays to the invariant that it broke', () => {
    const run = runProbe(arch, 'split-none-window-vs-zap', 'D-1');
    const trace = traceOf(arch, run);
    expect(trace.steps.map(({ actor, step }) => ({ actor, step }))).toEqual(run.schedule);
    expect(trace.steps.at(-1)?.fell.map(({ invariant }) => invariant)).toContain('I8');
    expect(JSON.stringify(trace)).toBe(JSON.stringify(traceOf(arch, run)));
  });

  it('a schedule that does not fit says where it drifts', () => {
    const { schedule } = runProbe(arch, 'split-none-window-vs-zap', 'D-1');
    const drifted = schedule.map((entry, i) =>
      i === 3 ? { ...entry, step: 'zap_pmd_range: nothing' } : entry,
    );
    expect(() =>
      traceOf(arch, { scenario: 'split-none-window-vs-zap', probe: 'D-1', schedule: drifted }),
    ).toThrow(/drifts at step 3/);
  });

  it('a bound that is hit makes the verdict unknown', () => {
    const run = runProbe(arch, 'split-none-window-vs-zap', 'D-3', { maxStates: 50 });
    expect([run.verdict, run.bounds['maxStates'], run.agrees]).toEqual(['unknown', 50, undefined]);
  });
});
