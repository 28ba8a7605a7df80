import { writeSafetensors } from '@pengi/checkpoint';
import { loadClap } from '@pengi/clap';
import { type NdArray, PengiError } from '@pengi/core';
import type { Command } from 'commander';
import { loadPengi } from 'pengi';
import { contextOf, modelFolder, modelKind } from '../context.js';

interface EmbedFlags {
  model?: string;
  text?: string[];
  out?: string;
  maxSeconds: number;
}

export function addEmbed(program: Command): void {
  program
    .command('embed')
    .description('embed recordings and texts into the joint space (unit length)')
    .argument('[files...]', 'recordings')
    .option('--text <texts...>', 'texts')
    .option('--model <folder>', 'folder of a CLAP or Pengi model (default: PENGI_MODEL or quickstart/model)')
    .option('--out <file>', 'write embeddings.safetensors: audio [n, d], text [m, d]')
    .option('--max-seconds <s>', 'refuse longer recordings', Number, 600)
    .addHelpText(
      'after',
      `
Examples:
  pengi embed a.wav b.wav --json
  pengi embed *.flac --text "a dog barks" --out embeddings.safetensors`,
    )
    .action(async (files: string[], flags: EmbedFlags, command: Command) => {
      const context = contextOf(command);
      const texts = flags.text ?? [];
      if (files.length === 0 && texts.length === 0)
        throw new PengiError('E_USAGE', 'nothing to embed', {
          hint: 'name recordings, or texts with --text',
        });
      const folder = modelFolder(flags.model);
      const engine = await context.engine();
      const warn = (warning: string) => context.warn(warning);
      const model =
        modelKind(folder) === 'clap'
          ? await loadClap(folder, { engine })
          : await loadPengi(folder, { engine });
      try {
        const audio =
          files.length > 0
            ? await model.embedAudio(files, { maxSeconds: flags.maxSeconds, warn })
            : undefined;
        const text = texts.length > 0 ? await model.embedText(texts, { warn }) : undefined;
        if (flags.out !== undefined) {
          const tensors = { ...(audio ? { audio } : {}), ...(text ? { text } : {}) };
          await writeSafetensors(flags.out, tensors, {
            files: JSON.stringify(files),
            texts: JSON.stringify(texts),
          });
          context.say(`wrote ${flags.out}`);
        }
        for (const [names, embeddings] of [
          [files, audio],
          [texts, text],
        ] as const)
          for (const [i, name] of names.entries()) {
            const row = rowOf(embeddings!, i);
            context.data({ name, embedding: row });
            if (flags.out === undefined)
              context.say(
                `${name}: [${row
                  .slice(0, 6)
                  .map((x) => x.toFixed(4))
                  .join(', ')}, …] (${row.length})`,
              );
          }
      } finally {
        await model.dispose();
      }
    });
}

function rowOf({ data, shape }: NdArray, i: number): number[] {
  const width = shape[1]!;
  return Array.from((data as Float32Array).subarray(i * width, (i + 1) * width));
}
