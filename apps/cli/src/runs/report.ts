/** report.html of a run: its curves and captions, and what the newest evaluation has embedded. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError, writeFileAtomic } from '@pengi/core/node';
import { html } from '@pengi/report';
import { type ReportSection, readRun, renderRunReport } from '@pengi/train';
import { readClips } from './clips.js';
import { type RunFacts, readEmbeddings, readFacts } from './facts.js';
import { embeddingMap, MAP_STYLE } from './map.js';
import { SIMILARITY_STYLE, similarityTable } from './similarity.js';

/**
 * Writes the report of the run in `dir`, as far as the run is.
 * @param path default: report.html in the run folder
 * @throws PengiError E_NOT_FOUND when there is no run, E_CANNOT_CREATE, E_DISK_FULL, E_IO
 */
export async function writeRunReport(dir: string, path = join(dir, 'report.html')): Promise<string> {
  const run = await readRun(dir);
  const facts = await readFacts(dir);
  const card = await modelCard(dir);
  const page = renderRunReport(run, {
    ...(facts && {
      clips: await readClips(facts),
      facts: { Config: facts.config, Data: facts.data, Environment: facts.environment },
    }),
    sections: [...(facts ? await embeddingSections(dir, facts) : []), ...(card ? [card] : [])],
    style: MAP_STYLE + SIMILARITY_STYLE,
  });
  await writeFileAtomic(path, page);
  return path;
}

async function embeddingSections(dir: string, { clips }: RunFacts): Promise<ReportSection[]> {
  const embeddings = await readEmbeddings(dir, clips.length);
  if (!embeddings) return [];
  const { step, audio, text } = embeddings;
  const map = embeddingMap(clips, audio);
  return [
    ...(text && text.shape[0] === clips.length
      ? [
          {
            title: `Similarity of recordings and texts at step ${step}`,
            content: similarityTable(audio, text, clips),
          },
        ]
      : []),
    ...(map
      ? [
          {
            title: `Embeddings of validation recordings at step ${step}`,
            content: html`<p class="soft">UMAP of the audio embeddings by cosine distance, coloured by what is wanted of them. Distances between far groups mean little.</p>
${map}`,
          },
        ]
      : []),
  ];
}

/** The model's own README.md, once there is a model. */
async function modelCard(dir: string): Promise<ReportSection | undefined> {
  const path = join(dir, 'model', 'README.md');
  try {
    const text = await readFile(path, 'utf8');
    return {
      title: 'Model card',
      content: html`<pre>${text.split('\n').map((line) => html`${line}\n`)}</pre>`,
    };
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw fileError(error, path, 'read');
  }
}
