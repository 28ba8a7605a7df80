import { formatBytes, printable } from '@pengi/core';
import { packShards } from '@pengi/datasets';
import { withInterrupt } from '@pengi/train';
import type { Context } from '../context.js';
import { bytesOf, type DataFlags, openSource } from './data-target.js';

export interface PackFlags extends DataFlags {
  out: string;
  name?: string;
  shardSize: string;
  seed: number;
  shuffle: boolean;
  decode?: boolean;
  skipBad?: boolean;
}

export async function packData(context: Context, name: string, flags: PackFlags): Promise<void> {
  const shardBytes = bytesOf(flags.shardSize, '--shard-size');
  const source = await openSource(name, flags, 'clip', context);
  for (const note of source.notes) context.warn(note);
  const packed = await withInterrupt(
    (signal) =>
      packShards(source, {
        out: flags.out,
        shardBytes,
        shuffle: flags.shuffle ? flags.seed : null,
        decode: flags.decode ?? false,
        skipBad: flags.skipBad ?? false,
        progress: context.progress,
        signal,
        ...(flags.name !== undefined && { name: flags.name }),
      }),
    { warn: () => undefined }, // the error that follows says what happens
  ).finally(() => source.close());
  context.data(packed);
  const { samples, texts, shards, problems, kept } = packed;
  const bytes = shards.reduce((sum, shard) => sum + shard.bytes, 0);
  for (const { message } of problems) context.warn(`left out: ${printable(message, 300)}`);
  context.say(
    `${samples} recordings with ${texts} texts in ${shards.length} shards, ${formatBytes(bytes)}, in ${printable(flags.out)}${
      kept > 0 ? ` (${kept} were there)` : ''
    }`,
  );
  if (problems.length > 0) context.say(`${problems.length} recordings were left out`);
}
