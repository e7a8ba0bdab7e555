import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ptemu } from '../../test/transcript.js';
import * as sdk from '../index.js';

const README = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8');
const commands = README.split('\n').flatMap((line) => /^npx ptemu ([^#|]*)/.exec(line)?.[1]?.trim() ?? []);

describe('README', () => {
  it.each(commands.filter((command) => !/CAPTURE|--part/.test(command)))('ptemu %s runs', async (command) => {
    const { stdout, stderr, code } = await ptemu(command);
    expect([stderr, code]).toEqual(['', 0]);
    expect(stdout).not.toBe('');
  });
  it('imports names that the front door has', () => {
    const names = /import \{ ([^}]+) \} from 'ptemu'/.exec(README)?.[1]?.split(', ') ?? [];
    expect(names.length).toBeGreaterThan(3);
    for (const name of names) expect(sdk).toHaveProperty(name);
  });
  it('calls the SDK as it shows', () => {
    const b = sdk.backend('s390', { kernel: sdk.kernel('4.12').without('227be799c39a') });
    const { stored } = b.seq.pmdp_invalidate(0x40007503n);
    expect(b.pmd.pmd_none(stored)).toBe(false);
    expect(sdk.runProbe(b, 'split-none-window-vs-zap', 'D-1').verdict).toBe('holds');
    const x86 = sdk.backend('x86_64', { kernel: '6.12' });
    expect(sdk.answerOf(x86, 'pmd', 'pmd_access_permitted(write=1)', 0x80000000400000e7n)).toBe(1n);
  });
});
