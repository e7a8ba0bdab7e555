import { readFileSync } from 'node:fs';
import tseslint from 'typescript-eslint';
import { LEAN, importDirections } from './scripts/eslint/import-directions.mjs';

const table = JSON.parse(readFileSync(new URL('scripts/import-table.json', import.meta.url), 'utf8'));
const DETERMINISTIC = [...LEAN, 'scenarios'].map((name) => `packages/${name}/src/**/*.ts`);
const chance = 'the same program must give the same bytes; pass a seeded generator in';

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', 'docs/api/**', 'coverage/**', '**/fixtures/**'] },
  ...tseslint.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { ptemu: { rules: { 'import-directions': importDirections } } },
    rules: {
      'ptemu/import-directions': ['error', table],
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // A generator without yield is how a sequence says that it has no step.
      'require-yield': 'off',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'no default exports: one name for one thing' },
      ],
    },
  },
  {
    files: DETERMINISTIC,
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: chance },
        { object: 'Date', property: 'now', message: chance },
        { object: 'performance', property: 'now', message: chance },
      ],
      'no-restricted-globals': [
        'error',
        ...['Date', 'performance', 'crypto'].map((name) => ({ name, message: chance })),
      ],
    },
  },
  {
    files: ['**/*.config.{ts,mjs}'],
    rules: { 'no-restricted-syntax': 'off' },
  },
);
