/**
 * What only the hash MMU has: HPTEs, the slot array that remembers where they are, and the low-level fault handler.
 *
 * The hardware does not read Linux's tables. A miss in the hash table calls `__hash_page_thp` (or its siblings for small
 * pages), with interrupts off and without any page-table lock: it locks the entry by `H_PAGE_BUSY`, inserts an HPTE, and
 * unlocks the entry with `H_PAGE_HASHPTE` set. So the hash table is a big TLB that software fills; an HPTE of a huge pmd
 * maps one sub-page of 64K (or 4K) with an actual page size of 16M.
 *
 * Where the HPTEs of a huge pmd are, the kernel keeps in the deposited pte table, one byte per sub-page: its address
 * stands PTRS_PER_PMD entries behind the pmd. So whoever withdraws that table while HPTEs live loses track of them
 * (commit c777e2a8b654), and whoever fills ptes into it while the fault handler still records a slot gets a slot number
 * in a pte.
 *
 * **What the model leaves out.** The array has 256 bytes (4096 with 4K HPTEs); only its first word, the sub-pages 0 to 7,
 * is modelled: `__hash_page_thp` maps accesses by sub-page modulo 8, and a flush reads that word only. One word is one
 * cell of the world, so a flush costs two loads whatever the size of the page. HPTEs are of 64K (no demoted segments),
 * which group and slot they take is a number that `insert` chooses, and a full group never evicts another HPTE.
 *
 * @see Linux arch/powerpc/mm/book3s64/hash_hugepage.c, `__hash_page_thp`; hash_utils.c, `flush_hash_hugepage` (6.12.117)
 * @see fact sheet 8.4
 */
import {
  type Cpu,
  type MmRef,
  type Paddr,
  type Slot,
  type Steps,
  type Vaddr,
  __paddr,
  __vaddr,
} from '@ptemu/arch';
import type { PpcEnv } from './env.js';
import { indexSizes, tableBytes } from './layout.js';

/** `_PTEIDX_SECONDARY`: the HPTE lies in the secondary group. @see Linux arch/powerpc/include/asm/book3s/64/hash.h (6.12.117) */
export const _PTEIDX_SECONDARY = 0x8;
/** `_PTEIDX_GROUP_IX`: the HPTE's slot in its group. */
export const _PTEIDX_GROUP_IX = 0x7;

/** Sub-pages of a huge pmd whose HPTEs the model tracks: the bytes of one word. */
export const SUB_PAGES_TRACKED = 8;
/** log2 of the sub-page that an HPTE of a huge pmd maps: 64K. */
export const SUB_PAGE_SHIFT = 16n;

/** Where the address of the deposited table stands: `(pgtable_t *)pmdp + PTRS_PER_PMD`, the second half of the pmd table. */
export function depositSlot(env: PpcEnv, pmdp: Slot<'pmd'>): Slot<'pmd'> {
  const { PMD_INDEX_SIZE } = indexSizes(env.kernel, env.mmu, env.page);
  return { level: 'pmd', paddr: __paddr(pmdp.paddr + (8n << BigInt(PMD_INDEX_SIZE))) };
}

/** The first word of the slot array, which is the first entry of the deposited table. */
export const slotWord = (table: Paddr): Slot<'pte'> => ({ level: 'pte', paddr: table });

/** `PTE_FRAG_SIZE`: what is zeroed of a deposited table when its HPTEs are gone. */
export const pteFragSize = ({ kernel, mmu, page }: PpcEnv): number =>
  tableBytes(indexSizes(kernel, mmu, page), mmu, page).PTE_FRAG_SIZE;

/**
 * One byte of the slot array in a word as the CPU reads an entry. The array is bytes: byte 0 is the most significant one
 * of a big-endian entry (4.7+), the least significant one before.
 */
const byteShift = ({ bits: b }: PpcEnv, index: number): bigint =>
  BigInt(b.format === 'radix' ? 56 - 8 * index : 8 * index);

/** Position of the valid bit in a byte: bit 0, below `hidx`; up to 4.5 bit 3. @see fact sheet 8.4 */
const validBit = ({ bits: b }: PpcEnv): bigint => (b.format === 'radix' ? 0n : 3n);

/** Tests whether the word records an HPTE of the sub-page. @see Linux arch/powerpc/include/asm/book3s/64/hash-64k.h (6.12.117) */
export const hpte_valid = (env: PpcEnv, word: bigint, index: number): boolean =>
  ((word >> (byteShift(env, index) + validBit(env))) & 1n) !== 0n;

/** The word with an HPTE of the sub-page recorded. @see Linux arch/powerpc/include/asm/book3s/64/hash-64k.h (6.12.117) */
export function mark_hpte_slot_valid(env: PpcEnv, word: bigint, index: number, hidx: number): bigint {
  const byte = (BigInt(hidx) << (validBit(env) + 1n)) | (1n << validBit(env));
  const shift = byteShift(env, index);
  return (word & ~(0xffn << shift)) | (byte << shift);
}

/**
 * Invalidates every HPTE that the slot array of a huge pmd records. Finds nothing and says nothing when the deposited
 * table has been withdrawn.
 *
 * @see Linux arch/powerpc/mm/book3s64/hash_utils.c, `flush_hash_hugepage`; hash_pgtable.c, `hpte_do_hugepage_flush` (6.12.117)
 */
export function* hpte_do_hugepage_flush(
  env: PpcEnv,
  cpu: Cpu,
  mm: MmRef,
  address: Vaddr,
  pmdp: Slot<'pmd'>,
): Steps<void> {
  const c = cpu.in('flush_hash_hugepage');
  const table = __paddr(yield* c.load(depositSlot(env, pmdp)));
  if (table === 0n) return;
  const word = yield* c.load(slotWord(table));
  const first = address & ~BigInt(env.layout.HPAGE_PMD_SIZE - 1);
  let issued = false;
  for (let index = 0; index < SUB_PAGES_TRACKED; index++) {
    if (!hpte_valid(env, word, index)) continue;
    const start = __vaddr(first + (BigInt(index) << SUB_PAGE_SHIFT));
    const end = __vaddr(start + (1n << SUB_PAGE_SHIFT));
    // Each tracked sub-page stands for the others whose index is the same modulo their number.
    const count = env.layout.HPAGE_PMD_NR / SUB_PAGES_TRACKED;
    yield* c.invalidate({ instruction: 'tlbie HPTE', mm, start, end, count });
    issued = true;
  }
  if (issued) yield* c.complete();
}

/**
 * The low-level fault handler of a huge pmd. Runs with interrupts off and without the pmd lock.
 *
 * `insert` puts the HPTE into the hash table, wherever the caller keeps that, and returns its slot number; it gets the
 * entry that the HPTE is made of. On `done` the access is to be retried: the entry has HASHPTE and ACCESSED set and the
 * slot is recorded. `busy`: another CPU holds the entry; also retried. `fault`: Linux's page fault has to help.
 *
 * @see Linux arch/powerpc/mm/book3s64/hash_hugepage.c, `__hash_page_thp` (6.12.117)
 */
export function* __hash_page_thp(
  env: PpcEnv,
  cpu: Cpu,
  address: Vaddr,
  pmdp: Slot<'pmd'>,
  access: { readonly write: boolean; readonly exec: boolean },
  insert: (entry: bigint) => Steps<number>,
): Steps<'done' | 'busy' | 'fault'> {
  const { bits: b } = env;
  const c = cpu.in('__hash_page_thp');
  let old: bigint;
  let locked: bigint;
  do {
    old = yield* c.load(pmdp);
    if ((old & b.H_PAGE_BUSY) !== 0n) return 'busy';
    if (!permits(env, old, access)) return 'fault';
    locked = old | b.H_PAGE_BUSY | b._PAGE_ACCESSED | (access.write ? b._PAGE_DIRTY : 0n);
  } while ((yield* c.cmpxchg(pmdp, old, locked)) !== old);
  if ((old & (b.H_PAGE_THP_HUGE | b._PAGE_DEVMAP)) === 0n) return 'done';

  const table = __paddr(yield* c.load(depositSlot(env, pmdp)));
  const word = yield* c.load(slotWord(table));
  const offset = address & BigInt(env.layout.HPAGE_PMD_SIZE - 1);
  const index = Number(offset >> SUB_PAGE_SHIFT) % SUB_PAGES_TRACKED;
  const hidx = yield* insert(locked);
  yield* c.store(slotWord(table), mark_hpte_slot_valid(env, word, index, hidx));
  yield* c.barrier('smp_wmb');
  yield* c.store(pmdp, (locked | b.H_PAGE_HASHPTE) & ~b.H_PAGE_BUSY);
  return 'done';
}

/**
 * The low-level fault handler of a base page: as for a huge pmd, but the slot number is kept beside the pte, and only
 * whether there is an HPTE matters to the model.
 *
 * @see Linux arch/powerpc/mm/book3s64/hash_64k.c, `__hash_page_64K`; hash_4k.c, `__hash_page_4K` (6.12.117)
 */
export function* __hash_page(
  env: PpcEnv,
  cpu: Cpu,
  ptep: Slot<'pte'>,
  access: { readonly write: boolean; readonly exec: boolean },
  insert: (entry: bigint) => Steps<number>,
): Steps<'done' | 'busy' | 'fault'> {
  const { bits: b } = env;
  const c = cpu.in('__hash_page');
  let old: bigint;
  let locked: bigint;
  do {
    old = yield* c.load(ptep);
    if ((old & b.H_PAGE_BUSY) !== 0n) return 'busy';
    if (!permits(env, old, access)) return 'fault';
    locked = old | b.H_PAGE_BUSY | b._PAGE_ACCESSED | (access.write ? b._PAGE_DIRTY : 0n);
  } while ((yield* c.cmpxchg(ptep, old, locked)) !== old);
  yield* insert(locked);
  yield* c.store(ptep, (locked | b.H_PAGE_HASHPTE) & ~b.H_PAGE_BUSY);
  return 'done';
}

/** `check_pte_access`: the entry has every right that the access needs, and is a user's. */
function permits(
  { bits: b }: PpcEnv,
  entry: bigint,
  access: { readonly write: boolean; readonly exec: boolean },
): boolean {
  const needs =
    b._PAGE_PRESENT |
    b._PAGE_READ |
    b._PAGE_USER |
    (access.write ? b._PAGE_WRITE : 0n) |
    (access.exec ? b._PAGE_EXEC : 0n);
  return (entry & needs) === needs && (entry & b._PAGE_PRIVILEGED) === 0n;
}
