import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

/** The text between ``` fences of a language. */
const block = (language: string): string =>
  new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'ms').exec(read('../README.md'))?.[1] ?? '';

describe('README.md', () => {
  afterEach(() => vi.restoreAllMocks());

  it('shows an example that prints what it says', async () => {
    expect(block('ts').replace('@ptemu/explore', '../src/index.js')).toBe(read('../test/readme-example.ts'));
    const lines: string[] = [];
    vi.spyOn(console, 'log').mockImplementation((...words: unknown[]) => lines.push(`${words.join(' ')}\n`));
    await import('../test/readme-example.js');
    expect(lines.join('')).toBe(block('text'));
  });
});
