import { floats } from '@pengi/core';
import { describe, expect, it } from 'vitest';
import type { HtsatConfig } from './config.js';
import { encode, expectNear, normalised, numbers, ONE_STAGE, sum } from './testing/run.js';
import { logMels, TINY, tinyParams } from './testing/tiny.js';

describe('attention', () => {
  /** The tokens of one stage that change when the pixels below one token do. */
  async function changedBy(
    row: number,
    column: number,
    config: HtsatConfig,
    silent: RegExp,
  ): Promise<string[]> {
    const side = config.specSize / config.patchSize;
    const params = tinyParams(3, config, silent);
    const x = logMels([1, (config.specSize / config.mels) * config.specSize, config.mels]);
    const pixel = row * config.patchSize; // its row in the image
    const frame = Math.floor(pixel / config.mels) * config.specSize + column * config.patchSize;
    const data = x.data.slice();
    data[frame * config.mels + (pixel % config.mels)]! += 3;
    const [before, after] = [
      await encode(x, { config, params }),
      await encode(floats(data, x.shape), { config, params }),
    ];
    const changed = new Set<string>();
    for (const [i, value] of numbers(after.probes.stage0!).entries()) {
      const token = Math.floor(i / config.embedDim);
      if (Math.abs(value - Number(before.probes.stage0!.data[i])) > 1e-6)
        changed.add(`${Math.floor(token / side)},${token % side}`);
    }
    return [...changed].sort();
  }
  const square = (rows: readonly number[], columns: readonly number[]) =>
    rows.flatMap((r) => columns.map((c) => `${r},${c}`)).sort();
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

  const GRID_OF_8: HtsatConfig = { ...TINY, depths: [1], heads: [2] };
  const none = /^$/;
  const firstBlock = /blocks\.0\.(attn\.proj|mlp\.fc2)/; // without these it changes nothing

  it.each([
    [0, 0, range(0, 4), range(0, 4)],
    [3, 5, range(0, 4), range(4, 8)],
    [7, 2, range(4, 8), range(0, 4)],
  ])('of token %d, %d stays inside of its window', async (row, column, rows, columns) => {
    expect(await changedBy(row, column, GRID_OF_8, none)).toEqual(square(rows, columns));
  });

  it.each([
    [3, 3, range(2, 6), range(2, 6)],
    [0, 0, range(0, 2), range(0, 2)],
    [7, 7, range(6, 8), range(6, 8)],
    [1, 4, range(0, 2), range(2, 6)],
    [6, 0, range(6, 8), range(0, 2)],
  ])(
    'of token %d, %d in a shifted block stays inside of the shifted window and never wraps around',
    async (row, column, rows, columns) => {
      const config = { ...GRID_OF_8, depths: [2] };
      expect(await changedBy(row, column, config, firstBlock)).toEqual(square(rows, columns));
    },
  );

  it('shifts by the smaller half of an odd window', async () => {
    const config: HtsatConfig = { ...GRID_OF_8, specSize: 24, mels: 12, windowSize: 3, depths: [2] };
    expect(await changedBy(1, 1, config, firstBlock)).toEqual(square(range(1, 4), range(1, 4)));
    expect(await changedBy(0, 5, config, firstBlock)).toEqual(square([0], range(4, 6)));
  });

  it.each([8, 16])('with a window of %d over a grid of 8 is never shifted', async (windowSize) => {
    const config = { ...GRID_OF_8, windowSize, depths: [2] };
    expect(await changedBy(0, 0, config, firstBlock)).toEqual(square(range(0, 8), range(0, 8)));
  });

  it('weighs tokens by their relative places, head by head', async () => {
    // Queries and keys are 0, so that only the biases are left; values pass through as they are.
    const params = tinyParams(4, ONE_STAGE, /qkv|attn\.proj|mlp\.fc2|norm1\.bias/);
    const { attn } = params.layers[0]!.blocks[0]!;
    for (let c = 0; c < 8; c++) {
      attn.qkv.weight.data[(16 + c) * 8 + c] = 1;
      attn.proj.weight.data[c * 8 + c] = 1;
    }
    const { probes } = await encode(logMels([1, 32, 8]), { config: ONE_STAGE, params });
    const tokens = Array.from({ length: 16 }, (_, t) => numbers(probes.patch_embed!).slice(t * 8, t * 8 + 8));
    const gain = numbers(params.layers[0]!.blocks[0]!.norm1.weight);
    const values = tokens.map((token) => normalised(token).map((value, c) => value * gain[c]!));
    const table = attn.relative_position_bias_table.data; // [7 · 7, 2]
    const expected = tokens.flatMap((token, q) =>
      token.map((own, c) => {
        const head = Math.floor(c / 4);
        const weights = tokens.map((_, k) => {
          const rows = Math.floor(q / 4) - Math.floor(k / 4) + 3;
          const columns = (q % 4) - (k % 4) + 3;
          return Math.exp(table[(rows * 7 + columns) * 2 + head]!);
        });
        return own + sum(weights.map((weight, k) => weight * values[k]![c]!)) / sum(weights);
      }),
    );
    expectNear(numbers(probes.stage0!), expected);
  });
});

describe('merging of patches', () => {
  it('puts (0,0), (1,0), (0,1), (1,1) side by side, normalises and reduces them', async () => {
    const config: HtsatConfig = { ...ONE_STAGE, depths: [1, 1], heads: [2, 2] };
    const params = tinyParams(2, config, /attn\.proj|mlp\.fc2/);
    const { reduction, norm } = params.layers[0]!.downsample!;
    const { probes } = await encode(logMels([1, 32, 8]), { config, params });
    const token = (row: number, column: number) =>
      numbers(probes.patch_embed!).slice((row * 4 + column) * 8, (row * 4 + column + 1) * 8);
    const expected = [0, 1].flatMap((row) =>
      [0, 1].flatMap((column) => {
        const [r, c] = [2 * row, 2 * column];
        const four = [token(r, c), token(r + 1, c), token(r, c + 1), token(r + 1, c + 1)].flat();
        const normed = normalised(four).map((value, i) => value * norm.weight.data[i]! + norm.bias.data[i]!);
        return Array.from({ length: 16 }, (_, o) =>
          sum(normed.map((value, i) => value * reduction.weight.data[o * 32 + i]!)),
        );
      }),
    );
    expectNear(numbers(probes.stage0!), expected);
  });
});
