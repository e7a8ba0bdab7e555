import pc from 'picocolors';

/** How wide and how colourful a view may be. */
export interface ViewOptions {
  /** Columns of the terminal; every view has a default of its own. */
  readonly width?: number;
  /** Whether to write ANSI colours; off by default. */
  readonly color?: boolean;
}

/** The few meanings that the views give to colours. */
export interface Style {
  readonly head: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly note: (text: string) => string;
}

/** Colours by meaning, or plain text. */
export function styleOf(options: ViewOptions): Style {
  const colors = pc.createColors(options.color ?? false);
  return {
    head: colors.bold,
    dim: colors.dim,
    good: colors.green,
    bad: colors.red,
    note: colors.yellow,
  };
}
