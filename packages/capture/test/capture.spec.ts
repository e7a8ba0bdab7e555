import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Arch } from '@ptemu/arch';
import { arm32 } from '@ptemu/arm32';
import { arm64 } from '@ptemu/arm64';
import { powerpc } from '@ptemu/powerpc';
import { s390 } from '@ptemu/s390';
import { x86_64 } from '@ptemu/x86_64';
import { type BackendChoice, checkCapture, openCapture } from '../src/index.js';

const FIXTURES = new URL('./fixtures/', import.meta.url).pathname;

function backend(name: string, options: BackendChoice['options']): Arch {
  const made = options as never;
  switch (name) {
    case 'x86_64':
      return x86_64(made);
    case 'arm32':
      return arm32(made);
    case 'arm64':
      return arm64(made);
    case 'powerpc':
      return powerpc(made);
    case 's390':
      return s390(made);
    default:
      throw new Error(`no backend ${name}`);
  }
}

describe('checkCapture', () => {
  for (const name of readdirSync(FIXTURES)) {
    it(`agrees with everything that ${name} says`, () => {
      const capture = openCapture(FIXTURES + name);
      const report = checkCapture(capture, backend);
      for (const check of report.checks) {
        console.log(`capture ${name}: ${check.name} ${check.agreed} of ${check.total}`);
        for (const line of check.mismatches) console.log(`  ${line}`);
      }
      expect(report.checks.filter(({ agreed, total }) => agreed !== total)).toEqual([]);
    });
  }
});
