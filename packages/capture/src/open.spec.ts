import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openCapture } from './open.js';

const FIXTURES = new URL('../test/fixtures/', import.meta.url).pathname;

describe('openCapture', () => {
  for (const name of readdirSync(FIXTURES)) {
    it(`opens ${name}`, () => {
      const capture = openCapture(FIXTURES + name);
      expect(capture.meta.name).toBe(name);
      expect(capture.memory.exists(capture.meta.rootUser)).toBe(true);
    });
  }
});
