import type { ScenarioApi } from '@ptemu/scenarios';
import { Command } from 'commander';
import { type BenchFlushOptions, benchFlushCommand } from './bench-flush.js';
import { type BenchWalkOptions, benchWalkCommand } from './bench-walk.js';
import { type CompareCommandOptions, compareCommand } from './compare.js';
import { type ConformanceOptions, conformanceCommand } from './conformance.js';
import { type DecodeOptions, decodeCommand } from './decode.js';
import { type DumpCommandOptions, dumpCommand } from './dump.js';
import { type HelpersOptions, helpersCommand } from './helpers.js';
import type { ExitCode, Io } from './io.js';
import { type ListOptions, listCommand } from './list.js';
import { type MergeOptions, mergeCommand } from './merge.js';
import { type ReplayOptions, replayCommand } from './replay.js';
import { type RunCommandOptions, runCommand } from './run.js';
import { STRATEGIES } from './search-options.js';
import { type TraceTlbOptions, traceTlbCommand } from './trace-tlb.js';
import { type WalkOptions, walkCommand } from './walk.js';
import { VERSION } from '../version.js';

const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  ...value.split(','),
];

/** Declares the commands; each hands its exit code to `done`. */
export function programOf(io: Io, api: ScenarioApi, done: (code: ExitCode) => void): Command {
  const program = new Command('ptemu')
    .description('The same page-table race on five architectures, under every interleaving.')
    .version(VERSION)
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureOutput({
      writeOut: io.stdout,
      // Errors come back as exceptions and are printed as one line.
      writeErr: () => undefined,
      getOutHelpWidth: () => io.columns ?? 80,
    });
  program.helpInformation = program.helpInformation.bind(program);
  program.addHelpText('after', EPILOGUE);
  const command = (name: string, description: string): Command =>
    program.command(name).description(description).option('--json', 'JSON Lines on standard output');

  command('list', 'scenarios with their sources and probes')
    .option('--commits', 'the commits that change behaviour, instead')
    .action((options: ListOptions) => done(listCommand(options, io, api)));

  toggles(command('run', 'try every interleaving; print verdicts and the first counterexample'))
    .argument('[scenario]', 'id, as ptemu list prints it')
    .option('--part <letter>', 'all probes of a part of the corpus, such as D')
    .option('--probe <id>', 'one probe, such as D-1, or a broken twin')
    .option('--variant <name>', 'probes of this variant')
    .option('--twins', 'broken twins too: each drops one step and must be caught')
    .option('--arch <specs>', 'all, or a list such as arm64,powerpc:hash,page=4k,s390@4.12', 'all')
    .option('--kernel <releases>', 'a list such as 4.5,4.9, or all; left out: where the backend changed')
    .option(
      '--strategy <name>',
      Object.entries(STRATEGIES)
        .map(([name, what]) => `${name}: ${what}`)
        .join('; '),
    )
    .option('--preemptions <k>', 'simplest, preemptions: how many a schedule may have')
    .option('--seed <n>', 'random, pct: where to begin')
    .option('--runs <n>', 'random, pct: how many walks')
    .option('--depth <d>', 'pct: orderings that a violation may need')
    .option('--jobs <n>', 'threads that search')
    .option('--shard <i/n>', 'every n-th search only, for ptemu merge; with --json')
    .option('--max-states <n>', 'states that a search keeps')
    .option('--max-memory <size>', 'bytes that they may take, such as 2g')
    .option('--max-executions <n>', 'dpor: schedules')
    .option('--timeout <time>', 'ends the run with what was covered: 30, 10m, 2h')
    .option('--checkpoint <file>', 'keeps the run there, and goes on from it after a kill')
    .option('--checkpoint-every <seconds>', 'how often (10)')
    .option('--hash-compact', 'keeps fingerprints of states; never says holds')
    .option('--no-sleep-sets', 'takes every step of every state')
    .option('--no-merge', 'each history of a thread is a state of its own')
    .option('--no-liveness', 'looks for no endless retries (I18)')
    .option('--expect <what>', 'holds: any violation is exit code 1')
    .option('--trace <file>', 'write the first counterexample there, for replay')
    .action(async (scenario: string | undefined, options: RunCommandOptions) =>
      done(await runCommand(scenario, options, io, api)),
    );

  toggles(command('compare', 'one schedule: the steps down, the architectures across'))
    .argument('<scenario>')
    .option('--probe <id>', 'one probe of the scenario; left out: the first')
    .option('--arch <specs>', 'two or more, such as arm32@4.5,s390@4.12,x86_64', 'all')
    .option('--kernel <release>', 'for those without a release of their own')
    .option('--all', 'every step, not only those about the pmd')
    .action((scenario: string, options: CompareCommandOptions) =>
      done(compareCommand(scenario, options, io, api)),
    );

  toggles(command('helpers', 'states of an entry, and what the helpers say of each'))
    .argument('<arch>', 'such as arm32 or powerpc:hash')
    .argument('[level]', 'pmd or pte', 'pmd')
    .option('--kernel <release>')
    .action((spec: string, level: string, options: HelpersOptions) =>
      done(helpersCommand(spec, level, options, io)),
    );

  toggles(command('decode', 'an entry, field by field'))
    .argument('<arch>')
    .argument('<level>', 'pgd, p4d, pud, pmd or pte')
    .argument('<entry>', 'hexadecimal')
    .option('--kernel <release>')
    .action((spec: string, level: string, entry: string, options: DecodeOptions) =>
      done(decodeCommand(spec, level, entry, options, io)),
    );

  command('merge', 'what the outputs of all shards of a run say together')
    .argument('<files...>', 'outputs of ptemu run --shard i/n --json')
    .action(async (files: readonly string[], options: MergeOptions) =>
      done(await mergeCommand(files, options, io, api)),
    );

  command('replay', 'take the steps of a recording again')
    .argument('<file>', 'a trace, or what ptemu run --json printed; - for standard input')
    .action(async (file: string, options: ReplayOptions) =>
      done(await replayCommand(file, options, io, api)),
    );

  command('walk', 'addresses of a captured kernel: what the MMU does, what Linux calls them')
    .argument('<capture>', 'folder of the capture')
    .argument('<va...>', 'virtual addresses, hexadecimal')
    .option('--root <which>', 'user or kernel', 'user')
    .action((capture: string, vas: readonly string[], options: WalkOptions) =>
      done(walkCommand(capture, vas, options, io)),
    );

  command('dump', 'the page tables of a captured kernel')
    .argument('<capture>', 'folder of the capture')
    .option('--root <which>', 'user or kernel', 'user')
    .action((capture: string, options: DumpCommandOptions) => done(dumpCommand(capture, options, io)));

  toggles(command('trace-tlb', 'an address trace on the TLBs of real parts: misses, walks, faults'))
    .argument(
      '<file>',
      'what valgrind --tool=lackey --trace-mem=yes wrote, or the compact form; - for standard input',
    )
    .option('--arch <specs>', 'all, or a list such as x86_64,arm64:granule=16k')
    .option('--kernel <releases>', 'a list, for those without a release of their own')
    .option('--part <names>', 'a list such as skylake-server,z14; left out: all of the architecture')
    .option('--thp', 'faults map huge pages where they fit')
    .option('--no-thp', 'faults map small pages only (as where neither is said)')
    .option('--limit <n>', 'the first n accesses')
    .option('--max-memory <size>', 'bytes that the page tables may take, such as 500m or 2g (2g)')
    .option('--convert <out>', 'instead: write the trace there in the compact form')
    .action(async (file: string, options: TraceTlbOptions) => done(await traceTlbCommand(file, options, io)));

  toggles(
    command('conformance', 'the laws that a backend must satisfy, or the answers of real kernel headers'),
  )
    .argument('<arch>')
    .argument('[vectors...]', 'vector files (.json or .json.gz); left out: the laws')
    .option('--kernel <release>')
    .action((spec: string, files: readonly string[], options: ConformanceOptions) =>
      done(conformanceCommand(spec, files, options, io)),
    );

  const bench = program.command('bench').description('what flushes cost, and how fast the emulator is');
  const benchmark = (name: string, description: string): Command =>
    bench.command(name).description(description).option('--json', 'JSON Lines on standard output');

  toggles(benchmark('flush', 'TLB work of an operation, by architecture, pages and CPUs, and what it costs'))
    .option('--arch <specs>', 'all, or a list such as x86_64,arm64@5.9,powerpc:hash')
    .option('--kernel <releases>', 'a list, for those without a release of their own')
    .option('--operation <names>', 'all, or a list such as munmap,madv_dontneed')
    .option('--pages <counts>', 'a list: how many pages the operation is about, in small pages')
    .option('--cpus <counts>', 'a list: how many CPUs run the mm')
    .option('--huge', 'mapped by huge pmds; pages are rounded up to whole ones')
    .option('--bystanders <n>', 'other pages that each CPU holds translations of; 64 where left out')
    .option('--profile <ids>', 'cost profiles, put together; left out: the standard ones')
    .option('--speed', 'with --json: the speed of the emulator too, the one figure that differs each time')
    .option('--html <file>', 'write a page with plots there')
    .option('--calibration', 'instead: the profiles beside what was published')
    .action(async (options: BenchFlushOptions) => done(await benchFlushCommand(options, io)));

  toggles(benchmark('walk', 'translations per second, trace by trace, beside the same in C'))
    .option('--arch <specs>', 'all that walk tables, or a list; left out: x86_64')
    .option('--kernel <release>', 'for those without a release of their own')
    .option('--trace <names>', 'a list such as zipf-64,seq-4096; left out: all five')
    .option('--mode <names>', 'batch, call; left out: both')
    .option('--accesses <n>', 'accesses of a trace; 10000000 where left out')
    .option('--rounds <n>', 'interleaved rounds, of which the median counts; 5 where left out')
    .option('--seed <n>', 'of the traces; 42 where left out')
    .action((options: BenchWalkOptions) => done(benchWalkCommand(options, io)));

  return program;
}

const toggles = (command: Command): Command =>
  command
    .option('--with <commits>', 'add commits to the release', collect)
    .option('--without <commits>', 'take commits out of the release', collect);

const EPILOGUE = `
Exit codes: 0 as expected, 1 a verdict differs from what is expected, 2 bad usage or input,
3 a bound was reached before an answer.`;
