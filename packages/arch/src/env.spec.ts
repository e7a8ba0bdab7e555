import { describe, expect, it } from 'vitest';
import { errorOf } from '../test/error-of.js';
import type { ArchOptions } from './arch.js';
import { oneOf, resolveOptions } from './env.js';
import { kernel } from './kernel.js';

const DEFAULTS = {
  thpSince: '3.8',
  config: { NUMA_BALANCING: true, MEM_SOFT_DIRTY: false },
  cpu: { dbm: false },
} as const;
const resolve = (options: ArchOptions): ReturnType<typeof resolveOptions> =>
  resolveOptions('toy', options, DEFAULTS);

describe('env resolveOptions', () => {
  it('takes the kernel by name or as it is, toggles included', () => {
    const toggled = kernel('4.15').with('c58f0bb77ed8');
    expect(resolve({ kernel: '4.15' }).kernel.release).toBe('4.15');
    expect(resolve({ kernel: toggled }).kernel).toBe(toggled);
    expect(errorOf(() => resolve({ kernel: '4.17' })).code).toBe('UNKNOWN_RELEASE');
  });

  it('refuses a release before the architecture had transparent huge pages', () => {
    const { code, data } = errorOf(() => resolve({ kernel: '3.6' }));
    expect(code).toBe('RELEASE_BEFORE_THP');
    expect(data).toEqual({ arch: 'toy', release: '3.6', since: '3.8' });
    expect(resolve({ kernel: '3.8.13' }).kernel.release).toBe('3.8');
  });

  it('lays config and cpu over their defaults', () => {
    expect(resolve({ kernel: '6.12' })).toMatchObject({ config: DEFAULTS.config, cpu: DEFAULTS.cpu });
    const given = resolve({ kernel: '6.12', config: { NUMA_BALANCING: false }, cpu: { dbm: true } });
    expect(given.config).toEqual({ NUMA_BALANCING: false, MEM_SOFT_DIRTY: false });
    expect(given.cpu).toEqual({ dbm: true });
    expect(DEFAULTS.config.NUMA_BALANCING).toBe(true);
  });

  it('refuses a config or cpu key that has no default, and a value that is no boolean', () => {
    const config = errorOf(() => resolve({ kernel: '6.12', config: { NUMA: true } }));
    expect([config.code, config.data]).toEqual([
      'UNKNOWN_OPTION',
      { arch: 'toy', kind: 'config', key: 'NUMA' },
    ]);
    expect(config.message).toContain('NUMA_BALANCING, MEM_SOFT_DIRTY');
    const cpu = errorOf(() => resolve({ kernel: '6.12', cpu: { NUMA_BALANCING: true } }));
    expect(cpu.data).toMatchObject({ kind: 'cpu', key: 'NUMA_BALANCING' });
    const text = { dbm: 'yes' } as unknown as Record<string, boolean>;
    expect(errorOf(() => resolve({ kernel: '6.12', cpu: text })).code).toBe('UNKNOWN_OPTION');
  });
});

describe('env oneOf', () => {
  it('returns a value that is allowed and refuses every other', () => {
    expect(oneOf('toy', 'levels', 5, [4, 5])).toBe(5);
    const { code, message, data } = errorOf(() => oneOf('toy', 'levels', 3, [4, 5]));
    expect([code, data]).toEqual(['UNKNOWN_OPTION', { arch: 'toy', option: 'levels', value: 3 }]);
    expect(message).toContain("4 or 5, not '3'");
  });
});
