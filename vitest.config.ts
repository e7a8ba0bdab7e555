import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const root = new URL('.', import.meta.url).pathname;
const source = (name: string): string => `${root}packages/${name}/src/index.ts`;

/** Tests run against the sources, so that no build is needed before them. */
export const alias: Record<string, string> = Object.fromEntries(
  readdirSync(`${root}packages`).map((name) => [name === 'ptemu' ? 'ptemu' : `@ptemu/${name}`, source(name)]),
);

export default defineConfig({
  resolve: { alias },
  test: {
    maxWorkers: availableParallelism(),
    include: ['packages/*/{src,test}/**/*.spec.ts', 'examples/**/*.spec.ts', 'test/**/*.spec.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', '**/*.deep.spec.ts'],
    testTimeout: 120_000,
  },
});
