import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { saveModelFolder } from '@pengi/checkpoint';
import { fmix32, type NdArray, rebuildTree, sizeOf } from '@pengi/core';
import { PENGI_BASE, type PengiParams, pengiSpec } from 'pengi';

/** A model folder of the released architecture with random weights of sensible size; made once, and anew when the config changes. */
export async function randomModelFolder(dir: string): Promise<string> {
  const config = join(dir, 'config.json');
  const sameModel =
    existsSync(config) && isDeepStrictEqual(JSON.parse(readFileSync(config, 'utf8')), plain(PENGI_BASE));
  if (sameModel) return dir;
  const params = rebuildTree<PengiParams<NdArray>>(pengiSpec(PENGI_BASE), (path, { shape }) =>
    randomArray(path, shape),
  );
  await saveModelFolder(dir, { config: PENGI_BASE, tensors: params });
  return dir;
}

/** As it is after it went through JSON. */
function plain(value: object): unknown {
  return JSON.parse(JSON.stringify(value));
}

export function randomArray(path: string, shape: readonly number[]): NdArray {
  const data = new Float32Array(sizeOf(shape));
  const isScale = /(norm\w*|ln_\w|bn0)\.weight$|running_var$/.test(path);
  const isMatrix = shape.length >= 2;
  const fanIn = isMatrix ? (/c_attn|c_proj|c_fc/.test(path) ? shape[0]! : sizeOf(shape.slice(1))) : 1;
  const bound = isMatrix ? Math.sqrt(3 / Math.max(fanIn, 16)) : 0.02;
  for (let i = 0; i < data.length; i++) data[i] = isScale ? 1 : (fmix32(i) / 2 ** 31 - 1) * bound;
  return { dtype: 'float32', shape, data };
}
