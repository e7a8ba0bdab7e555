// Bundles every package into its dist/ with tsup; declarations come from `tsc -b`.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { build } from 'tsup';

for (const name of readdirSync('packages').sort()) {
  const root = `packages/${name}`;
  const manifest = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
  const entry = [`${root}/src/index.ts`, `${root}/src/cli.ts`].filter((file) => existsSync(file));
  await build({
    entry,
    outDir: `${root}/dist`,
    format: ['esm'],
    target: 'node20',
    platform: 'node',
    sourcemap: false,
    splitting: entry.length > 1,
    clean: false,
    dts: false,
    silent: true,
    config: false,
    tsconfig: `${root}/tsconfig.json`,
    external: Object.keys(manifest.dependencies ?? {}),
  });
}
