import type { Folio } from './mm_types.js';

/** The frames of a scenario: the huge page under test, small pages to fault in, and frame 0. */
export class Frames {
  readonly huge: Folio;
  readonly small: readonly Folio[];
  readonly zero: Folio;

  constructor(huge: Folio, small: readonly Folio[], zero: Folio) {
    this.huge = huge;
    this.small = small;
    this.zero = zero;
  }

  /** Every folio. */
  all(): readonly Folio[] {
    return [this.huge, ...this.small, this.zero];
  }

  /** The folio that a frame belongs to. */
  ofPfn(pfn: number): Folio | undefined {
    return this.all().find((folio) => folio.pfn <= pfn && pfn < folio.pfn + folio.nrPages);
  }

  named(name: string): Folio | undefined {
    return this.all().find((folio) => folio.name === name);
  }
}
