/** One process that checks the collectives against numbers that are known; rank 0 prints "ok" after all have finished. */
import assert from 'node:assert/strict';
import { openMpi } from '@pengi/mpi';

const mpi = await openMpi();
const { rank, size } = mpi;
const of = (f: (r: number) => number) => Array.from({ length: size }, (_, r) => f(r));
const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);

assert.equal(await openMpi(), mpi);
assert.equal(mpi.hosts.length, size);

const floats = Float32Array.of(rank + 1, 1 - rank, 0.5);
await mpi.allReduce(floats);
assert.deepEqual([...floats], [sum(of((r) => r + 1)), sum(of((r) => 1 - r)), size / 2]);
for (const [operation, expected] of [
  ['max', Math.max(...of((r) => r / 3))],
  ['min', 0],
  ['sum', sum(of((r) => r / 3))],
] as const) {
  const doubles = Float64Array.of(rank / 3);
  await mpi.allReduce(doubles, operation);
  assert.ok(Math.abs(doubles[0]! - expected) < 1e-15, operation);
}
const arrays = [Int32Array, Uint8Array, Float32Array, Float64Array] as const;
for (const type of arrays) {
  const gathered = await mpi.allGather(type.of(rank, 100 + rank) as Int32Array);
  assert.deepEqual(
    [...gathered],
    of((r) => r).flatMap((r) => [r, 100 + r]),
  );
  const sent = type.of(rank + 7, 2) as Int32Array;
  await mpi.broadcast(sent, size - 1);
  assert.deepEqual([...sent], [size + 6, 2]);
}
assert.equal((await mpi.allGather(new Float32Array(0))).length, 0);

// Called at once, and the arrays dropped: calls run in order, and hold what they work on.
const held = { before: 0 };
const timer = setInterval(() => held.before++, 1);
const sums = await Promise.all(
  Array.from({ length: 30 }, async (_, i) => {
    const part = new Float32Array(1 << 18).fill(rank + i);
    await mpi.allReduce(part);
    return [part[0], part.at(-1)];
  }),
);
clearInterval(timer);
for (const [i, found] of sums.entries()) assert.deepEqual(found, Array(2).fill(sum(of((r) => r + i))));
assert.ok(held.before > 0, 'timers ran while collectives did');

const gone = new Float32Array(4);
structuredClone(gone, { transfer: [gone.buffer] });
await mpi.allReduce(gone); // nothing to send is nothing to do
await assert.rejects(mpi.broadcast(new Float32Array(2), size + 5), { code: 'E_MPI' });

await mpi.barrier();
await mpi.finalize();
await assert.rejects(mpi.barrier(), { code: 'E_USAGE' });
if (rank === 0) console.log(`ok ${mpi.family}`);
