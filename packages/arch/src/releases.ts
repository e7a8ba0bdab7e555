/**
 * Mainline releases that a source places, oldest first: the version points that the fact sheet read, the ends of the
 * ranges that it states, and the releases that a commit is placed in.
 */
export const RELEASES: readonly string[] = [
  '2.6.38', '3.0', '3.6', '3.8', '3.10', '3.11', '3.12', '3.13', '3.15', '3.16', '4.3', '4.4', '4.5', '4.6', '4.7',
  '4.8', '4.9', '4.10', '4.11', '4.12', '4.13', '4.14', '4.15', '4.16', '4.18', '4.19', '4.20', '5.0', '5.2', '5.4',
  '5.7', '5.8', '5.9', '5.10', '5.11', '5.14', '5.15', '5.16', '6.0', '6.1', '6.2', '6.4', '6.5', '6.6', '6.9', '6.10',
  '6.11', '6.12', '6.13', '6.14', '6.15', '6.19',
]; // prettier-ignore

/** Stable trees with answers of their own, and the mainline release that each grew from. */
export const STABLE_TREES: readonly { readonly name: string; readonly base: string }[] = [
  { name: '6.1.176', base: '6.1' },
  { name: '6.1.192', base: '6.1' },
  { name: '6.12.117', base: '6.12' },
];

/** Point releases that the fact sheet read as evidence of the mainline release. */
export const RELEASE_ALIASES: Readonly<Record<string, string>> = {
  '3.0.1': '3.0',
  '3.6.0': '3.6',
  '3.8.13': '3.8',
  '3.16.0': '3.16',
  '4.5.0': '4.5',
  '4.7.4': '4.7',
  '4.8.15': '4.8',
  '4.9.45': '4.9',
  '4.11.0': '4.11',
  '4.12.0': '4.12',
  '4.15-rc8': '4.15',
  '4.16.13': '4.16',
  '4.20.0': '4.20',
  '5.0.1': '5.0',
  '5.4.59': '5.4',
  '5.8.1': '5.8',
  '5.15.0': '5.15',
  '6.5.0': '6.5',
  '6.14.0': '6.14',
  '6.19.0': '6.19',
};
