/**
 * The file that `ptemu run --checkpoint` keeps: what was found so far, and the search that is under way.
 *
 * A line of JSON, and then the bytes of explore's own checkpoint. The line has the length of those bytes and the SHA-256 of
 * both, so that a file that is not whole is told from one that is.
 */
import { createHash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import type { ProbeResult } from '@ptemu/scenarios';
import { VERSION } from '../version.js';
import { clip, readBytes, writeBytes } from './input.js';
import { UsageError } from './io.js';

/** What stands in the file. */
export interface RunState {
  /** Results of the jobs that are done, in their order. */
  readonly results: readonly ProbeResult[];
  /** The search of the job after those; absent when it has not begun. */
  readonly search: Uint8Array | undefined;
}

const FORMAT = 'ptemu-run';

/** Keeps a run's state in a file; every write replaces the file whole. */
export class RunCheckpoint {
  readonly #path: string;
  /** What the run is: jobs and options. Another run's file is refused. */
  readonly #identity: string;
  #last = 0;
  readonly #every: number;

  /** `every` is in milliseconds. */
  constructor(path: string, identity: unknown, every: number) {
    this.#path = path;
    this.#identity = createHash('sha256')
      .update(JSON.stringify([VERSION, identity]))
      .digest('hex');
    this.#every = every;
    this.#last = performance.now();
  }

  /** What an earlier run of the same words left; nothing when there is no file. @throws UsageError */
  load(): RunState {
    if (!existsSync(this.#path)) return { results: [], search: undefined };
    const bytes = readBytes(this.#path);
    const end = bytes.indexOf(10);
    const where = `checkpoint '${clip(this.#path)}'`;
    let head: Readonly<Record<string, unknown>>;
    try {
      head = JSON.parse(bytes.subarray(0, Math.max(0, end)).toString('utf8')) as typeof head;
    } catch {
      throw new UsageError(`${where} is no checkpoint of a run; name another file`);
    }
    if (head['format'] !== FORMAT)
      throw new UsageError(`${where} is no checkpoint of a run; name another file`);
    if (head['identity'] !== this.#identity) {
      throw new UsageError(
        `${where} is of a run with other words or another version; remove it or name another`,
      );
    }
    const search = bytes.subarray(end + 1);
    const results = head['results'] as readonly ProbeResult[];
    if (head['length'] !== search.length || head['sum'] !== sumOf(results, search)) {
      throw new UsageError(`${where} is damaged or not whole; remove it`);
    }
    return { results, search: search.length === 0 ? undefined : Uint8Array.from(search) };
  }

  /** Whether it is time to write again. */
  get due(): boolean {
    return performance.now() - this.#last >= this.#every;
  }

  save({ results, search = new Uint8Array(0) }: RunState): void {
    const head = {
      format: FORMAT,
      identity: this.#identity,
      length: search.length,
      sum: sumOf(results, search),
      results,
    };
    writeBytes(this.#path, Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), search]));
    this.#last = performance.now();
  }

  /** The run has come to its end: nothing is left to go on from. */
  remove(): void {
    rmSync(this.#path, { force: true });
  }
}

function sumOf(results: readonly ProbeResult[], search: Uint8Array): string {
  return createHash('sha256').update(JSON.stringify(results)).update(search).digest('hex');
}
