import type { Env } from '@ptemu/arch';

/**
 * The physical address that a helper computes which is given a kernel pointer to the table (`pud_populate`,
 * `pmd_populate_kernel`): `__pa(__va(at))`.
 *
 * Once boot code has patched both translations (`cpu.bootPatched`) that is the address itself. Before, as in the vectors,
 * the instructions hold their assembled constants: `__va` subtracts 0x81000000 and 0x810000, and `__pa` leaves 0x81 in the
 * upper word. `pmd_populate` takes a struct page and does not pass here.
 *
 * @see Linux arch/arm/include/asm/memory.h, `__pv_stub`, `__pv_add_carry_stub` (6.12.117)
 */
export function pointedTable(env: Env, at: bigint): bigint {
  if (env.cpu['bootPatched'] === true) return at;
  return (0x81n << 32n) | BigInt.asUintN(32, at - 0x8181_0000n);
}
