/** The five backends, as the `ptemu` package hands them to captures. */
import type { Arch } from '@ptemu/arch';
import { arm32 } from '@ptemu/arm32';
import { arm64 } from '@ptemu/arm64';
import { powerpc } from '@ptemu/powerpc';
import { s390 } from '@ptemu/s390';
import { x86_64 } from '@ptemu/x86_64';
import type { BackendChoice } from '@ptemu/capture';

/** Where the captures lie. */
export const FIXTURES: string = new URL('../packages/capture/test/fixtures/', import.meta.url).pathname;

const BACKENDS: Readonly<Record<string, (options: never) => Arch>> = { arm32, arm64, powerpc, s390, x86_64 };

/** Makes the backend that a capture needs. */
export function backend(name: string, options: BackendChoice['options']): Arch {
  const make = BACKENDS[name];
  if (make === undefined) throw new Error(`no backend ${name}`);
  return make(options as never);
}
