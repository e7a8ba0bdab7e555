/** The `ptemu` command: words in, text and an exit code out. */
import { ArchError } from '@ptemu/arch';
import { CaptureError } from '@ptemu/capture';
import { ExploreError } from '@ptemu/explore';
import { type ScenarioApi, ScenarioError } from '@ptemu/scenarios';
import { TraceError } from '@ptemu/trace';
import { CommanderError } from 'commander';
import { type ExitCode, EXIT, type Io, UsageError } from './io.js';
import { programOf } from './program.js';
import { scenarioApi } from './scenario-api.js';

/**
 * Runs one command.
 *
 * @param argv - The words after `ptemu`.
 * @returns The exit code: 0 as expected, 1 a verdict differs, 2 bad usage or input, 3 a bound was hit, 70 our own bug.
 */
export async function main(
  argv: readonly string[],
  io: Io,
  api: ScenarioApi = scenarioApi,
): Promise<ExitCode> {
  let code: ExitCode = EXIT.expected;
  const program = programOf(io, api, (result) => (code = result));
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.expected;
    const line = usageLine(error);
    if (line !== undefined) {
      io.stderr(`ptemu: ${line}\n`);
      return EXIT.usage;
    }
    io.stderr(`ptemu: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return EXIT.internal;
  }
}

/** What was wrong, in one line, where the caller can mend it; nothing for a bug of ours. */
function usageLine(error: unknown): string | undefined {
  if (error instanceof CommanderError && error.code === 'commander.help') {
    return 'name a command; --help lists them';
  }
  if (error instanceof CommanderError) return oneLine(error.message.replace(/^error: /, ''));
  const ours = [UsageError, ArchError, ExploreError, TraceError, CaptureError, ScenarioError];
  if (ours.some((kind) => error instanceof kind)) return oneLine((error as Error).message);
  return undefined;
}

const LINE_MAX = 400;

function oneLine(text: string): string {
  const line = text.replace(/\s*\n\s*/g, ' ').trim();
  return line.length <= LINE_MAX ? line : `${line.slice(0, LINE_MAX)}...`;
}
