import { bleu, ciderD, ptbLines, rougeL, tokenizeCaptions } from '@pengi/metrics';
import type { Json } from '../../golden.js';
import type { Report } from '../../report.js';
import { TOLERANCES } from '../../tolerances.js';

const TOLERANCE = TOLERANCES.metrics.scores;

/** CoreNLP's tokens of all sentences as one batch, its line hazards, and coco-caption's captions. */
export function checkTokenizer(json: Json, report: Report): void {
  const texts: string[] = json.rows.map((row: Json) => row.in);
  const lines = ptbLines(texts.join('\n'));
  const captions = tokenizeCaptions(texts);
  report.equal('lines', lines.length, json.rows.length);
  json.rows.forEach((row: Json, i: number) => {
    report.equal(`tokens of ${JSON.stringify(row.in)}`, lines[i], row.ptb);
    report.equal(`caption of ${JSON.stringify(row.in)}`, captions[i]!.join(' '), row.coco);
  });
  for (const row of json.alone_differs_from_batch ?? [])
    report.equal(`alone: ${JSON.stringify(row.in)}`, ptbLines(row.in)[0]!.join(' '), row.alone);
  for (const [name, hazard] of Object.entries<Json>(json.line_hazards ?? {}))
    report.equal(
      `line hazard ${name}`,
      ptbLines(hazard.lines_in.join('\n')).map((tokens) => tokens.join(' ')),
      hazard.raw_out_lines,
    );
}

/** BLEU, ROUGE-L and CIDEr-D from the raw texts on; per clip and of the corpus. */
export function checkCaptions(json: Json, report: Report): void {
  const { candidates, references } = tokenizedClips(json);
  json.clips.forEach((clip: Json, i: number) => {
    report.equal(`${clip.id}: candidate`, candidates[i]!.join(' '), clip.cand_tok);
    report.equal(
      `${clip.id}: references`,
      references[i]!.map((tokens) => tokens.join(' ')),
      clip.refs_tok,
    );
  });
  const ofClips = (key: string) => json.per_clip.map((clip: Json) => clip[key]);

  const bleuScores = bleu(candidates, references);
  report.near('BLEU', bleuScores.corpus, json.corpus.bleu, TOLERANCE);
  bleuScores.sentences.forEach((values, n) => {
    report.near(
      `BLEU-${n + 1} of clips`,
      values,
      ofClips('bleu').map((all: number[]) => all[n]!),
      TOLERANCE,
    );
  });
  const rouge = rougeL(candidates, references);
  report.number('ROUGE-L', rouge.corpus, json.corpus.rouge_l, TOLERANCE);
  report.near('ROUGE-L of clips', rouge.sentences, ofClips('rouge_l'), TOLERANCE);
  const cider = ciderD(candidates, references);
  report.number('CIDEr-D', cider.corpus, json.corpus.cider, TOLERANCE);
  report.near('CIDEr-D of clips', cider.sentences, ofClips('cider'), TOLERANCE);

  const full = candidates.flatMap((tokens, i) => (tokens.length > 0 ? [i] : []));
  const of = <T>(values: readonly T[]) => full.map((i) => values[i]!);
  const without = json.corpus_without_empty_candidate;
  if (without) {
    report.near(
      'BLEU without empty candidates',
      bleu(of(candidates), of(references)).corpus,
      without.bleu,
      TOLERANCE,
    );
    report.number(
      'ROUGE-L without',
      rougeL(of(candidates), of(references)).corpus,
      without.rouge_l,
      TOLERANCE,
    );
    report.number('CIDEr-D without', ciderD(of(candidates), of(references)).corpus, without.cider, TOLERANCE);
  }
  const single = json.single_clip_corpus;
  if (single) {
    const i = json.clips.findIndex((clip: Json) => clip.id === single.id);
    report.near('BLEU of one clip', bleu([candidates[i]!], [references[i]!]).corpus, single.bleu, TOLERANCE);
    report.number(
      'CIDEr-D of one clip',
      ciderD([candidates[i]!], [references[i]!]).corpus,
      single.cider,
      TOLERANCE,
    );
  }
}

export function tokenizedClips(json: Json): { candidates: string[][]; references: string[][][] } {
  const candidates = tokenizeCaptions(json.clips.map((clip: Json) => clip.cand));
  const flat = tokenizeCaptions(json.clips.flatMap((clip: Json) => clip.refs));
  let next = 0;
  const references = json.clips.map((clip: Json) => {
    next += clip.refs.length;
    return flat.slice(next - clip.refs.length, next);
  });
  return { candidates, references };
}
