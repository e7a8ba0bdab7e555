import { hex } from '@ptemu/arch';
import { type ViewOptions, table } from '@ptemu/report';
import { type EntryState, pmdStates, pteStates } from '../split-states.js';
import { walkerSays } from '../walker-says.js';
import { parseBackend, clip, type Toggles } from './input.js';
import { EXIT, type ExitCode, type Io, UsageError } from './io.js';
import { jsonLine, machineJson } from './json.js';
import { type Said, ask } from './lookup.js';

/** Options of `ptemu helpers`. */
export interface HelpersOptions extends Toggles {
  readonly kernel?: string;
  readonly json?: boolean;
}

const COLUMNS = {
  pmd: ['none', 'present', 'trans_huge', 'bad', 'leaf', 'large', 'protnone', 'young', 'dirty', 'write'],
  pte: ['none', 'present', 'protnone', 'special', 'young', 'dirty', 'write', 'exec'],
} as const;

/** `ptemu helpers SPEC [pte|pmd]`: states down, helpers across. */
export function helpersCommand(spec: string, level: string, options: HelpersOptions, io: Io): ExitCode {
  if (level !== 'pmd' && level !== 'pte') {
    throw new UsageError(`unknown level '${clip(level)}'; states are listed for pmd and pte`);
  }
  const arch = parseBackend(spec, options.kernel, options);
  const states = level === 'pmd' ? pmdStates(arch) : pteStates(arch);
  const names = COLUMNS[level].map((name) => `${level}_${name}`);
  const rows = states.map((state) => ({
    state,
    said: names.map((name) => (state.word === undefined ? 'absent' : ask(arch, level, name, state.word))),
    walker: state.word === undefined ? '' : walkerSays(arch, level, state.word),
  }));
  if (options.json === true) {
    for (const { state, said, walker } of rows) {
      const answers = Object.fromEntries(names.map((name, i) => [name, jsonOf(said[i])]));
      io.stdout(
        jsonLine({
          ...machineJson(arch),
          level,
          state: state.name,
          made: state.made,
          entry: state.word ?? null,
          helpers: answers,
          walker: state.word === undefined ? null : walker,
        }),
      );
    }
    return EXIT.expected;
  }
  // A helper that the release does not have at all is no column.
  const shown = names.map((_, i) => rows.some(({ said }) => said[i] !== 'absent'));
  const pick = <T>(items: readonly T[]): readonly T[] => items.filter((_, i) => shown[i]);
  const view: ViewOptions = { color: io.color };
  const head = ['state', 'word in memory', ...pick(COLUMNS[level]), 'walker', 'made by'];
  const present = rows.filter(({ state }) => state.word !== undefined);
  const body = present.map(({ state, said, walker }) => [
    state.name,
    wordOf(state),
    ...pick(said).map(mark),
    walker,
    state.made,
  ]);
  const toggles = arch.kernel.toggles.length > 0 ? ` with ${arch.kernel.toggles.join(' ')}` : '';
  io.stdout(`${level} of a huge page on ${arch.spec}, kernel ${arch.kernel.release}${toggles}\n\n`);
  io.stdout(`${table(head, body, view)}\n\n`);
  io.stdout(
    'yes: the helper says true; . false; BUG: the kernel would stop; -: the release has no such helper\n',
  );
  return EXIT.expected;
}

const wordOf = (state: EntryState): string => (state.word === undefined ? '-' : hex(state.word));

function mark(said: Said): string {
  switch (said) {
    case true:
      return 'yes';
    case false:
      return '.';
    case 'absent':
      return '-';
    case 'bug':
      return 'BUG';
  }
}

const jsonOf = (said: Said | undefined): boolean | string | null =>
  said === undefined || said === 'absent' ? null : said;
