/** Entry of the `ptemu` command. */
import { main } from './cli/main.js';
import type { Io } from './cli/io.js';

// Who reads our output may close it early (`ptemu list | head`): that is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const { env } = process;
const forced = env['FORCE_COLOR'] !== undefined && env['FORCE_COLOR'] !== '0';

// The first Ctrl-C ends a search with what it has covered; the second ends the program as usual.
const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());

const io: Io = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  stdin: async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  },
  columns: process.stdout.isTTY ? process.stdout.columns : undefined,
  color: (env['NO_COLOR'] ?? '') === '' && (process.stdout.isTTY || forced) && env['TERM'] !== 'dumb',
  progress: process.stderr.isTTY,
  interrupt: interrupt.signal,
};

process.exitCode = await main(process.argv.slice(2), io);
