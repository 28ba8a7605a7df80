/** HEAR's head, step by step, and probes trained on formula embeddings. Long, since each golden has a check of its own. */
import {
  compileHeads,
  fitLinear,
  fitProbes,
  type GridPoint,
  type Head,
  headLosses,
  headTrainingLogits,
  type PredictionType,
  probeLogits,
  type Rows,
  stackTrees,
  totalLoss,
} from '@pengi/bench';
import { floats, ints, type NdArray, scalar } from '@pengi/core';
import type { Engine } from '@pengi/jit';
import { accuracy, argmax } from '@pengi/metrics';
import { adamInit, valueAndGrad } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Json } from '../../golden.js';
import type { Report } from '../../report.js';
import { type Checksum, fillOf, integersOf, nearChecksum, rowsOf, u32 } from './formula.js';

/** The goldens are float64 and engines compute in float32, for which m5_probe allows 1e-4; of a few steps less is needed. */
const FEW_STEPS = 1e-5;
const TRACE = 1e-4;
/** Of coefficients, in float64. */
const CONVEX = 1e-6;
/** m5_probe's `trained_L1` and `trained_L2_L3`: beyond the range of the reference's seeds, and from the convex solution. */
const BEYOND_BAND = 0.02;
const FROM_CONVEX = 0.05;

/** Six steps of Adam (`mlp`) from weights by formula, and the loss of `bce_multilabel`. */
export async function checkHeads(json: Json, report: Report, engine: Engine): Promise<void> {
  for (const golden of json.mlp) await checkHead(json.salt, golden, report, engine);
  await checkBce(json.bce_multilabel, report, engine);
}

async function checkHead(salt: string, golden: Json, report: Report, engine: Engine): Promise<void> {
  const { hidden_layers: layers, n, D, K, H, lr, labels } = golden;
  const what = `${layers} hidden layers`;
  const name = `mlp${layers}`;
  const linear = (i: number, from: number, to: number) => ({
    weight: floats(fillOf(salt, `${name}/w${i}`, to * from, 0.4), [to, from]),
    bias: floats(fillOf(salt, `${name}/b${i}`, to, 0.1), [1, to]),
  });
  const constant = (value: number) => floats(new Float32Array(H).fill(value), [1, H]);
  const head: Head = {
    params: {
      hidden: Array.from({ length: layers }, (_, i) => ({
        linear: linear(i, i === 0 ? D : H, H),
        norm: { weight: constant(1), bias: constant(0) },
      })),
      projection: linear(layers, layers === 0 ? D : H, K),
    },
    statistics: Array.from({ length: layers }, () => ({ mean: constant(0), variance: constant(1) })),
  };
  report.equal(`${what}: labels`, integersOf(salt, `${name}/y`, n, K), labels);
  const rows: Rows = { count: n, x: fillOf(salt, `${name}/x`, n * D), y: oneHot(labels, K) };
  const batch = batchOf(rows, D, K, lr);

  const training = engine.compile(
    (own: Head<Tensor>, x: Tensor, mask: Tensor) => headTrainingLogits(own, x, mask, 0).logits,
    stackTrees([head]) as never,
  );
  const logits = (await training.run(batch.x, batch.mask)) as NdArray;
  await training.dispose();
  report.near(`${what}: logits in training`, logits, golden.train_logits_step0.flat(), FEW_STEPS);

  const program = compileHeads(engine, 0, 'multiclass', startOf(head));
  for (const [step, expected] of golden.losses.entries()) {
    const loss = (await program.train(batch)).data as Float32Array;
    report.number(`${what}: loss ${step}`, loss[0]!, expected, FEW_STEPS);
    if (step === 0) checkGradients(what, (await program.state()).adam.m, golden.grads_step0, report);
  }
  const after = await program.state();
  for (const [i, { mean, variance }] of after.statistics.entries()) {
    report.near(`${what}: running mean ${i}`, mean, golden.running_mean[i], FEW_STEPS);
    report.near(`${what}: running variance ${i}`, variance, golden.running_var[i], FEW_STEPS);
  }
  report.near(`${what}: logits after`, await program.logits(batch.x), golden.eval_logits_after.flat(), TRACE);
  await program.dispose();
}

/** After the first step Adam's first moment is a tenth of the gradient. */
function checkGradients(what: string, moments: Head['params'], goldens: Json, report: Report): void {
  for (const { param, grad } of goldens as { param: string; grad: Checksum }[]) {
    const [part, index, leaf] = param.includes('hidden')
      ? param.split('.')
      : [undefined, undefined, param.split('.')[1]];
    const layer = moments.hidden[Math.floor(Number(index) / 4)];
    const owner =
      part === undefined ? moments.projection : Number(index) % 4 === 0 ? layer!.linear : layer!.norm;
    const values = (owner as Record<string, NdArray>)[leaf!]!.data;
    const gradient = Float64Array.from(values as Float32Array, (value) => 10 * value);
    const [sum, squares] = gradient.reduce(([a, b], g) => [a! + g, b! + g * g], [0, 0]);
    report.number(`${what}: ${param}, gradient`, sum!, grad.sum, FEW_STEPS);
    report.number(`${what}: ${param}, gradient's squares`, squares!, grad.sumsq, FEW_STEPS);
  }
}

async function checkBce(golden: Json, report: Report, engine: Engine): Promise<void> {
  const { n, K } = golden;
  const z = floats(golden.logits.flat(), [1, n, K]);
  const y = floats(
    golden.y.flatMap((row: string) => [...row].map(Number)),
    [1, n, K],
  );
  const mask = floats(new Float32Array(n).fill(1), [1, n, 1]);
  const program = engine.compile(
    (_: Record<string, never>, logits: Tensor, targets: Tensor, rows: Tensor) => {
      const { loss, grads } = valueAndGrad(
        (p: { logits: Tensor }) => totalLoss(headLosses('multilabel', p.logits, targets, rows)),
        { logits },
      );
      return { loss: loss as Tensor, gradient: grads.logits as Tensor };
    },
    {},
  );
  const { loss, gradient } = await program.run(z, y, mask);
  await program.dispose();
  report.near('BCE: loss', loss, [golden.loss_mean_over_all_elements], FEW_STEPS);
  nearWithin(report, 'BCE: gradient', gradient.data as Float32Array, golden.grad_logits_checksum, FEW_STEPS);
}

/** `m5_probe`: traces of full batches, and the accuracies that trained probes reach. */
export async function checkTrainedProbes(json: Json, report: Report, engine: Engine): Promise<void> {
  const { D, K } = json.dataset;
  const splits = Object.fromEntries(
    Object.keys(json.dataset.sizes).map((split) => [split, splitOf(json, split, report)]),
  ) as Record<'train' | 'valid' | 'test', { rows: Rows; labels: number[] }>;
  await checkAdamTrace(json.full_batch_trace.adam, splits.train.rows, D, K, report, engine);
  await checkGradientDescent(json.full_batch_trace.sgd, splits.train.rows, D, K, report, engine);

  for (const golden of json.logistic_regression.solutions) checkConvex(golden, splits, D, K, report);

  const convex = json.logistic_regression.solutions.find(({ C }: Json) => C === 1).accuracy.test;
  const sizes = { inputs: D, outputs: K };
  const type: PredictionType = 'multiclass';
  for (const band of json.torch_band) {
    const what = `L${band.hidden_layers + 1}, rate ${band.lr}`;
    const point: GridPoint = {
      batch_size: band.batch,
      check_val_every_n_epoch: 3,
      dropout: band.dropout ?? 0,
      hidden_dim: band.H ?? 0,
      hidden_layers: band.hidden_layers,
      initialization: 'xavier_uniform',
      lr: band.lr,
      max_epochs: 500,
      patience: 20,
    };
    const tasks = Array.from({ length: band.seeds }, (_, seed) => ({
      point,
      seed,
      train: splits.train.rows,
      valid: splits.valid.rows,
      judge: (logits: Float32Array) => ({ score: accuracyOf(logits, splits.valid.labels, K) }),
    }));
    const reached: number[] = [];
    for (const fitted of await fitProbes(engine, tasks, { sizes, type, better: 'higher' })) {
      if (!fitted) throw new Error(`${what}: a probe without a score`);
      const logits = await probeLogits(engine, fitted.head, splits.test.rows, { sizes, type });
      reached.push(accuracyOf(logits, splits.test.labels, K));
    }
    const mean = reached.reduce((a, b) => a + b, 0) / reached.length;
    const beyond = (value: number) => Math.max(band.test_acc_min - value, value - band.test_acc_max, 0);
    report.add({ what: `${what}: mean beyond the band`, error: beyond(mean), tolerance: BEYOND_BAND });
    // The bands of L2 and L3 are the range of four seeds, narrower than what seeds spread: of the kit's own head in PyTorch 1.13, trained
    // as the kit does, 25 of 256 seeds (L2) and 5 of 64 (L3) lie further off than 0.02; of ours 23 of 256 (L2), with the same standard
    // deviation (0.014) and a mean of 0.7363 where PyTorch's is 0.7341, 1.8 standard errors apart. So the mean of as many seeds is held to them. Of L1, whose bands are of eight seeds, each one is.
    if (band.hidden_layers > 0) continue;
    for (const [seed, value] of reached.entries()) {
      report.add({
        what: `${what}: seed ${seed} beyond the band`,
        error: beyond(value),
        tolerance: BEYOND_BAND,
      });
      report.number(`${what}: seed ${seed}, from the convex solution`, value, convex, FROM_CONVEX + 1e-9);
    }
  }
}

/** The linear probe that has one solution: penalised, in float64, to convergence. */
function checkConvex(
  golden: Json,
  splits: Record<'train' | 'valid' | 'test', { rows: Rows; labels: number[] }>,
  D: number,
  K: number,
  report: Report,
): void {
  const what = `logistic regression, C ${golden.C}`;
  const clips = ({ rows }: { rows: Rows }) => rowsOf(rows.x, D).map((row) => Float32Array.from(row));
  const model = fitLinear(clips(splits.train), splits.train.labels, {
    l2: 1 / golden.C,
    standardise: false,
    tolerance: 1e-11,
    maxSteps: 10_000,
  });
  // Scores of the unit vectors and of zero are the coefficients and intercepts; classes in the order of their first clip.
  const unit = (j: number) => Float32Array.from({ length: D }, (_, d) => (d === j ? 1 : 0));
  const [intercepts, ...columns] = model.scores([
    new Float32Array(D),
    ...Array.from({ length: D }, (_, j) => unit(j)),
  ]);
  const place = Array.from({ length: K }, (_, k) => model.labels.indexOf(k));
  const coefficients = place.map((p) => columns.map((column) => column[p]! - intercepts![p]!));
  const mean = intercepts!.reduce((a, b) => a + b, 0) / K;
  report.near(`${what}: first coefficients`, coefficients[0]!, golden.coef_first_row, CONVEX);
  report.near(
    `${what}: intercepts`,
    place.map((p) => intercepts![p]! - mean),
    golden.intercept_minus_mean,
    CONVEX,
  );
  const all = coefficients.flat();
  const { sumsq, cosdot } = golden.coef_checksum;
  // Coefficients that are off by e move these sums by less than 2 e |w| sqrt(n), and e sqrt(n).
  const reach = CONVEX * Math.sqrt(all.length);
  report.number(
    `${what}: squares`,
    all.reduce((sum, w) => sum + w * w, 0),
    sumsq,
    2 * reach * Math.sqrt(sumsq),
  );
  report.number(
    `${what}: waves`,
    all.reduce((sum, w, i) => sum + w * Math.cos(i), 0),
    cosdot,
    reach * Math.sqrt(all.length),
  );
  for (const [split, expected] of Object.entries<number>(golden.accuracy)) {
    const own = splits[split as keyof typeof splits];
    report.number(
      `${what}: accuracy, ${split}`,
      accuracy(model.predict(clips(own)), own.labels),
      expected,
      1e-12,
    );
  }
}

/** Embeddings and labels by the golden's formula. */
function splitOf({ salt, dataset }: Json, split: string, report: Report): { rows: Rows; labels: number[] } {
  const { D, K, sep, flip } = dataset;
  const n = dataset.sizes[split];
  const centre = fillOf(salt, 'probe/centre', K * D);
  const first = integersOf(salt, `probe/${split}/y`, n, K);
  const noise = [0, 1, 2].map((j) => fillOf(salt, `probe/${split}/n${j}`, n * D));
  const x = Float32Array.from(
    noise[0]!,
    (value, i) =>
      sep * centre[first[Math.floor(i / D)]! * D + (i % D)]! + (value + noise[1]![i]! + noise[2]![i]!),
  );
  const flipped = u32(salt, `probe/${split}/flip`, n);
  const second = integersOf(salt, `probe/${split}/y2`, n, K);
  const labels = first.map((label, i) => (flipped[i]! / 2 ** 32 < flip ? second[i]! : label));
  const { X, y, y_first20 } = dataset.checksums[split];
  nearChecksum(report, `${split}: embeddings`, x, X);
  nearChecksum(report, `${split}: labels`, labels, y);
  report.equal(`${split}: first labels`, labels.slice(0, 20), y_first20);
  return { rows: { count: n, x, y: oneHot(labels, K) }, labels };
}

async function checkAdamTrace(
  golden: Json,
  rows: Rows,
  D: number,
  K: number,
  report: Report,
  engine: Engine,
) {
  const program = compileHeads(engine, 0, 'multiclass', startOf(zeroHead(D, K)));
  const batch = batchOf(rows, D, K, golden.lr);
  const losses: number[] = [];
  for (let step = 0; step <= golden.steps; step++) {
    if (step === golden.steps)
      checkTraceEnd('Adam', golden, (await program.state()).params.projection, report);
    losses.push(((await program.train(batch)).data as Float32Array)[0]!);
  }
  await program.dispose();
  checkTraceLosses('Adam', golden, losses, report);
}

async function checkGradientDescent(
  golden: Json,
  rows: Rows,
  D: number,
  K: number,
  report: Report,
  engine: Engine,
) {
  const { x, y, mask } = batchOf(rows, D, K, 0);
  const { params, statistics } = stackTrees([zeroHead(D, K)]);
  const program = engine.compileStep(
    (
      _: Record<string, never>,
      state: Head<Tensor>['params'],
      input: Tensor,
      targets: Tensor,
      ones: Tensor,
    ) => {
      const { loss, grads } = valueAndGrad((p: Head<Tensor>['params']) => {
        const { logits } = headTrainingLogits({ params: p, statistics: [] }, input, ones, 0);
        return totalLoss(headLosses('multiclass', logits, targets, ones));
      }, state);
      const step = (name: 'weight' | 'bias') =>
        tf.sub(state.projection[name], tf.mul(grads.projection[name] as Tensor, golden.lr)) as Tensor;
      return {
        state: { hidden: [], projection: { weight: step('weight'), bias: step('bias') } },
        output: loss as Tensor,
      };
    },
    {},
    params as never,
  );
  if (statistics.length > 0) throw new Error('a linear probe has no statistics');
  const losses: number[] = [];
  for (let step = 0; step <= golden.steps; step++) {
    if (step === golden.steps)
      checkTraceEnd('SGD', golden, ((await program.state()) as unknown as Head['params']).projection, report);
    losses.push(((await program.run(x, y, mask)) as NdArray).data[0] as number);
  }
  await program.dispose();
  checkTraceLosses('SGD', golden, losses, report);
}

function checkTraceLosses(what: string, golden: Json, losses: readonly number[], report: Report): void {
  for (const [step, expected] of Object.entries<number>(golden.loss_before_step))
    report.number(`${what}: loss ${step}`, losses[Number(step)]!, expected, TRACE * expected);
  report.number(`${what}: final loss`, losses[golden.steps]!, golden.final_loss, TRACE * golden.final_loss);
}

function checkTraceEnd(
  what: string,
  golden: Json,
  found: { weight: NdArray; bias: NdArray },
  report: Report,
): void {
  nearWithin(report, `${what}: weights`, found.weight.data as Float32Array, golden.W_checksum, TRACE);
  report.near(`${what}: biases`, found.bias, golden.b, TRACE);
}

/** A checksum of float32 results. */
function nearWithin(
  report: Report,
  what: string,
  values: Float32Array,
  golden: Checksum,
  tolerance: number,
): void {
  const sums = values.reduce(
    (total, value, i) => ({
      sum: total.sum + value,
      sumsq: total.sumsq + value * value,
      cosdot: total.cosdot + value * Math.cos(i),
    }),
    { sum: 0, sumsq: 0, cosdot: 0 },
  );
  report.equal(`${what}: count`, values.length, golden.n);
  for (const name of ['sum', 'sumsq', 'cosdot'] as const)
    report.number(`${what}: ${name}`, sums[name], golden[name], tolerance * Math.max(1, golden.sumsq));
}

function startOf(head: Head) {
  const { m, v } = adamInit(head.params);
  return { ...stackTrees([head]), adam: { step: scalar(0), ...stackTrees([{ m, v }]) } };
}

function zeroHead(D: number, K: number): Head {
  return {
    params: {
      hidden: [],
      projection: {
        weight: floats(new Float32Array(K * D), [K, D]),
        bias: floats(new Float32Array(K), [1, K]),
      },
    },
    statistics: [],
  };
}

function batchOf({ count, x, y }: Rows, D: number, K: number, rate: number) {
  return {
    x: floats(x, [1, count, D]),
    y: floats(y, [1, count, K]),
    mask: floats(new Float32Array(count).fill(1), [1, count, 1]),
    rates: floats([rate], [1, 1, 1]),
    seeds: ints([0]),
  };
}

function oneHot(labels: readonly number[], K: number): Float32Array {
  const y = new Float32Array(labels.length * K);
  for (const [i, label] of labels.entries()) y[i * K + label] = 1;
  return y;
}

function accuracyOf(logits: Float32Array, labels: readonly number[], K: number): number {
  return accuracy(rowsOf(logits, K).map(argmax), labels);
}
