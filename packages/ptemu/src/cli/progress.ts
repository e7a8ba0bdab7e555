import { Presets, SingleBar } from 'cli-progress';
import type { Io } from './io.js';

/** Progress of a list of jobs, on a terminal's standard error only. */
export interface Progress {
  readonly next: (what: string) => void;
  readonly stop: () => void;
}

/** Starts a bar, or one that shows nothing where standard error is no terminal. */
export function progressBar(total: number, io: Io): Progress {
  if (!io.progress || total < 2) return { next: () => undefined, stop: () => undefined };
  const bar = new SingleBar(
    {
      format: '{bar} {value}/{total} {what}',
      clearOnComplete: true,
      hideCursor: true,
      stream: process.stderr,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0, { what: '' });
  let done = 0;
  return { next: (what) => bar.update(done++, { what }), stop: () => bar.stop() };
}
