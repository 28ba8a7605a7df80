/**
 * `pnpm test:python-roundtrip`: files of this writer in safetensors and PyTorch for Python, and files of theirs here, bit for
 * bit: floats with everything that rounding can meet, all integer types, bool, single values, empty tensors. Installs both
 * into a folder for temporary files (3 GB) unless PENGI_PYTHON names an interpreter that has them. Ends with 1 when
 * anything differs.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng, floats, ints, type NdArray } from '@pengi/core';
import { DTYPE_BITS, type TensorDtype } from '../src/dtypes.js';
import { openPth, openSafetensors, type RawTensor, writeSafetensors } from '../src/index.js';
import { compareWritten } from './differential.js';
import { type Answer, compare, digests, findReference, report } from './python.js';

const INTEGERS: readonly TensorDtype[] = ['U8', 'I8', 'U16', 'I16', 'U32', 'I32', 'U64', 'I64'];

const work = mkdtempSync(join(tmpdir(), 'pengi-roundtrip-'));
let misses = 0;
try {
  const reference = await findReference();
  const arrays = floatArrays();
  const all = join(work, 'all.safetensors');
  await writeSafetensors(all, { ...arrays, ...otherTensors() }, { format: 'pt' });
  const rounded = new Map<string, string>();
  for (const dtype of ['F16', 'BF16'] as const) {
    const path = join(work, `${dtype.toLowerCase()}.safetensors`);
    await writeSafetensors(path, arrays, { format: 'pt' }, { dtype });
    rounded.set(path, `${all}.${dtype.toLowerCase()}.safetensors`);
  }

  const ours = [all, ...rounded.keys()];
  const list = join(work, 'ours.json');
  writeFileSync(list, JSON.stringify(ours));
  const answers = new Map((await reference('resave', list)).map((answer) => [answer.path, answer]));
  for (const path of ours) {
    const mine = digests(await openSafetensors(path));
    const theirs: [string, Answer | undefined][] = [
      ['read there', answers.get(path)],
      ['saved there', await answerOf(`${path}.theirs.safetensors`)],
      ['saved by torch.save', await answerOf(`${path}.theirs.pth`)],
    ];
    const problems = theirs.flatMap(([how, answer]) => compare(`${path}, ${how}`, mine, answer));
    const count = `${Object.keys(mine).length} tensors, bit for bit there and back`;
    misses += report(`ours: ${path.slice(work.length + 1)}`, problems, count);
  }
  for (const [path, there] of rounded) {
    const problems = compare(path, digests(await openSafetensors(path)), await answerOf(there));
    misses += report(`rounding: ${path.slice(work.length + 1)}`, problems, "PyTorch's, bit for bit");
  }
  misses += await compareWritten(reference, work);
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(misses === 0 ? 'roundtrip: passed' : `roundtrip: ${misses} MISSES`);
process.exitCode = misses === 0 ? 0 : 1;

/** What is read here of a file that was written there. */
async function answerOf(path: string): Promise<Answer> {
  const file = await (path.endsWith('.pth') ? openPth(path) : openSafetensors(path));
  return { path, tensors: digests(file) };
}

/** Float32 of every kind that float16 and bfloat16 can hold after rounding: no NaN, whose payload is nobody's promise. */
function floatArrays(): Record<string, NdArray> {
  const { uniform } = createRng(1);
  const wide = Float32Array.from(
    { length: 20_000 },
    () => (uniform() < 0.5 ? -1 : 1) * 2 ** (30 * uniform() - 15),
  );
  // Halfway between two values of either type, and beside it: ties go to even.
  const ties = [1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -11 + 2 ** -23];
  const edges = [
    0,
    -0,
    65504,
    65519.996,
    2 ** -14,
    2 ** -24,
    2 ** -25,
    2 ** -26,
    1.5 * 2 ** -25,
    1e-45,
    Infinity,
  ];
  return {
    wide: floats(wide, [100, 200]),
    edges: floats([...ties, ...edges, ...[...ties, ...edges].map((x) => -x)]),
    single: floats([0.1], []),
    empty: floats([], [0, 3]),
    'a name with ü, "quotes" and \\': floats([1, 2]),
  };
}

/** All integer types, bool, and one of each as a single value and as nothing. */
function otherTensors(): Record<string, NdArray | RawTensor> {
  const { uniform } = createRng(2);
  const raw = (dtype: TensorDtype, shape: readonly number[], limit = 256): RawTensor => {
    const length = (shape.reduce((product, dim) => product * dim, 1) * DTYPE_BITS[dtype]) / 8;
    return { dtype, shape, bytes: Uint8Array.from({ length }, () => uniform() * limit) };
  };
  const typed = INTEGERS.flatMap((dtype) => [
    [dtype, raw(dtype, [3, 5])],
    [`${dtype}.single`, raw(dtype, [])],
    [`${dtype}.empty`, raw(dtype, [2, 0])],
  ]);
  return {
    ...Object.fromEntries(typed),
    bool: raw('BOOL', [7], 2),
    'bool.single': raw('BOOL', [], 2),
    f64: raw('F64', [0, 4]),
    array: ints([-1, 0, 2 ** 31 - 1]),
  };
}
