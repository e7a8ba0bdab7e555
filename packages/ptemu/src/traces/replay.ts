/**
 * Replays accesses over page tables that mm's own fault path builds: each access is translated by the TLBs and the walker of a
 * part; where the walk faults, mm maps a page and the access is made again, as hardware and kernel do.
 *
 * The process has one anonymous mapping that covers all of user space and allows everything, since a trace does not say what
 * was mapped where. With THP the first touch of an aligned block maps a huge page, as where
 * /sys/kernel/mm/transparent_hugepage/enabled says `always` and memory is not fragmented.
 */
import { type Arch, ArchError, InvariantError, hex } from '@ptemu/arch';
import { type TlbConfig, type TlbCounters, type Translator, compileTranslator } from '@ptemu/hw';
import { DirectProcess } from '@ptemu/mm';
import { type AccessBatch, ACCESS_FETCH, ACCESS_WRITE } from './access-batch.js';
import { AddressTraceError } from './address-trace-error.js';

/** What a replay is made of. */
export interface TraceReplayOptions {
  readonly arch: Arch;
  readonly tlb: TlbConfig;
  /** Whether faults map huge pages where they can. */
  readonly thp: boolean;
  /** Bytes that the simulated memory may take, page tables and the state of frames; 1 GiB when left out. */
  readonly memoryMax?: number;
}

/** One level of TLBs. A second level is looked at after a miss in the first. */
export interface TlbLevelCounts {
  readonly lookups: number;
  readonly misses: number;
}

/** What the accesses did. */
export interface ReplayCounts {
  /** Translations asked for: accesses, a second one for each that crosses a page, a second one after each fault. */
  readonly translations: number;
  /** Accesses that crossed a page. */
  readonly crossings: number;
  /** Undefined where the part has no such level; without one for instructions, that for data serves them. */
  readonly l1i: TlbLevelCounts | undefined;
  readonly l1d: TlbLevelCounts;
  readonly l2: TlbLevelCounts | undefined;
  /** Walks, those that ended in a fault among them; of them those that began at a cached table; and entries read. */
  readonly walks: number;
  readonly walksFromCache: number;
  readonly references: number;
  /** Faults that mapped a page, and a huge page. */
  readonly pages: number;
  readonly hugePages: number;
  /** Pte tables in use, those put aside for huge pages among them. */
  readonly pteTables: number;
}

const MEMORY_MAX = 2 ** 30;

/** Translates the accesses of a trace on one part. */
export class TraceReplay {
  readonly arch: Arch;
  readonly tlb: TlbConfig;
  readonly #process: DirectProcess;
  readonly #translator: Translator;
  readonly #memoryMax: number;
  readonly #taskSize: number;
  readonly #pageSize: number;
  #fetches = 0;
  #crossings = 0;
  #pages = 0;
  #hugePages = 0;
  #translations = 0;

  /**
   * Makes machine and process.
   *
   * @throws ArchError `BAD_ARGUMENT` where the hardware does not walk the tables.
   */
  constructor({ arch, tlb, thp, memoryMax = MEMORY_MAX }: TraceReplayOptions) {
    const mmu = arch.mmuOf();
    if (mmu.kind === 'hash') {
      throw new ArchError('BAD_ARGUMENT', `${arch.spec} looks in a hash table; a replay needs an MMU that walks the tables`, { arch: arch.spec }); // prettier-ignore
    }
    const { TASK_SIZE, PAGE_SIZE } = arch.layoutOf();
    this.arch = arch;
    this.tlb = tlb;
    this.#memoryMax = memoryMax;
    this.#taskSize = Number(TASK_SIZE);
    this.#pageSize = PAGE_SIZE;
    this.#process = new DirectProcess(arch);
    this.#process.mmap({ start: 0n, bytes: TASK_SIZE & -BigInt(PAGE_SIZE), write: true, exec: true, thp });
    const { memory, root } = this.#process;
    this.#translator = compileTranslator({ memory, mmu, tlb });
    this.#translator.load({ space: 1, root });
  }

  /**
   * Makes the accesses of a batch.
   *
   * @throws AddressTraceError `RANGE` for an address outside of user space, `LIMIT` where the tables become too large.
   */
  run(batch: AccessBatch): void {
    const { length, kind, lo, hi, size } = batch;
    const { translate } = this.#translator;
    const taskSize = this.#taskSize;
    const pageSize = this.#pageSize;
    let fetches = 0;
    for (let i = 0; i < length; i++) {
      const right = RIGHTS[kind[i]!]!;
      const low = lo[i]!;
      const high = hi[i]!;
      const bytes = size[i]!;
      if ((high >>> 0) * TWO_32 + (low >>> 0) + bytes > taskSize) this.#outOfRange(batch, i);
      if (right === ACCESS_FETCH) fetches++;
      if (translate(low, high, right) !== 0) this.#fault(low, high, right, batch, i);
      if ((low & (pageSize - 1)) + bytes > pageSize) this.#cross(low, high, right, batch, i);
    }
    this.#fetches += fetches;
    this.#translations += length;
  }

  /** What was done so far. */
  counts(): ReplayCounts {
    const counters = this.#translator.counters();
    return {
      translations: this.#translations,
      crossings: this.#crossings,
      ...levelCounts(this.tlb, counters, { fetches: this.#fetches, all: this.#translations }),
      walks: counters.walks + counters.rewalks,
      walksFromCache: counters.walkCaches,
      references: counters.references,
      pages: this.#pages,
      hugePages: this.#hugePages,
      pteTables: this.#process.nr_ptes,
    };
  }

  /** The part of an access that lies on the next page. */
  #cross(low: number, high: number, right: number, batch: AccessBatch, i: number): void {
    const next = ((low & -this.#pageSize) + this.#pageSize) | 0;
    const nextHigh = next === 0 ? high + 1 : high;
    this.#crossings++;
    this.#again(right);
    if (this.#translator.translate(next, nextHigh, right) !== 0) this.#fault(next, nextHigh, right, batch, i);
  }

  /** Has mm map the page, and makes the access again. */
  #fault(low: number, high: number, right: number, batch: AccessBatch, i: number): void {
    const address = (high >>> 0) * TWO_32 + (low >>> 0);
    const touched = this.#process.faultIn(address);
    if (touched === 'huge') this.#hugePages++;
    else if (touched === 'page') this.#pages++;
    if (this.#process.memory.reservedBytes > this.#memoryMax) {
      throw new AddressTraceError('LIMIT', `the page tables of ${this.arch.spec} take more than ${Math.floor(this.#memoryMax / 2 ** 20)} MiB; raise memoryMax (--max-memory, which all machines share)`, placeOf(batch, i)); // prettier-ignore
    }
    this.#again(right);
    const status = this.#translator.translate(low, high, right);
    if (status !== 0) throw new InvariantError(`a fault of status ${status} at ${hex(BigInt(address))} after mm handled it: ${touched}`); // prettier-ignore
  }

  #again(right: number): void {
    this.#translations++;
    if (right === ACCESS_FETCH) this.#fetches++;
  }

  #outOfRange(batch: AccessBatch, i: number): never {
    const { spec } = this.arch;
    const address = (BigInt(batch.hi[i]! >>> 0) << 32n) | BigInt(batch.lo[i]! >>> 0);
    const message = `address ${hex(address)} is not below ${hex(this.arch.layoutOf().TASK_SIZE)}, where user space of ${spec} ends`;
    throw new AddressTraceError('RANGE', message, placeOf(batch, i));
  }
}

/** Numbers of the accesses for a translator, by kind: a modification needs what a store needs. */
const RIGHTS: readonly number[] = [0, ACCESS_WRITE, ACCESS_FETCH, ACCESS_WRITE];
const TWO_32 = 2 ** 32;

const placeOf = ({ offset, line }: AccessBatch, i: number): { offset: number; line?: number } => ({
  offset: offset[i]!,
  ...(line[i]! > 0 && { line: line[i]! }),
});

function levelCounts(
  { l1i, l2 }: TlbConfig,
  counters: TlbCounters,
  { fetches, all }: { readonly fetches: number; readonly all: number },
): Pick<ReplayCounts, 'l1i' | 'l1d' | 'l2'> {
  const split = (l1i ?? []).length > 0;
  const level = (lookups: number, hits: number): TlbLevelCounts => ({ lookups, misses: lookups - hits });
  const first = split ? level(fetches, counters.l1i) : undefined;
  const data = level(split ? all - fetches : all, counters.l1d);
  const missed = (first?.misses ?? 0) + data.misses;
  return { l1i: first, l1d: data, l2: (l2 ?? []).length > 0 ? level(missed, counters.l2) : undefined };
}
