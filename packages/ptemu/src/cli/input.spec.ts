import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeText } from './input.js';
import { UsageError } from './io.js';

const folder = (): string => mkdtempSync(join(tmpdir(), 'ptemu-write-'));

describe('writeText', () => {
  it('writes a new file and leaves nothing beside it', () => {
    const dir = folder();
    writeText(join(dir, 'page.html'), 'new');
    expect(readdirSync(dir)).toEqual(['page.html']);
    expect(readFileSync(join(dir, 'page.html'), 'utf8')).toBe('new');
  });
  it('replaces a file, keeps its mode, and follows a link to it', () => {
    const dir = folder();
    writeFileSync(join(dir, 'old'), 'old');
    chmodSync(join(dir, 'old'), 0o600);
    symlinkSync('old', join(dir, 'link'));
    writeText(join(dir, 'link'), 'new');
    expect(readFileSync(join(dir, 'old'), 'utf8')).toBe('new');
    expect(statSync(join(dir, 'old')).mode & 0o777).toBe(0o600);
    expect(readdirSync(dir).sort()).toEqual(['link', 'old']);
  });
  it('leaves nothing where it cannot write', () => {
    const dir = folder();
    expect(() => writeText(join(dir, 'no', 'page.html'), 'x')).toThrow(UsageError);
    expect(() => writeText(dir, 'x')).toThrow(/it is a folder$/);
    expect(readdirSync(dir)).toEqual([]);
  });
  it('writes into a device', () => {
    expect(() => writeText('/dev/null', 'x')).not.toThrow();
  });
});
