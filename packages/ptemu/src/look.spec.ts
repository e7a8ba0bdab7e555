import { it } from 'vitest';
import { ptemu } from '../test/transcript.js';
import { readFileSync } from 'node:fs';
it('look', async () => {
  for (const line of readFileSync('/tmp/look.txt', 'utf8').trim().split('\n')) {
    const t = Date.now();
    const { stdout, stderr, code } = await ptemu(line);
    const o = stdout.split('\n');
    console.log(
      `$ ptemu ${line}\n${o.slice(0, 60).join('\n')}${o.length > 60 ? `\n... ${o.length} lines` : ''}\n[stderr] ${stderr}[exit ${code}] ${Date.now() - t} ms`,
    );
  }
});
