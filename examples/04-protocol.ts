/** The explorer without page tables: a reference count that is read, then raised, against a thread that frees at zero. */
import { type ExploreResult, type Steps, cells, explore } from 'ptemu';

const REFS = 0;
const FREED = 1;

/** What GUP-fast once trusted: a page that was seen in the table must still have a reference. */
function search(speculative: boolean): ExploreResult {
  const c = cells(2, { names: ['refs', 'freed'], initial: [1, 0] });

  function* pin(): Steps<void> {
    const me = c.as('get_user_pages_fast');
    if (speculative) {
      // Raise the count only from a value that is not zero: atomic_add_unless(), as folio_try_get() does.
      for (;;) {
        const seen = yield* me.read(REFS);
        if (seen === 0) return;
        if (yield* me.compareAndSwap(REFS, seen, seen + 1)) break;
      }
    } else {
      const seen = yield* me.read(REFS);
      if (seen === 0) return;
      yield* me.fetchAdd(REFS, 1);
    }
    const freed = yield* me.read(FREED);
    yield* me.assertThat(freed === 0, 'the page was freed under a reference');
  }

  function* unmap(): Steps<void> {
    const me = c.as('put_page');
    const before = yield* me.fetchAdd(REFS, -1);
    if (before === 1) yield* me.write(FREED, 1);
  }

  return explore({
    world: c.world,
    threads: [
      { name: 'pin', start: pin },
      { name: 'unmap', start: unmap },
    ],
  });
}

/** Returns what the example prints. */
export function main(): string {
  return [false, true]
    .map((speculative) => {
      const { verdict, message, states, executions, schedule } = search(speculative);
      const steps = schedule.map(({ actor, step }) => `  ${actor.padEnd(6)} ${step}`);
      const title = speculative ? 'take a reference unless zero' : 'test, then take a reference';
      return [
        `${title}: ${verdict} (${states} states, ${executions} executions)`,
        `  ${message}`,
        ...steps,
      ].join('\n');
    })
    .join('\n\n');
}
