import { it } from 'vitest';
import { x86_64 } from '../../x86_64/src/index.js';
import { s390 } from '../../s390/src/index.js';
import { arm32 } from '../../arm32/src/index.js';
import * as a64 from '../../arm64/src/index.js';
import * as ppc from '../../powerpc/src/index.js';
import { runProbe } from './run.js';
import { definitions } from './catalog.js';
import { kernel } from '@ptemu/arch';
it('x', () => {
  const list: [string, (o: { kernel: never }) => unknown][] = [
    ['x86_64', x86_64],
    ['s390', s390],
    ['arm32', arm32],
  ] as never;
  if ('arm64' in a64) list.push(['arm64', (a64 as never as { arm64: never }).arm64]);
  if ('powerpc' in ppc)
    list.push(
      ['powerpc', (ppc as never as { powerpc: never }).powerpc],
      [
        'hash',
        ((o: object) =>
          (ppc as never as { powerpc: (o: object) => unknown }).powerpc({ ...o, mmu: 'hash' })) as never,
      ],
    );
  const only = process.env['ONLY'] ?? '';
  const ks = (process.env['KS'] ?? '4.5,4.7,4.12,4.15,5.8,6.12').split(',');
  for (const [n, mk] of list)
    for (const k of ks)
      for (const d of definitions)
        for (const p of d.probes) {
          if (only && !(n + ' ' + p.id).includes(only)) continue;
          const t = performance.now();
          try {
            const r = runProbe(mk({ kernel: kernel(k) as never }) as never, d.id, p.id);
            console.log(
              r.agrees ? 'ok ' : 'DIFF',
              n,
              k,
              p.id,
              r.verdict,
              r.invariant ?? '',
              r.verdict === 'violates' ? r.message : '',
              r.alsoFell.join(),
              r.states,
              r.transitions,
              JSON.stringify(Object.values(r.reached)),
              ((performance.now() - t) | 0) + 'ms',
            );
            if (process.env['SCHED']) console.log(r.schedule.map((s) => s.actor + ' | ' + s.step).join('\n'));
          } catch (e) {
            if ((e as { code?: string }).code !== 'NOT_APPLICABLE')
              console.log('ERR', n, k, p.id, String((e as Error).message).slice(0, 200));
          }
        }
});
