import type { ArchOptions, CpuFeatures, KernelConfig } from './arch.js';
import { ArchError } from './errors.js';
import { type Kernel, kernel } from './kernel.js';
import { unmodelledOption } from './kconfig.js';
import type { Layout } from './layout.js';

/** What the helpers of a backend are made from. */
export interface Env {
  readonly kernel: Kernel;
  readonly config: KernelConfig;
  readonly cpu: CpuFeatures;
  /** Geometry of a default address space. */
  readonly layout: Layout;
}

/**
 * Resolves what every factory takes: the kernel by name or as it is, config and cpu over their defaults.
 *
 * @param defaults - `thpSince` is the first release in which the architecture had transparent huge pages.
 * @throws ArchError `RELEASE_BEFORE_THP`, `UNKNOWN_RELEASE`, or `UNKNOWN_OPTION` for a config or cpu key that has no default.
 */
export function resolveOptions(
  name: string,
  options: ArchOptions,
  defaults: { readonly thpSince: string; readonly config: KernelConfig; readonly cpu: CpuFeatures },
): { readonly kernel: Kernel; readonly config: KernelConfig; readonly cpu: CpuFeatures } {
  const resolved = typeof options.kernel === 'string' ? kernel(options.kernel) : options.kernel;
  if (resolved.isBefore(defaults.thpSince)) {
    throw new ArchError(
      'RELEASE_BEFORE_THP',
      `${name} had no transparent huge pages in ${resolved.release}; the first release with them is ${defaults.thpSince}`,
      { arch: name, release: resolved.release, since: defaults.thpSince },
    );
  }
  return {
    kernel: resolved,
    config: overlay(name, 'config', defaults.config, options.config ?? {}),
    cpu: overlay(name, 'cpu', defaults.cpu, options.cpu ?? {}),
  };
}

function overlay(
  name: string,
  kind: 'config' | 'cpu',
  defaults: Readonly<Record<string, boolean>>,
  given: Partial<Readonly<Record<string, boolean>>>,
): Readonly<Record<string, boolean>> {
  const merged: Record<string, boolean> = { ...defaults };
  for (const [key, value] of Object.entries(given)) {
    if (!(key in defaults)) {
      const rule = kind === 'config' ? unmodelledOption(name, key) : 'unknown';
      if (rule === 'ignored' || rule === value) continue;
      if (rule !== 'unknown') {
        throw new ArchError(
          'UNKNOWN_OPTION',
          `${name}: config option '${key}' is always ${String(rule)} here`,
          { key },
        );
      }
      throw new ArchError(
        'UNKNOWN_OPTION',
        `${name} has no ${kind} option '${key}'; it has ${Object.keys(defaults).join(', ')}`,
        { arch: name, kind, key },
      );
    }
    if (typeof value !== 'boolean') {
      throw new ArchError('UNKNOWN_OPTION', `${name}: ${kind} option '${key}' is true or false`, { key });
    }
    merged[key] = value;
  }
  return merged;
}

/** Checks a factory option against the values that it may have. */
export function oneOf<T extends string | number | boolean>(
  name: string,
  option: string,
  value: T,
  allowed: readonly T[],
): T {
  if (!allowed.includes(value)) {
    throw new ArchError(
      'UNKNOWN_OPTION',
      `${name}: ${option} is ${allowed.join(' or ')}, not '${String(value)}'`,
      { arch: name, option, value },
    );
  }
  return value;
}
