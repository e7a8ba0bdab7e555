/** What page size does for a real program: valgrind records its accesses, TLBs of three parts translate them. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import {
  type ByteSource,
  type ReplayCounts,
  TraceReplay,
  backend,
  readAddressTrace,
  table,
  tlbPreset,
} from 'ptemu';

const PROGRAM = ['ls', '-l', '/'];
/** Of `/bin/true`, in the compact form: recorded with valgrind 3.19 on Debian 12, x86_64. */
const RECORDED = 'examples/traces/true.ptt.gz';
const MACHINES = [
  ['x86_64', 'skylake-server'],
  ['arm64', 'neoverse-n1'],
  ['arm64:granule=16k', 'neoverse-n1'],
  ['arm64:granule=64k', 'neoverse-n1'],
  ['powerpc', 'power9'],
] as const;

/** Lackey writes a line per access; it comes through a pipe of its own, so no file of it is ever made. */
function record(): ByteSource {
  const valgrind = ['--tool=lackey', '--trace-mem=yes', '--log-fd=3', ...PROGRAM];
  const child: ChildProcess = spawn('valgrind', valgrind, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  return child.stdio[3] as unknown as ByteSource;
}

/** Returns what the example prints. */
export async function main(hasValgrind = spawnSync('valgrind', ['--version']).status === 0): Promise<string> {
  const replays = MACHINES.flatMap(([spec, part]) =>
    [false, true].map((thp) => {
      const arch = backend(spec, { kernel: '6.12' });
      return { spec, thp, replay: new TraceReplay({ arch, tlb: tlbPreset(part)!.config, thp }) };
    }),
  );
  // One pass over the trace serves all machines, a batch at a time.
  const trace = hasValgrind ? record() : createReadStream(RECORDED);
  const read = await readAddressTrace(trace, (batch) => replays.forEach(({ replay }) => replay.run(batch)));

  const rows = replays.map(({ spec, thp, replay }) => {
    const { l1i, l1d, walks, references, pages, hugePages }: ReplayCounts = replay.counts();
    const numbers = [l1i?.misses ?? 0, l1d.misses, walks, references, pages + hugePages];
    return [spec, thp ? 'THP' : '', ...numbers.map((n) => n.toLocaleString('en'))];
  });
  const align = ['left', 'left', 'right', 'right', 'right', 'right', 'right'] as const;
  const what = hasValgrind
    ? PROGRAM.join(' ')
    : `/bin/true, as recorded in ${RECORDED}, since valgrind is not here`;
  return [
    `${read.accesses.toLocaleString('en')} accesses of ${what}`,
    '',
    table(['', '', 'L1I misses', 'L1D misses', 'walks', 'references', 'faults'], rows, { align }),
  ].join('\n');
}
