import { createLogMel } from '@pengi/audio-frontend';
import {
  type ClapBatch,
  type ClapConfig,
  type ClapParams,
  clapLoss,
  clapParams,
  clapSpec,
  contrastiveLoss,
  encodeAudio,
  encodeText,
  similarity,
} from '@pengi/clap';
import { flatten, floats, ints, type NdArray, pathMatcher, rebuildTree } from '@pengi/core';
import type { Engine } from '@pengi/jit';
import {
  type AdamState,
  adamInit,
  adamUpdate,
  bufferPaths,
  linearWarmupDecay,
  valueAndGrad,
} from '@pengi/nn';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import {
  captionHidden,
  captionLogits,
  FROZEN_IN_TRAINING,
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

  const frozen = bufferPaths(clapSpec(config));
  await checkSteps(
    golden,
    report,
    engine,
    params as never,
    frozen,
    (p, b) => clapLoss(p as never, b as never, config),
    batch,
  );
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

  const frozen = [...FROZEN_IN_TRAINING, ...bufferPaths(pengiSpec(config))];
  await checkSteps(
    golden,
    report,
    engine,
    params as never,
    frozen,
    (p, b) => pengiLoss(p as never, b as never, config),
    batch,
  );
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

/** Runs the golden's optimizer on its batch and compares losses, gradients and parameters. */
async function checkSteps<Batch>(
  golden: Golden,
  report: Report,
  engine: Engine,
  params: never,
  frozen: readonly string[],
  loss: (p: unknown, batch: unknown) => Scalar,
  batch: Batch,
): Promise<void> {
  const { json } = golden;
  const { lr, betas, eps, weight_decay: weightDecay, steps } = json.optimizer;
  const all = flatten<NdArray>(params);
  const isFrozen = pathMatcher(frozen);
  const trainable: Flat<NdArray> = Object.fromEntries(
    Object.entries(all).filter(([path]) => !isFrozen(path)),
  );
  report.equal('what is trained', Object.keys(trainable).sort(), [...json.trainable].sort());

  type State = { params: Flat<Tensor>; adam: AdamState<Flat<Tensor>> };
  const step = engine.compileStep(
    (weights: Flat<Tensor>, { params: current, adam }: State, b: Batch) => {
      const { loss: value, grads } = valueAndGrad(
        (p) =>
          loss(
            rebuildTree(params, (path) => p[path] ?? weights[path]),
            b,
          ),
        current,
      );
      const next = adamUpdate(current, grads, adam, tf.scalar(lr), {
        beta1: betas[0],
        beta2: betas[1],
        epsilon: eps,
        weightDecay,
      });
      return {
        state: { params: next.params, adam: next.state },
        output: { loss: value, grads: grads as Flat<Tensor> },
      };
    },
    all as never,
    { params: trainable, adam: adamInit(trainable) } as never,
  );

  const gradients: Flat<Float32Array | undefined> = {};
  for (let i = 0; i <= steps; i++) {
    const { loss: value, grads } = await step.run(batch as never);
    report.number(
      `loss before step ${i + 1}`,
      Number(value.data[0]),
      json.loss.float64[i],
      TOLERANCE.loss * json.loss.float64[i],
    );
    if (i === 0) {
      for (const path of Object.keys(trainable))
        gradients[path] = (grads as Flat<NdArray | null>)[path]?.data as Float32Array | undefined;
      checkGradients(golden, report, gradients);
    }
    const state = (await step.state()) as unknown as { params: Flat<NdArray> };
    if (i + 1 === 1 || i + 1 === steps)
      checkParameters({ golden, report, gradients, before: trainable }, i + 1, state.params);
  }
  await step.dispose();
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
function checkParameters(run: Steps, steps: number, params: Flat<NdArray>): void {
  const { golden, report, gradients, before } = run;
  const { json } = golden;
  const untouched: string[] = json.trainable_without_gradient;
  for (const [path, expected] of Object.entries<ParameterGolden>(json[`parameters_after_${steps}`])) {
    const what = `${path} after ${steps}`;
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
    if (golden.has(key)) compare(key, golden.tensor(key).data as Float32Array);

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
