// Bundles every package into its dist/ with tsup; declarations come from `tsc -b`.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { build } from 'tsup';

await Promise.all(readdirSync('packages').map(bundle));

// The published schema is the one that the code validates with.
const { traceSchema } = await import(pathToFileURL('packages/trace/dist/index.js').href);
writeFileSync('packages/trace/dist/schema.json', `${JSON.stringify(traceSchema, null, 2)}\n`);

/** One package: its front door, and its command where it has one. */
async function bundle(name) {
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
