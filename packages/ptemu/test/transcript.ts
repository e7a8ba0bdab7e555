import type { ScenarioApi } from '@ptemu/scenarios';
import type { Io } from '../src/cli/io.js';
import { main } from '../src/cli/main.js';

/** What a command printed, and its exit code. */
export interface Transcript {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** Runs `ptemu` in-process, as in a pipe without colours. */
export async function ptemu(
  command: string | readonly string[],
  options: {
    readonly api?: ScenarioApi;
    readonly stdin?: string;
    readonly stdinBytes?: Uint8Array;
    readonly columns?: number;
    readonly interrupt?: AbortSignal;
  } = {},
): Promise<Transcript> {
  let stdout = '';
  let stderr = '';
  const io: Io = {
    stdout: (text) => (stdout += text),
    stderr: (text) => (stderr += text),
    stdin: () => Promise.resolve(options.stdin ?? ''),
    stdinBytes: async function* () {
      yield options.stdinBytes ?? Buffer.from(options.stdin ?? '');
    },
    columns: options.columns,
    color: false,
    progress: false,
    ...(options.interrupt !== undefined && { interrupt: options.interrupt }),
  };
  const argv = typeof command === 'string' ? command.split(' ') : command;
  const code = await main(argv, io, options.api);
  return { stdout, stderr, code };
}
