/**
 * Frames of pages: numbers only, since nothing is ever read from or written to a page. They are kept apart from the frames of
 * tables, in the upper half of physical memory, so that tables lie close together and pages take no memory at all.
 */
import { ArchError } from '@ptemu/arch';

/** Allocates frame numbers. */
export class PageFrames {
  readonly #end: number;
  #next: number;
  readonly #free: number[] = [];
  readonly #freeBlocks: number[] = [];
  readonly #blockFrames: number;

  /** @param options.blockFrames - Frames of a huge page, to whose size it is aligned. */
  constructor(options: {
    readonly addressBits: number;
    readonly pageShift: number;
    readonly blockFrames: number;
  }) {
    this.#end = 2 ** (options.addressBits - options.pageShift);
    this.#next = this.#end / 2;
    this.#blockFrames = options.blockFrames;
  }

  /** A frame: the one freed last, else the next. Throws `BAD_ARGUMENT` when there is none. */
  take(): number {
    return this.#free.pop() ?? this.#advance(1);
  }

  /** The frames of a huge page; the first is returned. */
  takeBlock(): number {
    const again = this.#freeBlocks.pop();
    if (again !== undefined) return again;
    while (this.#next % this.#blockFrames !== 0) this.#free.push(this.#next++);
    return this.#advance(this.#blockFrames);
  }

  free(pfn: number): void {
    this.#free.push(pfn);
  }

  freeBlock(pfn: number): void {
    this.#freeBlocks.push(pfn);
  }

  #advance(frames: number): number {
    const first = this.#next;
    if (first + frames > this.#end) {
      throw new ArchError('BAD_ARGUMENT', `no ${frames} frames are left for pages`, { frames });
    }
    this.#next += frames;
    return first;
  }
}
