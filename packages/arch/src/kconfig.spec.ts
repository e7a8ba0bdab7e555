import { describe, expect, it } from 'vitest';
import { unmodelledOption } from './kconfig.js';

describe('unmodelledOption', () => {
  it('ignores what changes no answer of an architecture that has no such key', () => {
    expect(unmodelledOption('arm32', 'MEM_SOFT_DIRTY')).toBe('ignored');
    expect(unmodelledOption('arm64', 'ARM64_16K_PAGES')).toBe('ignored');
    expect(unmodelledOption('arm64', 'ARM64_VA_BITS_48')).toBe('ignored');
  });
  it('gives the one value of what would change answers', () => {
    expect(unmodelledOption('x86_64', 'TRANSPARENT_HUGEPAGE')).toBe(true);
    expect(unmodelledOption('s390', 'DEBUG_VM')).toBe(false);
  });
  it('does not know options of another architecture, or made-up ones', () => {
    expect(unmodelledOption('s390', 'ARM64_16K_PAGES')).toBe('unknown');
    expect(unmodelledOption('x86_64', 'FROBNICATE')).toBe('unknown');
  });
});
