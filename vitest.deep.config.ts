import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { alias } from './vitest.config.js';

export default defineConfig({
  resolve: { alias },
  test: {
    maxWorkers: availableParallelism(),
    include: ['packages/*/{src,test}/**/*.deep.spec.ts', 'test/**/*.deep.spec.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    testTimeout: 900_000,
  },
});
