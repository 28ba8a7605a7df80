import { PengiError } from '@pengi/core';
import type { Command } from 'commander';
import { EXPORT_PARTS, type ExportPart, exportPart } from 'pengi';
import { contextOf } from '../context.js';

interface ExportFlags {
  part: string;
  out: string;
  externalData?: boolean;
  batch?: number;
  length?: number;
}

export function addExport(program: Command): void {
  const width = Math.max(...Object.keys(EXPORT_PARTS).map((part) => part.length));
  const parts = Object.entries(EXPORT_PARTS).map(([part, what]) => `  ${part.padEnd(width)}  ${what}`);
  program
    .command('export')
    .description('write a part of a model as an ONNX file for other runtimes, with a card beside it')
    .argument('<model>', 'folder of a Pengi, or of a CLAP of its kind')
    .requiredOption('--part <name>', 'what to export, see below')
    .requiredOption('--out <file>', 'the file to write, *.onnx; the card is *.md beside it')
    .option('--external-data', 'weights in a file of their own (as they are beyond 2 GiB in any case)')
    .option('--batch <n>', 'so many clips or sequences at once, always (default: any number)', Number)
    .option(
      '--length <n>',
      'gpt2-prefill: vectors of the prefix (default: of a recording and a prompt)',
      Number,
    )
    .addHelpText(
      'after',
      `
Parts:
${parts.join('\n')}

Only operators of ONNX' standard set are used.

Examples:
  pengi export quickstart/model --part clap-audio --out audio.onnx
  pengi export models/pengi --part gpt2-step --out step.onnx --external-data`,
    )
    .action(async (model: string, { part, out, ...options }: ExportFlags, command: Command) => {
      if (!Object.hasOwn(EXPORT_PARTS, part))
        throw new PengiError('E_USAGE', `there is no part "${part}"`, {
          hint: `choose ${Object.keys(EXPORT_PARTS).join(', ')}`,
        });
      const context = contextOf(command);
      const exported = await exportPart(model, part as ExportPart, out, options);
      context.data(exported);
      context.say(`${part}: ${exported.nodes} operators`);
      for (const [title, values] of [
        ['in ', exported.inputs],
        ['out', exported.outputs],
      ] as const)
        for (const { name, dtype, shape } of values)
          context.say(`  ${title} ${name}: ${dtype} [${shape.join(', ')}]`);
      for (const { path, bytes, sha256 } of exported.files)
        context.say(`wrote ${path} (${bytes.toLocaleString('en-US')} bytes, sha256 ${sha256})`);
      context.say(`wrote ${exported.card}`);
    });
}
