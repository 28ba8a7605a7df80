import { createLogMel } from '@pengi/audio-frontend';
import { flatten, floats, type NdArray, sizeOf } from '@pengi/core';
import { cropStarts, type HtsatConfig, type HtsatParams, htsat, htsatParams } from '@pengi/htsat';
import type { Engine } from '@pengi/jit';
import { collectProbes, valueAndGrad } from '@pengi/nn';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Check } from '../check.js';
import { htsatConfigOf, logMelSettingsOf } from '../configs.js';
import { parseFill } from '../fill.js';
import { type Golden, type Manifest, weightsOf } from '../golden.js';
import { nearSummary, type Report, type Summary } from '../report.js';
import { TOLERANCES } from '../tolerances.js';
import { nearLogMel, signalKind } from './g1-frontend.js';

/** HTSAT stage by stage, its three outputs and its gradients, on small configurations and at full size. */
export const checkHtsat: Check = async (golden, report, engine) => {
  const manifest = golden.manifest();
  const config = htsatConfigOf(golden.json.config ?? manifest.config);
  const params = htsatParams(weightsOf(manifest), config);
  const encoder = createEncoder(engine, params, config);
  const full = golden.has('signal') || golden.has('signal_i16') ? undefined : TOLERANCES.htsatFull;
  const run = { golden, report, manifest, config, params, engine, encoder };
  if (full) await checkFull(run);
  else await checkSmall(run);
  await encoder.dispose();
};

interface Run {
  golden: Golden;
  report: Report;
  manifest: Manifest;
  config: HtsatConfig;
  params: HtsatParams<NdArray>;
  engine: Engine;
  encoder: ReturnType<typeof createEncoder>;
}

function createEncoder(engine: Engine, params: HtsatParams<NdArray>, config: HtsatConfig) {
  return engine.compile(
    (p: HtsatParams, logMel: Tensor) => collectProbes((probe) => htsat(p, logMel, config, { probe })),
    params,
    { prepack: false },
  );
}

// --- small ------------------------------------------------------------------------------------------------------------

async function checkSmall(run: Run): Promise<void> {
  const { golden, report, config, encoder } = run;
  const { latent, activations, latentFromWaveform, activationsFromWaveform, imageFromWaveform } =
    TOLERANCES.htsat;
  const signals = waveforms(golden.tensor(golden.has('signal') ? 'signal' : 'signal_i16'));
  const frontend = createLogMel(logMelSettingsOf(golden.json.config ?? run.manifest.config));
  const computed = frontend.computeBatch(signals);
  const stored = golden.has('logmel') ? golden.tensor('logmel') : undefined;
  const what = golden.json.keys[golden.has('signal') ? 'signal' : 'signal_i16'].what;
  if (stored) nearLogMel(report, 'logmel', computed.data, stored, signalKind(what));

  const compare = async (
    from: string,
    logMel: NdArray<'float32'>,
    allowed: { image: number; rest: number; latent: number },
  ) => {
    const { value, probes } = await encoder.run(logMel);
    for (const [name, probe] of Object.entries({
      ...probes,
      latent_output: value.latent,
      clipwise_output: value.clipwise,
      framewise_output: everyBlock(value.framewise, config),
    })) {
      const tolerance =
        name === 'latent_output'
          ? allowed.latent
          : ['bn0', 'image'].includes(name)
            ? allowed.image
            : allowed.rest;
      if (golden.has(name))
        report.near(`${name} from ${from}`, inLayoutOf(name, probe), golden.tensor(name), tolerance);
      for (const [call, summary] of (golden.json.summaries?.[name] ?? []).entries())
        nearSummary(
          report,
          `${name} of call ${call}`,
          callOf(inLayoutOf(name, probe), call, name),
          summary,
          tolerance,
        );
    }
  };
  if (golden.json.crops) report.equal('crops', cropStarts(computed.shape[1]!), golden.json.crops.starts);
  for (const summary of golden.json.summaries?.logmel ?? [])
    nearSummary(report, 'logmel', computed, summary, TOLERANCES.frontend.logMelQuiet);
  await compare('waveform', computed, {
    image: imageFromWaveform,
    rest: activationsFromWaveform,
    latent: latentFromWaveform,
  });
  const exact = stored && floats(stored.data as Float32Array, computed.shape);
  if (exact) await compare('stored log-mel', exact, { image: activations, rest: activations, latent });
  await checkGradients(run, exact ?? computed, {
    norms: TOLERANCES.htsat.gradients,
    values: TOLERANCES.htsat.gradients,
  });
}

// --- full size --------------------------------------------------------------------------------------------------------

async function checkFull(run: Run): Promise<void> {
  const { golden, report, manifest, encoder } = run;
  const allowed = TOLERANCES.htsatFull;
  const frontend = createLogMel(logMelSettingsOf(manifest.config));
  const names = golden
    .keys()
    .flatMap((key) => (key.startsWith('signal_i16/') ? [key.slice('signal_i16/'.length)] : []));
  const logMels: Record<string, NdArray<'float32'>> = {};
  for (const name of names) {
    const logMel = frontend.computeBatch(waveforms(golden.tensor(`signal_i16/${name}`)));
    logMels[name] = logMel;
    const { value, probes } = await encoder.run(logMel);
    report.near(`latent ${name}`, value.latent, golden.tensor(`latent/${name}`), allowed.latent);
    report.near(`clipwise ${name}`, value.clipwise, golden.tensor(`clipwise/${name}`), allowed.clipwise);
    report.near(
      `framewise ${name}`,
      everyBlock(value.framewise, run.config),
      golden.tensor(`framewise/${name}`),
      allowed.clipwise,
    );
    report.near(`bn0 ${name}`, everyFrame(probes.bn0!), golden.tensor(`bn0/${name}`), allowed.image);
    if (golden.has(`image/${name}`))
      report.near(`image ${name}`, probes.image!, golden.tensor(`image/${name}`), allowed.image);
    if (golden.has(`image_rows/${name}`)) {
      const rows: number[] = JSON.parse(
        `[${/rows ([\d,]+)/.exec(golden.json.keys[`image_rows/${name}`].what)![1]}]`,
      );
      const width = probes.image!.shape[2]!;
      const picked = rows.flatMap((row) =>
        Array.from((probes.image!.data as Float32Array).subarray(row * width, (row + 1) * width)),
      );
      report.near(`image rows ${name}`, picked, golden.tensor(`image_rows/${name}`), allowed.image);
    }
    checkSummaries(run, name, { logmel: logMel, ...probes, framewise: value.framewise });
  }
  const { input } = Object.values<{ input?: string }>(golden.json.gradients)[0]!;
  await checkGradients(run, logMels[input ?? names[0]!]!, {
    norms: allowed.gradientNorms,
    values: allowed.gradientValues,
  });
}

function checkSummaries({ golden, report }: Run, name: string, arrays: Record<string, NdArray>): void {
  for (const [key, entry] of Object.entries<Summary | Summary[] | string>(
    golden.json.summaries?.[name] ?? {},
  )) {
    if (typeof entry === 'string') continue; // a note
    if (key === 'crops') {
      report.equal(
        `crops ${name}`,
        cropStarts(arrays.logmel!.shape[1]!),
        (entry as unknown as { starts: number[] }).starts,
      );
      continue;
    }
    for (const [call, summary] of [entry].flat().entries()) {
      const array = callOf(inLayoutOf(key, arrays[key]!), call, key);
      // The quiet bins of pure tones differ by what float32 STFTs differ; a mean over all of them hardly does.
      const tolerance =
        key === 'logmel'
          ? TOLERANCES.frontend.logMelQuiet
          : key === 'framewise'
            ? TOLERANCES.htsatFull.clipwise
            : TOLERANCES.htsatFull.activations;
      nearSummary(report, `${key} ${name} of call ${call}`, array, summary, tolerance);
    }
  }
}

// --- gradients --------------------------------------------------------------------------------------------------------

async function checkGradients(
  run: Run,
  logMel: NdArray<'float32'>,
  allowed: { norms: number; values: number },
): Promise<void> {
  const { golden, report, manifest, config, params, engine } = run;
  for (const [output, { loss, probe, l2 }] of Object.entries<{
    loss: number;
    probe: string;
    l2: Record<string, number>;
  }>(golden.json.gradients ?? {})) {
    const weights = parseFill(probe, manifest.salt);
    const backward = engine.compile((_w: object, p: HtsatParams, x: Tensor, probeWeights: Tensor) => {
      const { loss, grads } = valueAndGrad((q: HtsatParams) => {
        const { latent, clipwise } = htsat(q, x, config);
        const y = output === 'latent_output' ? latent : clipwise;
        return tf.sum(tf.mul(tf.reshape(y, probeWeights.shape), probeWeights)) as Scalar;
      }, p);
      return { loss, grads };
    }, {});
    const result = await backward.run(params, logMel, weights);
    await backward.dispose();
    report.number(
      `${output}: loss`,
      Number(result.loss.data[0]),
      loss,
      allowed.norms * Math.sqrt(sizeOf(weights.shape)),
    );
    const grads = flatten<NdArray>(result.grads as never);
    for (const [name, norm] of Object.entries(l2))
      report.number(
        `${output}: gradient of ${name}`,
        Math.hypot(...chunked(grads[name]!)),
        norm,
        allowed.norms * norm,
      );
    for (const key of golden.keys()) {
      const [kind, of, ...rest] = key.split('/');
      if (kind !== 'grad' || !output.startsWith(of!)) continue;
      const expected = golden.tensor(key);
      const actual = (grads[rest.join('/')]!.data as Float32Array).subarray(0, sizeOf(expected.shape));
      const largest = (expected.data as Float32Array).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      if (golden.json.keys[key].what.startsWith('first'))
        report.near(key, actual, expected, allowed.values * largest);
      else report.nearL2(key, actual, expected.data as Float32Array, allowed.values);
    }
  }
}

/** Norms of pieces, as the call stack bounds how many numbers Math.hypot takes. */
function chunked({ data }: NdArray): number[] {
  const norms: number[] = [];
  for (let from = 0; from < data.length; from += 1000)
    norms.push(Math.hypot(...(data as Float32Array).subarray(from, from + 1000)));
  return norms;
}

// --- layouts ----------------------------------------------------------------------------------------------------------

/** Float waveforms of a stored [n] or [B, n]; int16 means value / 32768. */
function waveforms({ data, shape, dtype }: NdArray): Float32Array[] {
  const n = shape.at(-1)!;
  const values = Float32Array.from(data as Float32Array, (x) => (dtype === 'float32' ? x : x / 32768));
  return Array.from({ length: values.length / n }, (_, b) => values.subarray(b * n, (b + 1) * n));
}

/** The reference keeps channels before time: [B, T, C] here is [B, C, T, 1] or [B, C, 1, T] there. */
function inLayoutOf(name: string, x: NdArray): NdArray {
  if (name !== 'bn0' && name !== 'tscam_conv') return x;
  const [B, T, C] = x.shape as [number, number, number];
  const data = new Float32Array(x.data.length);
  for (let b = 0; b < B; b++)
    for (let t = 0; t < T; t++)
      for (let c = 0; c < C; c++) data[(b * C + c) * T + t] = Number(x.data[(b * T + t) * C + c]);
  return floats(data, [B, C, T]);
}

/** What belongs to one call of the reference's network: crops are a batch here and calls there. */
function callOf(x: NdArray, call: number, name: string): NdArray {
  if (['logmel', 'bn0', 'framewise'].includes(name)) return x;
  const size = x.data.length / x.shape[0]!;
  return floats((x.data as Float32Array).subarray(call * size, (call + 1) * size), [1, ...x.shape.slice(1)]);
}

/** One frame of each constant block of 8 · patch frames. */
function everyBlock({ data, shape }: NdArray, { patchSize }: HtsatConfig): NdArray {
  const [B, T, C] = shape as [number, number, number];
  const step = 8 * patchSize;
  const frames = Array.from({ length: B * (T / step) }, (_, i) =>
    Array.from((data as Float32Array).subarray(i * step * C, (i * step + 1) * C)),
  );
  return floats(frames.flat(), [B, T / step, C]);
}

/** 16 frames of bn0 [1, T, M]: 0, s, 2s, … with s = max(1, T div 16). */
function everyFrame({ data, shape }: NdArray): number[] {
  const [, T, M] = shape as [number, number, number];
  const step = Math.max(1, Math.floor(T / 16));
  return Array.from({ length: 16 }, (_, i) =>
    Array.from((data as Float32Array).subarray(i * step * M, (i * step + 1) * M)),
  ).flat();
}
