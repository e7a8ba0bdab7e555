import type { Progress as SearchProgress } from '@ptemu/explore';
import { Presets, SingleBar } from 'cli-progress';
import type { Io } from './io.js';

/** Progress of a list of jobs, on a terminal's standard error only. */
export interface Progress {
  readonly next: (what: string) => void;
  /** Says how far the job at hand is. */
  readonly detail: (progress: SearchProgress) => void;
  /** Leaves a line above the bar. */
  readonly note: (line: string) => void;
  readonly stop: () => void;
}

/** A job is worth a line of its own when it has seen so many states. */
const DETAIL_STATES = 50_000;

/** Starts a bar, or one that shows nothing where standard error is no terminal. */
export function progressBar(total: number, io: Io): Progress {
  const nothing = (): undefined => undefined;
  if (!io.progress) return { next: nothing, detail: nothing, note: nothing, stop: nothing };
  const bar = new SingleBar(
    {
      format: '{bar} {value}/{total} {what}{how}',
      clearOnComplete: true,
      hideCursor: true,
      stream: process.stderr,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0, { what: '', how: '' });
  let done = 0;
  return {
    next: (what) => bar.update(done++, { what, how: '' }),
    detail: ({ states, expanded, executions }) => {
      if (states >= DETAIL_STATES) {
        bar.update({ how: `  ${states.toLocaleString('en')} states, ${percent(expanded, states)} expanded` });
      } else if (executions >= 1000) bar.update({ how: `  ${executions.toLocaleString('en')} schedules` });
    },
    note: (line) => {
      bar.stop();
      io.stderr(`${line}\n`);
      bar.start(total, Math.max(0, done - 1), { what: '', how: '' });
    },
    stop: () => bar.stop(),
  };
}

const percent = (part: number, whole: number): string => `${Math.floor((100 * part) / whole)} %`;
