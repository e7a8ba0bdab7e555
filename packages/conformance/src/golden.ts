/**
 * The golden comparison of a backend with a vector file, in parts that a test of whatever framework judges. The slots
 * themselves are compared by `compareVectors`.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Arch } from '@ptemu/arch';
import type { VectorFile } from './vector-file.js';
import type { VectorReport } from './vectors.js';

/** The constants of a backend beside those of a vector file. */
export interface ConstantsReport {
  /** Names that both have. */
  readonly shared: readonly string[];
  /** Those of them whose values differ. */
  readonly wrong: readonly { readonly name: string; readonly kernel: bigint; readonly backend: bigint }[];
}

/** Reads a gzipped vector file. What it holds is not checked: it is for files that come with the tests. */
export const readVectorFile = (url: URL): VectorFile =>
  JSON.parse(gunzipSync(readFileSync(url)).toString()) as VectorFile;

/** The report in one line: `vectors <name>: N of N (traps T), protections M of M`. */
export const vectorLine = ({ name, agree, slots, traps, protections }: VectorReport): string =>
  `vectors ${name}: ${agree} of ${slots} (traps ${traps}), protections ${protections.agree} of ${protections.slots}`;

/** Compares the constants that the backend and the kernel's build both name. */
export function compareConstants({ constants }: Arch, file: VectorFile): ConstantsReport {
  const both = Object.entries(constants).flatMap(([name, backend]) => {
    const kernel = file.constants[name];
    return kernel === undefined ? [] : [{ name, kernel: BigInt(kernel), backend }];
  });
  return {
    shared: both.map(({ name }) => name),
    wrong: both.filter(({ kernel, backend }) => kernel !== backend),
  };
}

/**
 * Entries of `not_defined_on_this_build` that the backend defines nevertheless.
 *
 * `pte_mkwrite` and `pmd_mkwrite` never count: the contract has one name, which with the VMA as an optional argument
 * stands for both of the kernel's forms.
 */
export const wronglyDefined = (arch: Arch, { meta }: VectorFile): readonly string[] =>
  meta.not_defined_on_this_build.filter((entry) => {
    const [level = '', helper = ''] = entry.split(':');
    if (/^p(te|md)_mkwrite$/.test(helper)) return false;
    return helper in ((arch as unknown as Readonly<Record<string, object>>)[level] ?? {});
  });
