import { createLogMel } from '@pengi/audio-frontend';
import {
  type ClapBatch,
  type ClapConfig,
  type ClapParams,
  clapLoss,
  clapParams,
  clapRows,
  clapRowsLoss,
  clapSpec,
  contrastiveLoss,
  encodeAudio,
  encodeText,
  similarity,
} from '@pengi/clap';
import { flatten, floats, ints, type NdArray, pathMatcher, rebuildTree, type Tree } from '@pengi/core';
import type { Arrays, Engine } from '@pengi/jit';
import { bufferPaths, constantRate, linearWarmupDecay, valueAndGrad } from '@pengi/nn';
import { type Part, partOf, type TrainTask, train } from '@pengi/train';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import {
  captionHidden,
  captionLogits,
  frozenInTraining,
  type PengiBatch,
  type PengiParams,
  pengiLoss,
  pengiParams,
  pengiSpec,
} from 'pengi';
import type { Check } from '../check.js';
import {
  clipTextConfigOf,
  htsatConfigOf,
  logMelSettingsOf,
  smallFrontendOf,
  smallPengiConfigOf,
} from '../configs.js';
import { type Golden, type Json, weightsOf } from '../golden.js';
import type { Report } from '../report.js';
import { TOLERANCES } from '../tolerances.js';

const TOLERANCE = TOLERANCES.training;

/** Contrastive pretraining: embeddings, logits, loss, gradients, and three steps of Adam. */
export const checkClapTraining: Check = async (golden, report, engine) => {
  const { config: raw } = golden.manifest();
  const config: ClapConfig = {
    model: 'clap',
    frontend: smallFrontendOf(raw.htsat, raw.samples),
    audio: htsatConfigOf(raw.htsat),
    text: clipTextConfigOf(raw.clip),
    embedding: raw.d_proj,
    projectionDropout: 0.5,
  };
  const params = clapParams(weightsOf(golden.manifest()), config);
  const batch = { logMel: logMels(golden, raw), ids: int(golden.tensor('input_ids')) };
  golden.tensor('attention_mask'); // attention is causal and pooling takes the first end: padding changes nothing

  const forward = engine.compile((p: ClapParams, { logMel, ids }: ClapBatch) => {
    const audio = encodeAudio(p.audio_encoder, logMel, config.audio);
    const text = encodeText(p.caption_encoder, ids, config.text);
    return {
      audio,
      text,
      logits: tf.transpose(similarity(p.logit_scale, audio, text)),
      loss: contrastiveLoss(p.logit_scale, audio, text),
    };
  }, params);
  const { audio, text, logits } = await forward.run(batch);
  report.near('audio embeddings', audio, golden.tensor('audio_embed'), TOLERANCE.activations);
  report.near('text embeddings', text, golden.tensor('text_embed'), TOLERANCE.activations);
  report.near('logits', logits, golden.tensor('logits'), TOLERANCE.activations);

  await checkSteps<ClapParams, ClapBatch>(golden, report, engine, {
    params: params as Arrays<ClapParams>,
    frozen: bufferPaths(clapSpec(config)),
    loss: (p, b) => clapLoss(p, b, config),
    contrast: { rows: (p, b) => clapRows(p, b, config), value: clapRowsLoss },
    batch: batch as Arrays<ClapBatch>,
  });
};

/** Pengi's captioning loss with frozen text models: prefix, logits, loss, gradients, and three steps of Adam. */
export const checkPengiTraining: Check = async (golden, report, engine) => {
  const { config: raw } = golden.manifest();
  const config = smallPengiConfigOf(raw);
  const params = pengiParams(weightsOf(golden.manifest()), config);
  const captionMask = golden.tensor('caption_mask');
  const batch = {
    logMel: logMels(golden, raw),
    promptIds: int(golden.tensor('text_ids')),
    captionIds: int(golden.tensor('caption_ids')),
    captionMask: floats(Array.from(captionMask.data, Number), captionMask.shape),
  };
  golden.tensor('text_mask'); // see above

  const forward = engine.compile((p: PengiParams, b: PengiBatch) => {
    const { hidden, prefix } = captionHidden(p, b, config);
    return { prefix, logits: captionLogits(p, hidden) };
  }, params);
  const { prefix, logits } = await forward.run(batch);
  report.near('prefix', prefix, golden.tensor('prefix'), TOLERANCE.activations);
  report.near('logits', logits, golden.tensor('logits'), TOLERANCE.activations);

  await checkSteps<PengiParams, PengiBatch>(golden, report, engine, {
    params: params as Arrays<PengiParams>,
    frozen: [...frozenInTraining(config), ...bufferPaths(pengiSpec(config))],
    loss: (p, b) => pengiLoss(p, b, config),
    weight: ({ captionMask: { data } }) => (data as Float32Array).reduce((sum, x) => sum + x, 0),
    batch: batch as Arrays<PengiBatch>,
  });
};

/** The learning rates of transformers' linear schedule. */
export const checkSchedule: Check = async ({ json }, report) => {
  for (const { lr, warmup, total, lr_used_at_step: rates } of json.schedules) {
    const schedule = linearWarmupDecay({ learningRate: lr, warmupSteps: warmup, totalSteps: total });
    for (const [step, rate] of Object.entries<number>(rates))
      report.number(`lr ${lr}, step ${step}`, schedule(Number(step)), rate, TOLERANCES.schedule * rate);
  }
};

type Flat<Leaf> = Record<string, Leaf>;

interface Stage<P, B> extends Pick<TrainTask<P, B>, 'params' | 'frozen' | 'weight' | 'contrast'> {
  loss: (params: P, batch: B) => Scalar;
  /** That of every step. */
  batch: Arrays<B>;
}

/**
 * Gradients before the first step; then losses and parameters of the golden's steps as `train` makes them, with the whole
 * batch at once and in parts.
 */
async function checkSteps<P, B>(
  golden: Golden,
  report: Report,
  engine: Engine,
  { batch, loss, ...stage }: Stage<P, B>,
): Promise<void> {
  const { json } = golden;
  const all = flatten<NdArray>(stage.params as Tree<NdArray>);
  const isFrozen = pathMatcher(stage.frozen);
  const trainable: Flat<NdArray> = Object.fromEntries(
    Object.entries(all).filter(([path]) => !isFrozen(path)),
  );
  report.equal('what is trained', Object.keys(trainable).sort(), [...json.trainable].sort());

  const gradientsOf = engine.compile((weights: Flat<Tensor>, params: Flat<Tensor>, b: B) => {
    const whole = (p: Flat<Tensor>) => rebuildTree<P>(stage.params, (path) => p[path] ?? weights[path]);
    return valueAndGrad((p) => loss(whole(p), b), params).grads as Flat<Tensor>;
  }, all as never);
  const found = (await gradientsOf.run(trainable as never, batch)) as Flat<NdArray | null>;
  await gradientsOf.dispose();
  const gradients: Flat<Float32Array | undefined> = {};
  for (const path of Object.keys(trainable)) gradients[path] = found[path]?.data as Float32Array | undefined;
  checkGradients(golden, report, gradients);

  const { lr, betas, eps: epsilon, weight_decay: weightDecay, steps } = json.optimizer;
  const run = { golden, report, gradients, before: trainable };
  for (const accumulate of [1, 2]) {
    const where = accumulate > 1 ? ` in ${accumulate} parts` : '';
    const task: TrainTask<P, B> = {
      ...stage,
      name: golden.name,
      loss,
      batch: async (_step, part) => partOfBatch(batch, part),
      async evaluate(params, step) {
        if (step === 1 || step === steps)
          checkParameters(run, step, flatten<NdArray>(params as Tree<NdArray>), where);
        return {};
      },
    };
    const { losses } = await train(task, {
      engine,
      accumulate,
      steps: steps + 1,
      schedule: constantRate(lr),
      optimizer: { beta1: betas[0], beta2: betas[1], epsilon, weightDecay },
      seed: 0,
      logEvery: 1,
      evaluateEvery: 1,
      warn: () => undefined, // of parameters without a gradient, which are compared above
    });
    for (const [i, expected] of json.loss.float64.entries())
      report.number(
        `loss before step ${i + 1}${where}`,
        losses[i]?.loss ?? Number.NaN,
        expected,
        TOLERANCE.loss * expected,
      );
  }
}

/** Rows of all arrays of a batch. */
function partOfBatch<B>(batch: Arrays<B>, part: Part | undefined) {
  const rows = flatten<NdArray>(batch as Tree<NdArray>);
  const size = Object.values(rows)[0]!.shape[0]!;
  const chosen = partOf(
    Array.from({ length: size }, (_, i) => i),
    part,
  );
  const arrays = rebuildTree<Arrays<B>>(batch, (path) => {
    const { dtype, shape, data } = rows[path]!;
    const length = data.length / size;
    const own = data.slice(chosen[0]! * length, (chosen.at(-1)! + 1) * length);
    return { dtype, shape: [chosen.length, ...shape.slice(1)], data: own };
  });
  return { arrays, ids: chosen.map(String) };
}

function checkGradients(golden: Golden, report: Report, gradients: Flat<Float32Array | undefined>): void {
  const { json } = golden;
  const without = Object.keys(gradients).filter((path) => gradients[path] === undefined);
  report.equal('without gradient', without.sort(), [...json.trainable_without_gradient].sort());
  for (const [path, { l2, max_abs: largest }] of Object.entries<{ l2: number; max_abs: number }>(
    json.gradients,
  )) {
    const norm = Math.sqrt(gradients[path]!.reduce((sum, g) => sum + g * g, 0));
    // Where the true gradient is zero there is nothing but rounding to compare.
    const tolerance =
      largest > TOLERANCE.smallestGradient
        ? TOLERANCE.gradient * l2
        : TOLERANCE.smallestGradient * Math.sqrt(gradients[path]!.length);
    report.number(`gradient of ${path}`, norm, l2, tolerance);
    if (!golden.has(`grad/${path}`)) continue;
    const expected = golden.tensor(`grad/${path}`).data as Float32Array;
    if (largest > TOLERANCE.smallestGradient)
      report.nearL2(`grad/${path}`, gradients[path]!, expected, TOLERANCE.gradient);
    else report.near(`grad/${path}`, gradients[path]!, expected, TOLERANCE.smallestGradient);
  }
}

interface Steps {
  golden: Golden;
  report: Report;
  /** Before the first step; none for parameters that the loss does not reach. */
  gradients: Flat<Float32Array | undefined>;
  before: Flat<NdArray>;
}

interface ParameterGolden {
  sum: number;
  l2: number;
  first: number[];
  max_abs_f32_vs_f64: number;
}

/**
 * Parameters after some steps. Adam's first steps divide by |gradient|, so an element whose true gradient is zero (key
 * biases, unused rows) moves by up to the learning rate in a direction that is rounding. Elements whose gradient is not
 * above the reference's own float32 noise are only bounded by that; all others are compared within three times the
 * reference's noise.
 */
function checkParameters(run: Steps, steps: number, params: Flat<NdArray>, where: string): void {
  const { golden, report, gradients, before } = run;
  const { json } = golden;
  const untouched: string[] = json.trainable_without_gradient;
  for (const [path, expected] of Object.entries<ParameterGolden>(json[`parameters_after_${steps}`])) {
    const what = `${path} after ${steps}${where}`;
    const values = params[path]!.data as Float32Array;
    if (untouched.includes(path)) report.near(`${what}: unchanged`, values, before[path]!, 0);

    const noise = TOLERANCE.noiseFactor * (json.gradients[path]?.max_abs_f32_vs_f64 ?? 0);
    const undetermined = (i: number) =>
      gradients[path] !== undefined && Math.abs(gradients[path][i]!) <= noise;
    const tolerance = TOLERANCE.noiseFactor * expected.max_abs_f32_vs_f64 + TOLERANCE.parameterFloor;
    const apart = 2 * steps * json.optimizer.lr;
    const compare = (label: string, stored: ArrayLike<number>) => {
      const clear = Array.from(stored, (_, i) => i).filter((i) => !undetermined(i));
      const pick = (from: ArrayLike<number>) => clear.map((i) => from[i]!);
      if (clear.length > 0) report.near(label, pick(values), pick(stored), tolerance);
      if (clear.length < stored.length)
        report.near(`${label}: no gradient to speak of`, values.subarray(0, stored.length), stored, apart);
    };
    compare(`${what}: first`, expected.first);
    const key = `after${steps}/${path}`;
    if (golden.has(key)) compare(`${key}${where}`, golden.tensor(key).data as Float32Array);

    const unclear = Array.from(values.keys()).filter(undetermined).length;
    const sum = values.reduce((total, x) => total + x, 0);
    report.number(`${what}: sum`, sum, expected.sum, tolerance * values.length + apart * unclear);
    const norm = Math.sqrt(values.reduce((total, x) => total + x * x, 0));
    report.number(
      `${what}: l2`,
      norm,
      expected.l2,
      tolerance * Math.sqrt(values.length) + apart * Math.sqrt(unclear),
    );
  }
}

function logMels(golden: Golden, raw: Json): NdArray<'float32'> {
  const { data, shape } = golden.tensor('waveforms');
  const [B, n] = shape as [number, number];
  const clips = Array.from({ length: B }, (_, b) => (data as Float32Array).subarray(b * n, (b + 1) * n));
  return createLogMel(logMelSettingsOf(raw.htsat)).computeBatch(clips);
}

function int({ data, shape }: NdArray): NdArray<'int32'> {
  return ints(Array.from(data, Number), shape);
}
