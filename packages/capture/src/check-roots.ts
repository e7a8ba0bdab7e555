/** The roots by the processor's registers, and on powerpc by the tables that the registers name. */
import { hex } from '@ptemu/arch';
import { type CaptureMeta, register } from './meta.js';
import type { Tally } from './tally.js';
import type { CaptureView, RootName } from './view.js';

/** Root registers by architecture and mode, where a capture has them. */
const REGISTERS: Readonly<Record<string, Readonly<Record<RootName, string>>>> = {
  x86_64: { user: 'cr3_user_mode', kernel: 'cr3_kernel_mode' },
  arm64: { user: 'ttbr0_el1', kernel: 'ttbr1_el1_in_kernel_mode' },
  arm32: { user: 'ttbr0', kernel: 'ttbr1' },
  s390: { user: 'cr1_user_mode', kernel: 'cr13_user_mode' },
  powerpc: { user: 'prtb0_user', kernel: 'prtb0_kernel' },
};

/** Compares the roots with what the registers hold. */
export function checkRoots(view: CaptureView, tally: Tally): void {
  const { meta } = view.capture;
  for (const name of ['user', 'kernel'] as const) {
    const value = register(meta, REGISTERS[view.arch.name]?.[name] ?? '');
    if (value === undefined) continue;
    const found = rootIn(view.arch.name, meta, value);
    const table = view.roots[name].table;
    tally.count(
      'roots by register',
      found === table,
      () => `${name}: register ${hex(value)}, root ${hex(table)}`,
    );
  }
  if (view.arch.name === 'powerpc') checkProcessTable(view, tally);
}

/**
 * The table that a root register names.
 *
 * @see Intel SDM vol. 3A, table on CR3; Arm ARM DDI 0487, TTBR0_EL1 (with 52-bit addresses bits 5..2 are address bits
 *   51..48); ARMv7-A ARM, TTBR0 with LPAE; z/Architecture Principles of Operation, "Address-space-control element";
 *   Power ISA 3.0B Book III, 5.7.6.2 (process table entry)
 */
function rootIn(arch: string, meta: CaptureMeta, value: bigint): bigint {
  switch (arch) {
    case 'arm64':
      return meta.registers['ds_lpa2'] === 1
        ? (value & 0xffff_ffff_ffc0n) | (((value >> 2n) & 15n) << 48n)
        : value & 0xffff_ffff_fffen;
    case 'arm32':
      return value & 0xff_ffff_ffe0n;
    case 'powerpc':
      return value & RPDB;
    default:
      return value & 0x000f_ffff_ffff_f000n;
  }
}

const RPDB = 0x0fff_ffff_ffff_ff00n;
const PRTB = 0x0fff_ffff_ffff_f000n;

/**
 * Radix: PTCR names the partition table, its entry 0 the process table (a guest is told it by the hypervisor), and the entry of the
 * process there the root; entry 0 is the kernel's. Compared as far as these tables are in the capture.
 * @see Power ISA 3.0B Book III, 5.7.6 (in-memory tables)
 */
function checkProcessTable(view: CaptureView, tally: Tally): void {
  const { memory, meta } = view.capture;
  const load = (pa: bigint): bigint | undefined =>
    pa % 8n === 0n && memory.exists(pa) ? memory.load(pa) : undefined;
  const ptcr = register(meta, 'ptcr') ?? 0n;
  const processTable = register(meta, 'process_table');
  const pid = register(meta, 'pidr');
  if (processTable === undefined || pid === undefined) return;
  const partition = ptcr === 0n ? undefined : load((ptcr & PRTB) + 8n);
  if (partition !== undefined)
    tally.count('process table by partition table', (partition & PRTB) === processTable, () =>
      hex(partition),
    );
  for (const name of ['user', 'kernel'] as const) {
    const entry = load(processTable + 16n * (name === 'user' ? pid : 0n));
    if (entry === undefined) continue;
    const table = view.roots[name].table;
    tally.count(
      'roots by process table',
      (entry & RPDB) === table,
      () => `${name}: ${hex(entry)}, root ${hex(table)}`,
    );
  }
}
