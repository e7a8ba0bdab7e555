/**
 * The inner loops of the exhaustive search, on typed arrays only.
 *
 * `makeKernel` uses nothing outside itself: workers of a parallel search are given its text and make their own. So the
 * numbers that it shares with `model.ts` stand in it again; `kernel.spec.ts` holds them to be equal.
 *
 * `fillBatch` expands states: a state is unpacked once, the step of each thread looked up in the model's trees, and the
 * states after it written into a batch as candidates. It stops before a state in which something is not known, or must be
 * told first. What becomes of a batch the caller decides: alone it looks the candidates up and enters them (`Expander`);
 * in parallel it calls `claimBatch` and `commitWinners`, in rounds (`Crew`).
 */

/** What is read while states are expanded. */
export interface KernelTables {
  readonly nrThreads: number;
  readonly sleepSets: boolean;
  readonly compact: boolean;
  /** Whether judged falls are put into the batch, too, as ends. */
  readonly counting: boolean;
  readonly tree: Int32Array;
  readonly leaves: Int32Array;
  readonly kids: Int32Array;
  readonly nodes: readonly Int32Array[];
  readonly nrWords: number;
  /** Slot, word, shift, mask and factor of each slot that has bits. */
  readonly decode: Int32Array;
  readonly wordOf: Int32Array;
  readonly shiftOf: Int32Array;
  readonly factorOf: Int32Array;
  /** By slot: its bits in its word. */
  readonly bitsOf: Int32Array;
  /** By chunk of 2^14 places. */
  readonly words: readonly Int32Array[];
  readonly sleeps: readonly Int32Array[];
  /** By chunk of 2^14 states. */
  readonly parents: readonly Int32Array[];
  readonly actors: readonly Uint8Array[];
  /** The place of each state; empty where it is the state's number. */
  readonly order: readonly Int32Array[];
  readonly index: Int32Array;
  /** Places in `tree` of the pointers to the tests that no state has passed. */
  readonly tests: readonly number[];
}

/** Scratch memory of one thread. */
export interface KernelScratch {
  /** At least as long as there are slots. */
  vector: Int32Array;
  readonly leafOf: Int32Array;
  /** Candidates, `nrWords + EXTRA` integers each. */
  batch: Int32Array;
  /** What `fillBatch` says beside the state that it stops at; see `REGISTERS`. */
  readonly registers: Int32Array;
}

/** Memory that the threads of one parallel round share. */
export interface RoundMemory {
  readonly control: Int32Array;
  /** By claim, which is a place counted from the first of the round: its slot in the index (-1: none), and key. */
  readonly slots: Int32Array;
  readonly keys: Int32Array;
  /** By thread of the crew: claims that were made or improved, a number and a key each. */
  readonly logs: readonly Int32Array[];
  /** States of which something is not known, or must be told; in no order. */
  readonly putOff: Int32Array;
  /** By portion of the round: whose log has its claims, from where, how many words, how many claims win, and its first state. */
  readonly portions: Int32Array;
}

/** Numbers that a kernel shares with who calls it. */
export type KernelConstants = Readonly<
  Record<
    | 'CHUNK_BITS'
    | 'EXTRA'
    | 'ENDED'
    | 'ENABLED'
    | 'FALLS'
    | 'JUDGED'
    | 'TOLD'
    | 'BARRED'
    | 'LEAF_FLAGS'
    | 'LEAF_RESULT'
    | 'LEAF_READS'
    | 'LEAF_WRITES'
    | 'LEAF_NR_WRITES'
    | 'LEAF_LISTS'
    | 'FIRST'
    | 'SECOND'
    | 'SLEEPERS_MAX'
    | 'REASON'
    | 'NR_BATCH'
    | 'TRANSITIONS'
    | 'MET_BARRED'
    | 'WHO'
    | 'UNKNOWN'
    | 'TERMINAL'
    | 'TO_TELL'
    | 'FROM'
    | 'TO'
    | 'LEVEL_PLACE'
    | 'NEXT_PORTION'
    | 'NEXT_CLAIM'
    | 'EVENT'
    | 'ALL_TRANSITIONS'
    | 'NR_PORTIONS'
    | 'PORTION'
    | 'CLAIMS'
    | 'PORTION_FIELDS'
    | 'KEY_BITS'
    | 'NR_PUT_OFF'
    | 'FIRST_PLACE'
    | 'CLAIM'
    | 'CLAIM_END',
    number
  >
>;

/** The functions of a kernel. */
export interface Kernel {
  readonly constants: KernelConstants;
  mix(hash: number): number;
  slotHash(slot: number, code: number, half: number): number;
  fillBatch(
    t: KernelTables,
    s: KernelScratch,
    from: number,
    to: number,
    nrBatch: number,
    batchMax: number,
  ): number;
  runRound(t: KernelTables, s: KernelScratch, m: RoundMemory, who: number): void;
  claimBatch(
    t: KernelTables,
    s: KernelScratch,
    m: RoundMemory,
    nrBatch: number,
    log: Int32Array,
    logLength: number,
  ): number;
  commitWinners(t: KernelTables, m: RoundMemory): void;
  moveEntries(before: Int32Array, after: Int32Array, control: Int32Array): void;
}

/** Makes the functions of a kernel. Uses nothing outside itself. */
export function makeKernel(): Kernel {
  const CHUNK_BITS = 14;
  const CHUNK_MASK = (1 << CHUNK_BITS) - 1;
  const EXTRA = 5;
  const ENDED = 1;
  const ENABLED = 1;
  const FALLS = 2;
  const JUDGED = 4;
  const TOLD = 8;
  const BARRED = 32;
  const LEAF_FLAGS = 0;
  const LEAF_RESULT = 1;
  const LEAF_READS = 2;
  const LEAF_WRITES = 4;
  const LEAF_NR_WRITES = 6;
  const LEAF_LISTS = 9;
  const SLEEPERS_MAX = 31;
  const FIRST = 0x243f6a88;
  const SECOND = 0x13198a2e;
  // Registers, and why `fillBatch` stopped.
  const REASON = 0;
  const NR_BATCH = 1;
  const TRANSITIONS = 2;
  const MET_BARRED = 3;
  const WHO = 4;
  /** The next claim of the thread's block, and the end of the block. */
  const CLAIM = 5;
  const CLAIM_END = 6;
  const [COMPLETE, FULL, UNKNOWN, TERMINAL, TO_TELL] = [0, 1, 2, 3, 4];
  // Words of a round's control block.
  const FROM = 4;
  const TO = 5;
  const LEVEL_PLACE = 6;
  const NEXT_PORTION = 7;
  const NEXT_CLAIM = 8;
  const EVENT = 9;
  const ALL_TRANSITIONS = 10;
  const NR_PORTIONS = 11;
  const PORTION = 64;
  const CLAIMS = 256;
  const PORTION_FIELDS = 5;
  /** A key is the place of the state in the round, and the thread in so many bits. */
  const KEY_BITS = 8;
  const NR_PUT_OFF = 13;
  const FIRST_PLACE = 14;
  /** Places of an index that one thread moves at a time. */
  const MOVED = 1 << 12;

  function mix(hash: number): number {
    const word = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    return word ^ (word >>> 12);
  }

  function slotHash(slot: number, code: number, half: number): number {
    if (code === 0) return 0;
    let word = Math.imul(slot + half, 0x9e3779b1) ^ Math.imul(code, 0x85ebca6b);
    word = Math.imul(word ^ (word >>> 16), 0x7feb352d);
    word = Math.imul(word ^ (word >>> 15), 0x846ca68b);
    word ^= word >>> 16;
    word = Math.imul((word + code) ^ half, 0xc2b2ae35);
    return word ^ (word >>> 15);
  }

  function fillBatch(
    t: KernelTables,
    s: KernelScratch,
    from: number,
    to: number,
    first: number,
    batchMax: number,
  ): number {
    const { nrThreads, sleepSets, compact, counting, tree, leaves, kids, nodes } = t;
    const { nrWords, decode, wordOf, shiftOf, factorOf, bitsOf } = t;
    const { vector, leafOf, batch, registers } = s;
    const decodeEnd = decode.length;
    const ordered = t.order.length > 0;
    const stride = nrWords + EXTRA;
    let nrBatch = first;
    let transitions = 0;
    let reason = COMPLETE;
    let state = from;

    states: for (; state < to; state++) {
      if (nrBatch + nrThreads > batchMax) {
        reason = FULL;
        break;
      }
      const place = ordered
        ? ((t.order[state >>> CHUNK_BITS] as Int32Array)[state & CHUNK_MASK] as number)
        : state;
      const words = t.words[place >>> CHUNK_BITS] as Int32Array;
      const base = (place & CHUNK_MASK) * nrWords;
      let hash = 0;
      for (let k = 0; k < decodeEnd; k += 5) {
        const word = words[base + (decode[k + 1] as number)] as number;
        const code = (word >>> (decode[k + 2] as number)) & (decode[k + 3] as number);
        vector[decode[k] as number] = code;
        hash = (hash + Math.imul(code, decode[k + 4] as number)) | 0;
      }
      let second = 0;
      if (compact) {
        hash = 0;
        for (let k = 0; k < decodeEnd; k += 5) {
          const slot = decode[k] as number;
          hash = (hash + slotHash(slot, vector[slot] as number, FIRST)) | 0;
          second = (second + slotHash(slot, vector[slot] as number, SECOND)) | 0;
        }
      }
      const sleep = sleepSets
        ? ((t.sleeps[place >>> CHUNK_BITS] as Int32Array)[place & CHUNK_MASK] as number)
        : 0;

      let terminal = true;
      for (let thread = 0; thread < nrThreads; thread++) {
        const code = vector[thread] as number;
        leafOf[thread] = -1;
        if (code === ENDED) continue;
        const places = nodes[thread] as Int32Array;
        let at = tree[places[2 * code] as number] as number;
        while (at > 0) {
          const found = vector[tree[at] as number] as number;
          at = found < (tree[at + 1] as number) ? (tree[at + 2 + found] as number) : 0;
        }
        if (at === 0) {
          reason = UNKNOWN;
          break states;
        }
        const leaf = ~at;
        const flags = leaves[leaf + LEAF_FLAGS] as number;
        if ((flags & ENABLED) === 0) continue;
        terminal = false;
        leafOf[thread] = leaf;
        const asleep = thread < SLEEPERS_MAX && (sleep & (1 << thread)) !== 0;
        if ((flags & (FALLS | TOLD)) === FALLS && !asleep) {
          registers[WHO] = thread;
          reason = TO_TELL;
          break states;
        }
        if ((flags & (JUDGED | BARRED)) !== 0 || asleep) continue;
        const block = places[2 * code + 1] as number;
        const result = leaves[leaf + LEAF_RESULT] as number;
        if (result >= (kids[block] as number) || kids[block + 1 + result] === 0) {
          reason = UNKNOWN;
          break states;
        }
      }
      if (terminal) {
        reason = TERMINAL;
        break;
      }

      let done = sleep;
      for (let thread = 0; thread < nrThreads; thread++) {
        const leaf = leafOf[thread] as number;
        const bit = sleepSets && thread < SLEEPERS_MAX ? 1 << thread : 0;
        if (leaf < 0 || (sleep & bit) !== 0) continue;
        const flags = leaves[leaf + LEAF_FLAGS] as number;
        if ((flags & BARRED) !== 0) {
          registers[MET_BARRED] = 1;
          continue;
        }
        const to = nrBatch * stride;
        const extra = to + nrWords;
        transitions++;
        if ((flags & JUDGED) !== 0) {
          done |= bit;
          if (counting) {
            batch[extra + 1] = state;
            batch[extra + 2] = -1;
            nrBatch++;
          }
          continue;
        }
        const code = vector[thread] as number;
        const block = (nodes[thread] as Int32Array)[2 * code + 1] as number;
        const after = (kids[block + 1 + (leaves[leaf + LEAF_RESULT] as number)] as number) - 1;
        for (let k = 0; k < nrWords; k++) batch[to + k] = words[base + k] as number;
        const word = to + (wordOf[thread] as number);
        batch[word] =
          ((batch[word] as number) & ~(bitsOf[thread] as number)) | (after << (shiftOf[thread] as number));
        let hashAfter = (hash + Math.imul(after - code, factorOf[thread] as number)) | 0;
        let secondAfter = second;
        if (compact) {
          hashAfter = (hash + slotHash(thread, after, FIRST) - slotHash(thread, code, FIRST)) | 0;
          secondAfter = (second + slotHash(thread, after, SECOND) - slotHash(thread, code, SECOND)) | 0;
        }
        let write = leaf + LEAF_LISTS;
        for (let n = leaves[leaf + LEAF_NR_WRITES] as number; n > 0; n--, write += 2) {
          const slot = leaves[write] as number;
          const next = leaves[write + 1] as number;
          const old = vector[slot] as number;
          const place = to + (wordOf[slot] as number);
          batch[place] =
            ((batch[place] as number) & ~(bitsOf[slot] as number)) | (next << (shiftOf[slot] as number));
          if (compact) {
            hashAfter = (hashAfter + slotHash(slot, next, FIRST) - slotHash(slot, old, FIRST)) | 0;
            secondAfter = (secondAfter + slotHash(slot, next, SECOND) - slotHash(slot, old, SECOND)) | 0;
          } else hashAfter = (hashAfter + Math.imul(next - old, factorOf[slot] as number)) | 0;
        }
        let asleep = 0;
        if (done !== 0) {
          const readsLow = leaves[leaf + LEAF_READS] as number;
          const readsHigh = leaves[leaf + LEAF_READS + 1] as number;
          const writesLow = leaves[leaf + LEAF_WRITES] as number;
          const writesHigh = leaves[leaf + LEAF_WRITES + 1] as number;
          for (let rest = done; rest !== 0; rest &= rest - 1) {
            const other = leafOf[31 - Math.clz32(rest & -rest)] as number;
            const low = leaves[other + LEAF_WRITES] as number;
            const high = leaves[other + LEAF_WRITES + 1] as number;
            const meet =
              (low & (readsLow | writesLow)) |
              (high & (readsHigh | writesHigh)) |
              (writesLow & (leaves[other + LEAF_READS] as number)) |
              (writesHigh & (leaves[other + LEAF_READS + 1] as number));
            if (meet === 0) asleep |= rest & -rest;
          }
        }
        batch[extra] = hashAfter;
        batch[extra + 1] = state;
        batch[extra + 2] = thread;
        batch[extra + 3] = asleep;
        batch[extra + 4] = secondAfter;
        done |= bit;
        nrBatch++;
      }
    }
    registers[REASON] = reason;
    registers[NR_BATCH] = nrBatch;
    registers[TRANSITIONS] = (registers[TRANSITIONS] as number) + transitions;
    return state;
  }

  /** Expands portions of the round until there are none left, and claims a place for each new state. */
  function runRound(t: KernelTables, s: KernelScratch, m: RoundMemory, who: number): void {
    const { control, portions } = m;
    const { registers } = s;
    const [from, to] = [control[FROM] as number, control[TO] as number];
    const log = m.logs[who] as Int32Array;
    let logged = 0;
    registers[CLAIM] = 0;
    registers[CLAIM_END] = 0;
    registers[TRANSITIONS] = 0;
    const batchMax = (s.batch.length / (t.nrWords + EXTRA)) | 0;
    while (Atomics.load(control, EVENT) === 0) {
      const portion = Atomics.add(control, NEXT_PORTION, 1);
      const begin = from + portion * PORTION;
      if (begin >= to) break;
      const end = Math.min(begin + PORTION, to);
      const start = logged;
      for (let state = begin; state < end;) {
        state = fillBatch(t, s, state, end, 0, batchMax);
        const reason = registers[REASON] as number;
        if (registers[MET_BARRED] === 1) {
          Atomics.store(control, EVENT, state + 1);
          return;
        }
        if (reason !== COMPLETE && reason !== FULL) {
          const nth = Atomics.add(control, NR_PUT_OFF, 1);
          if (nth >= m.putOff.length) {
            Atomics.store(control, EVENT, state + 1);
            return;
          }
          m.putOff[nth] = state++;
        }
        logged = claimBatch(t, s, m, registers[NR_BATCH] as number, log, logged);
        if (logged < 0) {
          Atomics.store(control, EVENT, state);
          return;
        }
      }
      const fields = portion * PORTION_FIELDS;
      portions[fields] = who;
      portions[fields + 1] = start;
      portions[fields + 2] = logged - start;
      Atomics.add(portions, fields + 3, (logged - start) >>> 1);
    }
    Atomics.add(control, ALL_TRANSITIONS, registers[TRANSITIONS] as number);
  }

  /**
   * Looks up a batch, and claims a place for each state that is new: words and sleepers are written where they stay. Returns the
   * length of the log, or -1 when a test must be looked at.
   */
  function claimBatch(
    t: KernelTables,
    s: KernelScratch,
    m: RoundMemory,
    nrBatch: number,
    log: Int32Array,
    logLength: number,
  ): number {
    const { nrWords, index, words: chunks, sleeps } = t;
    const { batch, registers } = s;
    const { control, slots, keys, portions } = m;
    const stride = nrWords + EXTRA;
    const mask = (index.length >>> 1) - 1;
    const levelPlace = control[LEVEL_PLACE] as number;
    const firstPlace = control[FIRST_PLACE] as number;
    const from = control[FROM] as number;
    const end = nrBatch * stride;
    let logged = logLength;
    let claim = registers[CLAIM] as number;
    let claimEnd = registers[CLAIM_END] as number;
    let fetched = 0;
    for (let at = nrWords; at < end; at += stride)
      fetched |= index[2 * (mix(batch[at] as number) & mask)] as number;
    for (let at = nrWords; at < end; at += stride) {
      const slot = 2 * (mix(batch[at] as number) & mask);
      const entry = index[slot] as number;
      if (entry === 0 || index[slot + 1] !== batch[at]) continue;
      const known = entry - 1;
      fetched |= (chunks[known >>> CHUNK_BITS] as Int32Array)[(known & CHUNK_MASK) * nrWords] as number;
    }
    registers[WHO] = fetched;
    candidates: for (let at = 0; at < end; at += stride) {
      const extra = at + nrWords;
      const hash = batch[extra] as number;
      const key = (((batch[extra + 1] as number) - from) << KEY_BITS) | (batch[extra + 2] as number);
      const asleep = batch[extra + 3] as number;
      let written = false;
      for (let slot = mix(hash) & mask; ; slot = (slot + 1) & mask) {
        // A plain look costs less, and shows what earlier rounds entered; what this round claimed is looked at once more.
        let entry = index[2 * slot] as number;
        if (entry === 0) {
          if (claim === claimEnd) {
            claim = Atomics.add(control, NEXT_CLAIM, CLAIMS);
            claimEnd = claim + CLAIMS;
            slots.fill(-1, claim, claimEnd);
          }
          const place = firstPlace + claim;
          if (!written) {
            const own = chunks[place >>> CHUNK_BITS] as Int32Array;
            const base = (place & CHUNK_MASK) * nrWords;
            for (let k = 0; k < nrWords; k++) own[base + k] = batch[at + k] as number;
            (sleeps[place >>> CHUNK_BITS] as Int32Array)[place & CHUNK_MASK] = asleep;
            keys[claim] = key;
            written = true;
          }
          entry = Atomics.compareExchange(index, 2 * slot, 0, place + 1);
          if (entry === 0) {
            slots[claim] = slot;
            index[2 * slot + 1] = hash;
            log[logged++] = claim++;
            log[logged++] = key;
            if (t.tests.length > 0 && looksNew(t, s, at)) return -1;
            continue candidates;
          }
        } else if (entry > firstPlace) entry = Atomics.load(index, 2 * slot);
        const known = entry - 1;
        const other = known - firstPlace;
        // Of a claim the hash in the index may not be written yet.
        if (other < 0 && index[2 * slot + 1] !== hash) continue;
        const kept = chunks[known >>> CHUNK_BITS] as Int32Array;
        const base = (known & CHUNK_MASK) * nrWords;
        let k = 0;
        while (k < nrWords && kept[base + k] === batch[at + k]) k++;
        if (k < nrWords) continue;
        // Sleepers and keys only ever go: where nothing would change, nothing will.
        if (known >= levelPlace) {
          const list = sleeps[known >>> CHUNK_BITS] as Int32Array;
          const i = known & CHUNK_MASK;
          if (((list[i] as number) & ~asleep) !== 0) Atomics.and(list, i, asleep);
        }
        if (other < 0) continue candidates;
        for (let old = keys[other] as number; key < old;) {
          const seen = Atomics.compareExchange(keys, other, old, key);
          if (seen === old) {
            log[logged++] = other;
            log[logged++] = key;
            const loser = ((old >>> KEY_BITS) / PORTION) | 0;
            Atomics.sub(portions, loser * PORTION_FIELDS + 3, 1);
            break;
          }
          old = seen;
        }
        continue candidates;
      }
    }
    registers[CLAIM] = claim;
    registers[CLAIM_END] = claimEnd;
    return logged;
  }

  /** Whether some test that no state has passed is passed by a candidate, or is not known of it. */
  function looksNew(t: KernelTables, s: KernelScratch, at: number): boolean {
    const { tree, decode, tests } = t;
    const { batch, vector } = s;
    for (let k = 0; k < decode.length; k += 5) {
      const word = batch[at + (decode[k + 1] as number)] as number;
      vector[decode[k] as number] = (word >>> (decode[k + 2] as number)) & (decode[k + 3] as number);
    }
    for (const root of tests) {
      let pointer = tree[root] as number;
      while (pointer > 0) {
        const found = vector[tree[pointer] as number] as number;
        pointer = found < (tree[pointer + 1] as number) ? (tree[pointer + 2 + found] as number) : 0;
      }
      if (pointer === 0 || ~pointer === 1) return true;
    }
    return false;
  }

  /** Gives the claims that win, the first to their state in the order of the round, their numbers in that order. */
  function commitWinners(t: KernelTables, m: RoundMemory): void {
    const { control, portions, keys } = m;
    const nrPortions = control[NR_PORTIONS] as number;
    const from = control[FROM] as number;
    const firstPlace = control[FIRST_PLACE] as number;
    for (let portion = Atomics.add(control, NEXT_PORTION, 1); portion < nrPortions;) {
      const fields = portion * PORTION_FIELDS;
      const log = m.logs[portions[fields] as number] as Int32Array;
      const end = (portions[fields + 1] as number) + (portions[fields + 2] as number);
      let state = portions[fields + 4] as number;
      for (let at = portions[fields + 1] as number; at < end; at += 2) {
        const claim = log[at] as number;
        const key = log[at + 1] as number;
        if (keys[claim] !== key) continue;
        const chunk = state >>> CHUNK_BITS;
        const i = state++ & CHUNK_MASK;
        (t.order[chunk] as Int32Array)[i] = firstPlace + claim;
        (t.parents[chunk] as Int32Array)[i] = from + (key >>> KEY_BITS);
        (t.actors[chunk] as Uint8Array)[i] = key & ((1 << KEY_BITS) - 1);
      }
      portion = Atomics.add(control, NEXT_PORTION, 1);
    }
  }

  /** Enters what an index has into a larger one that is empty, a part at a time until there are none left. */
  function moveEntries(before: Int32Array, after: Int32Array, control: Int32Array): void {
    const mask = (after.length >>> 1) - 1;
    const nrParts = Math.ceil(before.length / 2 / MOVED);
    for (let part = Atomics.add(control, NEXT_PORTION, 1); part < nrParts;) {
      const end = Math.min(before.length, 2 * MOVED * (part + 1));
      for (let at = 2 * MOVED * part; at < end; at += 2) {
        const entry = before[at] as number;
        if (entry === 0) continue;
        const hash = before[at + 1] as number;
        let slot = mix(hash) & mask;
        // Never a read before the first store: a page that was only read has to be given to all CPUs anew.
        while (Atomics.compareExchange(after, 2 * slot, 0, entry) !== 0) slot = (slot + 1) & mask;
        after[2 * slot + 1] = hash;
      }
      part = Atomics.add(control, NEXT_PORTION, 1);
    }
  }

  const constants = {
    CHUNK_BITS, EXTRA, ENDED, ENABLED, FALLS, JUDGED, TOLD, BARRED, LEAF_FLAGS, LEAF_RESULT, LEAF_READS, LEAF_WRITES,
    LEAF_NR_WRITES, LEAF_LISTS, FIRST, SECOND, SLEEPERS_MAX, REASON, NR_BATCH, TRANSITIONS, MET_BARRED, WHO, UNKNOWN,
    TERMINAL, TO_TELL, FROM, TO, LEVEL_PLACE, NEXT_PORTION, NEXT_CLAIM, EVENT, ALL_TRANSITIONS, NR_PORTIONS, PORTION,
    CLAIMS, PORTION_FIELDS, KEY_BITS, NR_PUT_OFF, FIRST_PLACE, CLAIM, CLAIM_END,
  }; // prettier-ignore
  return {
    constants,
    mix,
    slotHash,
    fillBatch,
    runRound,
    claimBatch,
    commitWinners,
    moveEntries,
  };
}
