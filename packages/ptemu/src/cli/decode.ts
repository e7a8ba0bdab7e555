import { type Arch, type BitField, type Level, type Match, decodeBits, hex } from '@ptemu/arch';
import { table } from '@ptemu/report';
import { walkerSays } from '../walker-says.js';
import { parseBackend, parseHex, parseLevel, type Toggles } from './input.js';
import { EXIT, type ExitCode, type Io } from './io.js';
import { jsonLine, machineJson } from './json.js';
import { ask, predicates } from './lookup.js';

/** Options of `ptemu decode`. */
export interface DecodeOptions extends Toggles {
  readonly kernel?: string;
  readonly json?: boolean;
}

/** `ptemu decode SPEC LEVEL HEX`: an entry field by field, the helpers that hold, what the walker does. */
export function decodeCommand(
  spec: string,
  level: string,
  text: string,
  options: DecodeOptions,
  io: Io,
): ExitCode {
  const arch = parseBackend(spec, options.kernel, options);
  const at = parseLevel(level);
  const entry = parseHex(text, 'entry');
  const fits = fittingFields(arch, at, entry);
  const { fields, rest } = decodeBits(arch.bits.filter(fits), at, entry);
  const known = predicates(arch, at);
  const holds = known.filter((name) => ask(arch, at, name, entry) === true);
  const bugs = known.filter((name) => ask(arch, at, name, entry) === 'bug');
  const walker = walkerSays(arch, at, entry);
  if (options.json === true) {
    io.stdout(
      jsonLine({
        ...machineJson(arch),
        level: at,
        entry,
        fields: fields.map(({ field, value }) => ({
          name: field.name,
          mask: hex(field.mask),
          value: hex(value, 4),
          by: field.by,
          ...(field.when !== undefined && { when: field.when }),
          means: field.means,
        })),
        rest,
        holds,
        bugs,
        walker,
      }),
    );
    return EXIT.expected;
  }
  const rows = fields.map(({ field, value }) => [
    hex(field.mask),
    field.name,
    hex(value, 4),
    field.by,
    field.when === undefined ? field.means : `${field.means} (${field.when})`,
  ]);
  if (rest !== 0n) rows.push([hex(rest), '-', '', '', 'bits without a meaning at this level']);
  io.stdout(`${at} ${hex(entry)} on ${title(arch)}\n\n`);
  io.stdout(`${table(['mask', 'field', 'value', 'read by', 'meaning'], rows, { color: io.color })}\n\n`);
  io.stdout(`true:   ${holds.join(' ') || 'no helper'}\n`);
  if (bugs.length > 0) io.stdout(`BUG:    ${bugs.join(' ')}\n`);
  io.stdout(`walker: ${walker}\n`);
  return EXIT.expected;
}

/** Which fields may have their meaning in this entry: a valid table is no leaf, and nothing valid is a swap entry. */
function fittingFields(arch: Arch, level: Level, entry: bigint): (field: BitField) => boolean {
  const at = arch.mmuOf().levels.find((candidate) => candidate.level === level);
  const holds = ({ mask, value }: Match): boolean => (entry & mask) === value;
  if (at === undefined || !at.valid.every(holds)) return () => true;
  const leaf = at.leaf === 'always' || (at.leaf !== 'never' && at.leaf.some(holds));
  const never = leaf ? /^not |\btable\b/ : /^not |\bleaf\b/;
  return ({ when }) => when === undefined || !never.test(when);
}

/** Backend and kernel, as headings name them. */
export function title(arch: Arch): string {
  const toggles = arch.kernel.toggles.length > 0 ? ` with ${arch.kernel.toggles.join(' ')}` : '';
  return `${arch.spec}, kernel ${arch.kernel.release}${toggles}`;
}
