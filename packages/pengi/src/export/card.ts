import { type ModelValue, OPSET } from '@pengi/jit';
import type { ExportedPart } from './export.js';
import type { TowersConfig } from './parts.js';

interface CardContent extends Omit<ExportedPart, 'card'> {
  title: string;
  fixed: string | undefined;
  /** Of the model's weights. */
  sha256: string;
  config: Pick<TowersConfig, 'frontend'>;
}

/** What someone with nothing but the ONNX file must know. */
export function cardText(content: CardContent): string {
  const { title, part, what, inputs, outputs, nodes, files, fixed, sha256, config } = content;
  const open = [...new Set(inputs.flatMap(({ shape }) => shape.filter((dim) => typeof dim === 'string')))];
  const hears = part === 'htsat' || part === 'clap-audio';
  return `${[
    `# ${title}`,
    '',
    what,
    '',
    `${nodes} operators of ONNX opset ${OPSET}, all of the standard set; float32.`,
    open.length > 0
      ? `Sizes left open: ${open.join(', ')}. The graph runs at any; it was derived from several and compared with further ones.`
      : 'All sizes are fixed.',
    ...(fixed ? [fixed] : []),
    '',
    ...valueTable('Input', inputs),
    '',
    ...valueTable('Output', outputs),
    '',
    ...(hears ? ['## Front end', '', '```json', JSON.stringify(config.frontend, null, 2), '```', ''] : []),
    '## Files',
    '',
    '| File | Bytes | SHA-256 |',
    '|---|---|---|',
    ...files.map(({ path, bytes, sha256: digest }) => `| ${nameOf(path)} | ${bytes} | \`${digest}\` |`),
    '',
    `Made from weights of SHA-256 \`${sha256}\`. The model's config is in the metadata of the file.`,
    ...(files.length > 1 ? ['Both files belong in one folder and keep their names.'] : []),
    '',
    '```python',
    'import onnxruntime',
    `session = onnxruntime.InferenceSession("${nameOf(files[0]!.path)}")`,
    `outputs = session.run(None, {${inputs.length > 4 ? '…' : inputs.map(({ name }) => `"${name}": ${name.replace(/\W/g, '_')}`).join(', ')}})`,
    '```',
  ].join('\n')}\n`;
}

function valueTable(head: string, values: readonly ModelValue[]): string[] {
  return [
    `| ${head} | Type | Shape | Meaning |`,
    '|---|---|---|---|',
    ...values.map(
      ({ name, dtype, shape, doc = '' }) => `| \`${name}\` | ${dtype} | [${shape.join(', ')}] | ${doc} |`,
    ),
  ];
}

const nameOf = (path: string) => path.split(/[\\/]/).at(-1)!;
