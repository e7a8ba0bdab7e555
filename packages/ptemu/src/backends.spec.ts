import { readFileSync } from 'node:fs';
import { ArchError, kernel } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { ALL_SPECS, backend, backendNames, parseSpec, splitSpecs } from './backends.js';
import { VERSION } from './version.js';

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof ArchError) return error.code;
    throw error;
  }
  return 'none';
};

describe('backend', () => {
  it('makes the five by name', () => {
    expect(backendNames()).toEqual(['x86_64', 'arm32', 'arm64', 's390', 'powerpc']);
    for (const name of backendNames()) expect(backend(name, { kernel: '6.12' }).name).toBe(name);
  });
  it('takes options beside the name or in the spec', () => {
    const beside = backend('arm64', { kernel: '6.12', granule: '16k', vaBits: 47 });
    const inSpec = backend('arm64:granule=16k,vaBits=47', { kernel: kernel('6.12') });
    expect(beside.options).toEqual(inSpec.options);
    expect(inSpec.layoutOf().PAGE_SIZE).toBe(16384);
    expect(backend('powerpc:hash,page=4k', { kernel: '6.12' }).options).toMatchObject({
      mmu: 'hash',
      page: '4k',
    });
  });
  it.each([...ALL_SPECS, 'x86_64:levels=5', 'arm64:granule=64k', 'powerpc:hash,page=4k', 'powerpc:page=4k'])(
    'reads the spec that %s prints of itself',
    (spec) => {
      const arch = backend(spec, { kernel: '6.12' });
      expect(backend(arch.spec, { kernel: '6.12' }).options).toEqual(arch.options);
    },
  );
  it('answers as the kernel does', () => {
    const b = backend('arm64', { kernel: '6.12', granule: '4k' });
    expect(b.pmd.pmd_present(0x00e8000040000f41n)).toBe(true);
  });
  it('sets what the kernel was built with and runs on', () => {
    const b = backend('x86_64:config.MEM_SOFT_DIRTY=false,cpu.shstk=true', { kernel: '6.12' });
    expect([b.config['MEM_SOFT_DIRTY'], b.cpu['shstk']]).toEqual([false, true]);
    expect('pmd_soft_dirty' in b.pmd && b.pmd.pmd_soft_dirty?.(~0n)).toBe(false);
  });
  it.each([
    ['arm65', 'UNKNOWN_ARCH'],
    ['', 'UNKNOWN_ARCH'],
    ['__proto__', 'UNKNOWN_ARCH'],
    ['arm64:granule=3k', 'UNKNOWN_OPTION'],
    ['arm64:colour=red', 'UNKNOWN_OPTION'],
    ['arm64:vaBits=47.5', 'UNKNOWN_OPTION'],
    ['arm64:', 'UNKNOWN_OPTION'],
    ['s390:hash', 'UNKNOWN_OPTION'],
    ['x86_64:cpu.wings=true', 'UNKNOWN_OPTION'],
    ['x86_64:config.MEM_SOFT_DIRTY=perhaps', 'UNKNOWN_OPTION'],
  ])('refuses %j with %s', (spec, code) => {
    expect(codeOf(() => backend(spec, { kernel: '6.12' }))).toBe(code);
  });
  it('refuses options that a backend does not take, and releases before THP', () => {
    expect(codeOf(() => backend('s390', { kernel: '6.12', granule: '4k' }))).toBe('UNKNOWN_OPTION');
    expect(codeOf(() => backend('arm32', { kernel: '3.10' }))).toBe('RELEASE_BEFORE_THP');
    expect(codeOf(() => backend('arm32', { kernel: '3.141' }))).toBe('UNKNOWN_RELEASE');
  });
});

describe('splitSpecs', () => {
  it('gives commas of an option to the spec before it', () => {
    expect(splitSpecs('arm32@4.5,powerpc:hash,page=4k,s390@4.12')).toEqual([
      'arm32@4.5',
      'powerpc:hash,page=4k',
      's390@4.12',
    ]);
    expect(splitSpecs('all')).toEqual(ALL_SPECS);
  });
  it('keeps an unknown name apart, so that it is called unknown', () => {
    expect(splitSpecs('s390,foo')).toEqual(['s390', 'foo']);
    expect(codeOf(() => parseSpec('foo'))).toBe('UNKNOWN_ARCH');
  });
});

describe('VERSION', () => {
  it('is the version of package.json', () => {
    const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
    expect(VERSION).toBe((JSON.parse(manifest) as { readonly version: string }).version);
  });
});
