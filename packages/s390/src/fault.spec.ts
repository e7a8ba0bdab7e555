import { __vaddr } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { type S390Fault, PGM, asceOf, faultOf, parseAsce, syndromeOf } from './index.js';

const address = __vaddr(0x3ff_1234_5000n);

describe('s390 syndromeOf and faultOf', () => {
  it('give the code of the table in which the walk ended', () => {
    const code = (level: 'pgd' | 'p4d' | 'pud' | 'pmd' | 'pte'): number =>
      syndromeOf({ cause: 'not-present', level, address, access: 'read' }).code;
    expect((['pgd', 'p4d', 'pud', 'pmd', 'pte'] as const).map(code)).toEqual([0x39, 0x3a, 0x3b, 0x10, 0x11]);
  });
  it('round-trip what the hardware tells apart', () => {
    const faults: readonly S390Fault[] = [
      { cause: 'not-present', level: 'pmd', address, access: 'write' },
      { cause: 'not-present', level: 'pte', address, access: 'read' },
      { cause: 'permission', address, access: 'write' },
      { cause: 'permission', address, access: 'exec' },
      { cause: 'non-canonical', address, access: 'read' },
    ];
    for (const fault of faults) expect(faultOf(syndromeOf(fault))).toEqual(fault);
  });
  it('say store or fetch in bits 52 and 53, no-execute in bit 56, and that the address is valid in bit 61', () => {
    expect(syndromeOf({ cause: 'permission', address, access: 'write' }).teid).toBe(0x3ff_1234_5404n);
    expect(syndromeOf({ cause: 'permission', address, access: 'exec' }).teid).toBe(0x3ff_1234_5884n);
  });
  it('are a translation-specification exception for a malformed entry and nothing for other codes', () => {
    expect(syndromeOf({ cause: 'reserved', address, access: 'read' }).code).toBe(
      PGM.TRANSLATION_SPECIFICATION,
    );
    expect(faultOf({ code: 0x01, teid: 0n })).toBeUndefined();
  });
});

describe('s390 asceOf', () => {
  it('makes the ASCE that the capture s390x-6.1.176-a had in CR7: 0x27301cb, four levels', () => {
    expect(asceOf(0x273_0000n, 4)).toBe(0x273_01cbn);
    expect(parseAsce(0x273_01cbn)).toEqual({ root: 0x273_0000n, levels: 4 });
  });
  it('reads the kernel ASCE of the same capture, 0x1290007: three levels', () => {
    expect(parseAsce(0x129_0007n)).toEqual({ root: 0x129_0000n, levels: 3 });
  });
  it('refuses numbers of levels that no type stands for', () => {
    expect(() => asceOf(0n, 1)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
  });
});
