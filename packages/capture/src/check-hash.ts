/**
 * powerpc hash: QEMU looks in the hash table, which is a cache of Linux's tree. A hit must agree with the tree, a miss
 * proves nothing. Where the table itself was captured, our own search of it must find what QEMU found, hit or miss.
 */
import { hex } from '@ptemu/arch';
import { hashEntriesOf, hashLookup, inSegment } from '@ptemu/hw';
import { describe } from './check-pagemap.js';
import { register } from './meta.js';
import type { Tally } from './tally.js';
import type { CaptureView } from './view.js';

/** Effective addresses of the linear map: the first 64 TiB and more of quadrant 3. */
const LINEAR = 0xc000_0000_0000_0000n;
const LINEAR_END = 0xc008_0000_0000_0000n;

/** Compares every `gva2gpa` answer of both stops with Linux's tree. */
export function checkHash(view: CaptureView, tally: Tally): void {
  const { truth, meta } = view.capture;
  const mark = view.arch.constants['H_PAGE_HASHPTE'] ?? view.arch.constants['_PAGE_HASHPTE'] ?? 0n;
  for (const { va, gpa } of [...truth.gvaUser, ...truth.gvaKernel]) {
    if (va >= LINEAR && va < LINEAR_END) {
      const bolted = gpa === undefined || gpa === va - LINEAR;
      tally.count(
        'hash: linear map is bolted, not in the Linux tree',
        bolted,
        () => `${hex(va)}: QEMU ${hex(gpa!)}`,
      );
      continue;
    }
    const root = va >> 63n === 1n ? 'kernel' : 'user';
    const state = view.linux(va, root);
    if (gpa === undefined) {
      const marked = state.kind === 'present' && (state.entry & mark) !== 0n;
      const name = marked
        ? 'hash: HASHPTE set, yet HPT miss (protection, 4K/THP slot)'
        : 'hash: not in the hash table (no _PAGE_HASHPTE)';
      tally.count(name, state.kind !== 'bad', () => `${hex(va)}: ${describe(state)}`);
      continue;
    }
    const page = (va - state.start) >> BigInt(meta.pageShift);
    const agrees =
      state.kind === 'present' &&
      state.pfn + page === gpa >> BigInt(meta.pageShift) &&
      (state.entry & mark) !== 0n;
    tally.count(
      'hash: HPT hit agrees with Linux tree',
      agrees,
      () => `${hex(va)}: QEMU ${hex(gpa)}, ${describe(state)}`,
    );
  }
}

/** Searches the captured hash table for every address of the user-mode stop, whose SLB was captured too. */
export function checkHashTable(view: CaptureView, tally: Tally): void {
  const { hpt, slb, truth, meta } = view.capture;
  if (hpt === undefined || slb === undefined) return;
  const table = hashEntriesOf(hpt, meta.cpu === 'power8' ? '2.07' : '3.0');
  const amr = register(meta, 'amr') ?? 0n;
  for (const { va, gpa } of truth.gvaUser) {
    const segment = slb.find((candidate) => inSegment(candidate, va));
    const result = segment === undefined ? undefined : hashLookup(table, segment, va, 'user', amr);
    const found = result?.kind === 'hit' && (result.read || result.exec) ? result.paddr : undefined;
    tally.count('hash: our search of the captured table', found === gpa, () =>
      `${hex(va)}: QEMU ${gpa === undefined ? 'unmapped' : hex(gpa)}, found ${found === undefined ? 'nothing' : hex(found)}`,
    ); // prettier-ignore
  }
}
