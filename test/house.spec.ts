import { readFileSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, it } from 'vitest';
import { importDirections } from '../scripts/eslint/import-directions.mjs';

type Table = Readonly<Record<string, Readonly<Record<string, 'values' | 'types'>>>>;

const root = resolve(import.meta.dirname, '..');
const json = (path: string): unknown => JSON.parse(readFileSync(resolve(root, path), 'utf8'));
const table = json('scripts/import-table.json') as Table;
const npmName = (name: string): string => (name === 'ptemu' ? 'ptemu' : `@ptemu/${name}`);

describe('import table', () => {
  it('has a row for every package and no other', () => {
    expect(Object.keys(table).sort()).toEqual(readdirSync(resolve(root, 'packages')).sort());
  });
  it('has no cycle', () => {
    const order: string[] = [];
    const visit = (name: string, path: readonly string[]): void => {
      expect(path, `cycle: ${[...path, name].join(' -> ')}`).not.toContain(name);
      for (const target of Object.keys(table[name] ?? {})) visit(target, [...path, name]);
      if (!order.includes(name)) order.push(name);
    };
    for (const name of Object.keys(table)) visit(name, []);
    expect(order).toHaveLength(Object.keys(table).length);
  });
  it.each(Object.keys(table))('%s: package.json and tsconfig.json say the same', (name) => {
    const manifest = json(`packages/${name}/package.json`) as {
      readonly name: string;
      readonly version: string;
      readonly dependencies?: Readonly<Record<string, string>>;
    };
    const wanted = Object.keys(table[name] ?? {});
    const declared = Object.keys(manifest.dependencies ?? {}).filter((key) => /^(@ptemu\/|ptemu$)/.test(key));
    expect(manifest.name).toBe(npmName(name));
    expect(declared.sort()).toEqual(wanted.map(npmName).sort());
    const project = json(`packages/${name}/tsconfig.json`) as {
      readonly references: readonly { readonly path: string }[];
    };
    expect(project.references.map((reference) => reference.path).sort()).toEqual(
      wanted.map((target) => `../${target}`).sort(),
    );
  });
  it('stands in the root tsconfig.json as a whole', () => {
    const project = json('tsconfig.json') as { readonly references: readonly { readonly path: string }[] };
    expect(project.references.map((reference) => reference.path).sort()).toEqual(
      Object.keys(table)
        .map((name) => `packages/${name}`)
        .sort(),
    );
  });
});

describe('lint rule ptemu/import-directions', () => {
  const lint = (file: string, code: string): readonly string[] => {
    const linter = new Linter({ cwd: root });
    const messages = linter.verify(
      code,
      [
        {
          files: ['**/*.ts'],
          languageOptions: { parser: tseslint.parser as Linter.Parser },
          plugins: { ptemu: { rules: { 'import-directions': importDirections } } },
          rules: { 'ptemu/import-directions': ['error', table] },
        },
      ],
      resolve(root, file),
    );
    return messages.map((message) => message.message);
  };

  it('lets a backend import arch, and its own files', () => {
    expect(
      lint('packages/arm64/src/pmd.ts', "import { bit } from '@ptemu/arch'; import './bits.js';"),
    ).toEqual([]);
  });
  it('forbids one backend to another', () => {
    expect(lint('packages/arm64/src/pmd.ts', "export * from '@ptemu/arm32';")).toEqual([
      'arm64 may not import arm32; it may import arch',
    ]);
  });
  it('forbids the way up', () => {
    expect(lint('packages/arch/src/x.ts', "const hw = await import('@ptemu/hw');")).toEqual([
      'arch may not import hw; it may import explore',
    ]);
  });
  it('lets arch import types of explore, and nothing else of it', () => {
    expect(lint('packages/arch/src/x.ts', "import type { Step } from '@ptemu/explore';")).toEqual([]);
    expect(lint('packages/arch/src/x.ts', "import { type Step } from '@ptemu/explore';")).toEqual([]);
    expect(lint('packages/arch/src/x.ts', "import { type Step, cells } from '@ptemu/explore';")).toEqual([
      'arch may import only types of explore',
    ]);
  });
  it('forbids deep imports and paths out of the package', () => {
    expect(lint('packages/mm/src/x.ts', "import { a } from '@ptemu/hw/dist/memory.js';")).toEqual([
      "'@ptemu/hw/dist/memory.js' is a deep import; a package has one entry, '@ptemu/hw'",
    ]);
    expect(lint('packages/mm/src/x.ts', "import { a } from '../../hw/src/memory.js';")).toEqual([
      "'../../hw/src/memory.js' leaves the package; import '@ptemu/...'",
    ]);
  });
  it('keeps runtime dependencies out of the lean packages, tests excepted', () => {
    expect(lint('packages/hw/src/x.ts', "import { readFileSync } from 'node:fs';")).toEqual([
      'hw has no runtime dependency; node:fs is one',
    ]);
    expect(lint('packages/hw/src/x.spec.ts', "import { readFileSync } from 'node:fs';")).toEqual([]);
  });
  it('lets tests import conformance, and examples only ptemu', () => {
    expect(lint('packages/s390/test/x.spec.ts', "import { answerOf } from '@ptemu/conformance';")).toEqual(
      [],
    );
    expect(lint('packages/s390/src/x.ts', "import { answerOf } from '@ptemu/conformance';")).toEqual([
      's390 may not import conformance; it may import arch',
    ]);
    expect(lint('examples/01.ts', "import { backend } from 'ptemu';")).toEqual([]);
    expect(lint('examples/01.ts', "import { kernel } from '@ptemu/arch';")).toEqual([
      'examples may not import arch; it may import ptemu',
    ]);
  });
});
