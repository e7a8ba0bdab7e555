// Checks what `npm pack` would put into each package: publint's rules, and no file but dist/, bin/ and the usual texts.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const TEXTS = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'];
const allowed = (path) => TEXTS.includes(path) || /^(dist|bin)\//.test(path);
const unwanted = (path) => /\.(spec|test)\.|tsbuildinfo|\.ts$/.test(path) && !path.endsWith('.d.ts');

const problems = [];
for (const name of readdirSync('packages').sort()) {
  const pkgDir = `packages/${name}`;
  const manifest = JSON.parse(readFileSync(`${pkgDir}/package.json`, 'utf8'));
  const report = (text) => problems.push(`${manifest.name}: ${text}`);
  if (!existsSync(`${pkgDir}/dist/index.js`)) {
    report('dist/index.js is missing; run npm run build first');
    continue;
  }
  const packed = execFileSync(
    'npm',
    ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=error'],
    {
      cwd: pkgDir,
      encoding: 'utf8',
    },
  );
  const [{ files }] = [JSON.parse(packed)].flat();
  const paths = files.map((file) => file.path);
  for (const path of paths.filter((path) => !allowed(path) || unwanted(path))) report(`packs ${path}`);
  for (const text of ['package.json', 'LICENSE', 'README.md', 'dist/index.js', 'dist/index.d.ts']) {
    if (!paths.includes(text)) report(`does not pack ${text}`);
  }
  const { messages } = await publint({ pkgDir, pack: { files: packedFiles(pkgDir, paths) }, strict: true });
  for (const message of messages) report(formatMessage(message, manifest) ?? message.code);
  console.log(`${manifest.name}: ${paths.length} files`);
}
// The command runs as it will be installed.
const said = execFileSync('node', ['packages/ptemu/bin/ptemu.js', 'decode', 's390', 'pmd', '20'], {
  encoding: 'utf8',
});
if (!said.includes('pmd_none')) problems.push(`ptemu: the built command said ${JSON.stringify(said)}`);

for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;

/** The packed files as publint takes them. */
function packedFiles(pkgDir, paths) {
  return paths.map((path) => ({ name: `${pkgDir}/${path}`, data: readFileSync(`${pkgDir}/${path}`) }));
}
