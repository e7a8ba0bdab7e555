/** Without reductions: what the program itself has. */
export const PLAIN = { strategy: 'exhaustive', merge: 'none', sleepSets: false } as const;

/** A result as text, for comparing two byte by byte. */
export const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? `${item}n` : item), 1);
