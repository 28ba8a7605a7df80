/** What a model folder's README.md says beside the numbers that are counted. */
export interface ModelCard {
  title: string;
  /** Markdown. */
  text?: string;
  /** An SPDX identifier such as `MIT`. */
  licence?: string;
  tags?: readonly string[];
  /** Further rows of the table: training data, steps, scores. */
  facts?: Readonly<Record<string, string | number>>;
}

export interface CardNumbers {
  parameters: number;
  tensors: number;
  byteLength: number;
  sha256: string;
}

/** README.md of a model folder: the front matter that model hubs read, the text, a table of facts. */
export function cardText(card: ModelCard, numbers: CardNumbers): string {
  const frontMatter = [
    // JSON strings are YAML strings
    ...(card.licence === undefined ? [] : [`license: ${JSON.stringify(card.licence.toLowerCase())}`]),
    ...(card.tags === undefined ? [] : [`tags: ${JSON.stringify(card.tags)}`]),
  ];
  const rows = {
    ...(card.licence === undefined ? {} : { Licence: card.licence }),
    Parameters: numbers.parameters.toLocaleString('en-US'),
    Tensors: numbers.tensors,
    'Bytes of model.safetensors': numbers.byteLength.toLocaleString('en-US'),
    'SHA-256 of model.safetensors': `\`${numbers.sha256}\``,
    ...card.facts,
  };
  return `${[
    ...(frontMatter.length === 0 ? [] : ['---', ...frontMatter, '---', '']),
    `# ${card.title}`,
    '',
    ...(card.text === undefined ? [] : [card.text.trim(), '']),
    '| | |',
    '|---|---|',
    ...Object.entries(rows).map(([key, value]) => `| ${cell(key)} | ${cell(String(value))} |`),
  ].join('\n')}\n`;
}

function cell(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').replaceAll('|', '\\|');
}
