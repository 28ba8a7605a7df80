import { basename } from 'node:path';
import type { ModelCard } from '@pengi/checkpoint';
import { ARTEFACTS, type CheckpointFamily } from '@pengi/checkpoint/download';
import type { MelBankReport } from './mel-bank.js';
import { titleOf } from './recognise.js';

/** How each kind of model is loaded. */
const LOADERS: Readonly<Record<CheckpointFamily, string>> = {
  'pengi-base': '`loadPengi` of `pengi`',
  'pengi-base-no-text-enc': '`loadPengi` of `pengi`',
  'msclap-2023': '`loadClap` of `@pengi/clap`',
  'clapcap-2023': '`loadClapcap` of `pengi`',
  'transformers-clap': '`loadClap` of `@pengi/clap`',
  gpt2: '`loadGpt2` of `@pengi/gpt2`',
  clip: '`loadClipText` of `@pengi/clap`',
};

/** README.md of a converted model: where it is from, so that it can be told and made again. */
export function cardOf(
  family: CheckpointFamily,
  source: { path: string; bytes: number; sha256: string | null },
  dtype: string,
  melBank: MelBankReport | null,
): ModelCard {
  const published =
    source.sha256 === null
      ? undefined
      : ARTEFACTS.find(({ files }) => files.some(({ sha256 }) => sha256 === source.sha256));
  const pages = ARTEFACTS.filter((artefact) => artefact.family === family).map(({ page }) => page);
  return {
    title: `${titleOf(family)}, converted`,
    text: [
      `Converted from a PyTorch or safetensors checkpoint; loaded by ${LOADERS[family]}.`,
      published
        ? `The checkpoint is the published \`${published.name}\` (${published.page}), licence: ${published.licence}.`
        : `Where models of this family are published, and under which licence: ${[...new Set(pages)].join(', ')}.`,
    ].join(' '),
    facts: {
      'Source file': basename(source.path),
      'Bytes of the source': source.bytes.toLocaleString('en-US'),
      ...(source.sha256 === null ? {} : { 'SHA-256 of the source': `\`${source.sha256}\`` }),
      'Type of floats': dtype,
      ...(melBank === null ? {} : { 'Mel bank in the weights': melBank.text }),
    },
  };
}
