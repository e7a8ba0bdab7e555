/** `4K`, `2M`, `1G`. */
export function sizeName(bytes: bigint): string {
  const units: readonly [bigint, string][] = [
    [1n << 30n, 'G'],
    [1n << 20n, 'M'],
    [1n << 10n, 'K'],
  ];
  for (const [unit, name] of units) if (bytes % unit === 0n) return `${bytes / unit}${name}`;
  return `${bytes}B`;
}
