type Count = number | bigint;

/** Steps that are kept for counting; a larger graph is not counted. They take half a MiB. */
const COUNTED_MAX = 1 << 17;
/** A count of paths in two numbers is `high * LIMB + low`, with `low` below it. */
const LIMB = 2 ** 52;

/** Counts the paths from the first state to every end of a graph that a search expands state by state. */
export class PathCounter {
  /** Targets of all edges, in the order of the states that they leave. */
  #targets = new Int32Array(1 << 10);
  #nrEdges = 0;
  /** By state: how many edges it has. */
  readonly #degrees: number[] = [];
  /** By state: how many schedules end there or with a step from there, for each path to it. */
  readonly #ends = new Map<number, number>();
  #tooLarge = false;
  /** Whether every edge leads to a state with a larger number. */
  #ascending = true;

  /** Whether there is still something to count. */
  get counting(): boolean {
    return !this.#tooLarge;
  }

  /** What was counted so far, for a checkpoint. */
  save(): {
    readonly tooLarge: boolean;
    readonly degrees: number[];
    readonly ends: [number, number][];
    readonly targets: number[];
  } {
    const targets = [...this.#targets.subarray(0, this.#nrEdges)];
    return { tooLarge: this.#tooLarge, degrees: this.#degrees, ends: [...this.#ends], targets };
  }

  restore({ tooLarge, degrees, ends, targets }: ReturnType<PathCounter['save']>): void {
    this.#tooLarge = tooLarge;
    this.#degrees.push(...degrees);
    for (const [state, count] of ends) this.#ends.set(state, count);
    this.#targets = Int32Array.from(targets);
    this.#nrEdges = targets.length;
    let edge = 0;
    degrees.forEach((degree, from) => {
      for (const end = edge + degree; edge < end; edge++)
        if ((targets[edge] as number) <= from) this.#ascending = false;
    });
  }

  /** A step leads from the state that is being expanded to `to`. States are expanded in the order of their numbers. */
  edge(from: number, to: number): void {
    if (this.#tooLarge) return;
    if (this.#nrEdges === COUNTED_MAX) {
      this.#tooLarge = true;
      this.#targets = new Int32Array(0);
      this.#degrees.length = 0;
      return;
    }
    if (this.#nrEdges === this.#targets.length) {
      const larger = new Int32Array(Math.max(1 << 10, 2 * this.#nrEdges));
      larger.set(this.#targets);
      this.#targets = larger;
    }
    this.#targets[this.#nrEdges++] = to;
    if (to <= from) this.#ascending = false;
    while (this.#degrees.length <= from) this.#degrees.push(0);
    this.#degrees[from] = (this.#degrees[from] as number) + 1;
  }

  /** Schedules end in a state, or with a step from it. */
  end(from: number): void {
    if (!this.#tooLarge) this.#ends.set(from, (this.#ends.get(from) ?? 0) + 1);
  }

  /** Paths from state 0 to all ends, once all of the `states` are expanded; null when there is a cycle or too much. */
  total(states: number): bigint | null {
    if (this.#tooLarge) return null;
    return (this.#ascending ? this.#totalInOrder(states) : undefined) ?? this.#totalOf(states);
  }

  /** The total where the numbers of the states are an order to count in; undefined where two numbers are too few. */
  #totalInOrder(states: number): bigint | undefined {
    const targets = this.#targets;
    const low = new Float64Array(states);
    const high = new Float64Array(states);
    let [totalLow, totalHigh, edge] = [0, 0, 0];
    low[0] = 1;
    for (let from = 0; from < states; from++) {
      const [fromLow, fromHigh] = [low[from] as number, high[from] as number];
      for (let ends = this.#ends.get(from) ?? 0; ends > 0; ends--) {
        totalLow += fromLow;
        totalHigh += fromHigh;
        if (totalLow >= LIMB) {
          totalLow -= LIMB;
          totalHigh++;
        }
        if (totalHigh >= LIMB) return undefined;
      }
      for (const end = edge + (this.#degrees[from] ?? 0); edge < end; edge++) {
        const to = targets[edge] as number;
        const sum = (low[to] as number) + fromLow;
        const carry = sum >= LIMB ? 1 : 0;
        low[to] = sum - carry * LIMB;
        high[to] = (high[to] as number) + fromHigh + carry;
        if ((high[to] as number) >= LIMB) return undefined;
      }
    }
    return BigInt(totalHigh) * BigInt(LIMB) + BigInt(totalLow);
  }

  /** The total of any graph, by the states whose every predecessor has been counted. */
  #totalOf(states: number): bigint | null {
    const targets = this.#targets;
    const firstEdge = new Int32Array(states + 1);
    for (let i = 0; i < states; i++) firstEdge[i + 1] = (firstEdge[i] as number) + (this.#degrees[i] ?? 0);
    const incoming = new Int32Array(states);
    for (let edge = 0; edge < this.#nrEdges; edge++) {
      const to = targets[edge] as number;
      incoming[to] = (incoming[to] as number) + 1;
    }
    const paths: Count[] = Array.from({ length: states }, () => 0);
    paths[0] = 1;
    const ready = incoming[0] === 0 ? [0] : [];
    let done = 0;
    let total: Count = 0;
    for (let from = ready.pop(); from !== undefined; from = ready.pop()) {
      done++;
      const count = paths[from] as Count;
      for (let ends = this.#ends.get(from) ?? 0; ends > 0; ends--) total = add(total, count);
      for (let edge = firstEdge[from] as number; edge < (firstEdge[from + 1] as number); edge++) {
        const to = targets[edge] as number;
        paths[to] = add(paths[to] as Count, count);
        const open = (incoming[to] as number) - 1;
        incoming[to] = open;
        if (open === 0) ready.push(to);
      }
    }
    return done === states ? BigInt(total) : null;
  }
}

/** Adds exactly, with numbers for as long as they are exact. */
function add(a: Count, b: Count): Count {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (sum <= Number.MAX_SAFE_INTEGER) return sum;
  }
  return BigInt(a) + BigInt(b);
}
