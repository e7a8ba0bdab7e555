import { closeSync, openSync, realpathSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { CompactEncoder } from '../traces/index.js';
import { fileError } from './input.js';
import { EXIT, type ExitCode, type Io, UsageError } from './io.js';
import { jsonLine } from './json.js';
import { readTrace } from './trace-input.js';

/** `ptemu trace-tlb FILE --convert OUT`: writes a trace in the compact form, whole or not at all. */
export async function convertTrace(
  path: string,
  out: string,
  options: { readonly limit: number; readonly json: boolean },
  io: Io,
): Promise<ExitCode> {
  if (out === '-') throw new UsageError('--convert writes a file, not standard output; name one');
  const file = new WholeFile(out);
  try {
    const encoder = new CompactEncoder();
    file.write(encoder.header());
    const read = await readTrace(path, options, io, (batch) => file.write(encoder.encode(batch)));
    if (io.interrupt?.aborted === true) {
      io.stderr('ptemu: interrupted; nothing was written\n');
      return EXIT.bound;
    }
    file.write(encoder.footer());
    file.keep();
    const { bytes } = file;
    const { accesses } = read;
    io.stdout(
      options.json
        ? jsonLine({ file: out, accesses, bytes })
        : `${out}: ${accesses.toLocaleString('en')} accesses in ${bytes.toLocaleString('en')} bytes, ${(bytes / accesses).toFixed(2)} for each\n`, // prettier-ignore
    );
    return EXIT.expected;
  } finally {
    file.close();
  }
}

/** A file that takes its place when it is complete. */
class WholeFile {
  bytes = 0;
  readonly #path: string;
  /** What stands at the end where the file is to be; undefined for a pipe or a device, which is written as it is. */
  readonly #target: string | undefined;
  readonly #partial: string;
  readonly #fd: number;

  constructor(path: string) {
    this.#path = path;
    const before = this.#try(() => statSync(path, { throwIfNoEntry: false }));
    const replaces = before === undefined || before.isFile();
    this.#target = !replaces ? undefined : before === undefined ? path : realpathSync(path);
    this.#partial = this.#target === undefined ? path : `${this.#target}.${process.pid}.part`;
    this.#fd = this.#try(() => openSync(this.#partial, 'w', before?.mode ?? 0o666));
  }

  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      done += this.#try(() => writeSync(this.#fd, bytes, done));
    }
    this.bytes += bytes.length;
  }

  /** Puts it in its place. */
  keep(): void {
    const target = this.#target;
    if (target !== undefined) this.#try(() => renameSync(this.#partial, target));
  }

  /** Closes it; what was not kept is gone. */
  close(): void {
    closeSync(this.#fd);
    if (this.#target !== undefined) rmSync(this.#partial, { force: true });
  }

  #try<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw fileError('write', this.#path, error);
    }
  }
}
