import { cells, explore } from '../src/index.js';

const READY = 0;
const DATA = 1;
const c = cells(2, { names: ['ready', 'data'], locks: 1 });

function* producer() {
  yield* c.write(READY, 1); // broken: should come last
  yield* c.write(DATA, 42);
}

function* consumer() {
  yield* c.waitUntil(READY, 1);
  const data = yield* c.read(DATA);
  yield* c.assertThat(data === 42, `consumed ${data}`);
}

const result = explore({
  world: c.world,
  threads: [
    { name: 'producer', start: producer },
    { name: 'consumer', start: consumer },
  ],
});

console.log(result.verdict, result.invariant, result.message);
for (const { actor, step } of result.schedule) console.log(`${actor}: ${step}`);
