import type { Arch } from '@ptemu/arch';

/** The members that say which machine and kernel a line is about. */
export const machineJson = ({ name, options, kernel }: Arch): object => ({
  arch: name,
  options,
  kernel: kernel.release,
  commits: kernel.toggles,
});

/** Writes a value as one line of JSON: 64-bit values as hex strings, in the order in which members were set. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'bigint' ? `0x${member.toString(16).padStart(16, '0')}` : member,
  )}\n`;
}
