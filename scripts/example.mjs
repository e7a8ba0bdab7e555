// Runs an example or a benchmark from its source: `npm run example 01`. Needs a build of the packages.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { build } from 'tsup';

const [folder, wanted = ''] = process.argv.slice(2);
const names = readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'));
const found = names.find((name) => name.startsWith(wanted));
if (wanted === '' || found === undefined) {
  console.error(`name one of ${names.map((name) => name.replace('.ts', '')).join(', ')}`);
  process.exit(2);
}
const outDir = `${folder}/dist`;
await build({
  entry: [`${folder}/${found}`],
  outDir,
  format: ['esm'],
  target: 'node20',
  platform: 'node',
  silent: true,
  config: false,
  dts: false,
  external: [/^[^./]/],
});
const file = `${outDir}/${found.replace('.ts', '.js')}`;
// A process of its own: with the compiler in it, every collection of garbage would have a hundred times as much to look at.
const run = `const { main } = await import(${JSON.stringify(pathToFileURL(file).href)}); console.log(await main());`;
const { status } = spawnSync(process.execPath, ['--input-type=module', '--eval', run], { stdio: 'inherit' });
process.exitCode = status ?? 1;
