/**
 * `pnpm bench:metrics`: BLEU, ROUGE-L and CIDEr-D of 1,000 clips with 5 references each, from the raw texts on. The captions are made by a
 * seeded grammar, so that they have the words, lengths and repetitions of real ones. Where a Python with pycocoevalcap is named
 * (`--python`, or PENGI_PYTHON), it scores the same captions with its Java tokenizer, and its scores are compared.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { evaluate } from '@pengi/metrics';
import { madeCaptions } from './captions.js';

const { values } = parseArgs({
  options: {
    clips: { type: 'string', default: '1000' },
    references: { type: 'string', default: '5' },
    runs: { type: 'string', default: '9' },
    python: { type: 'string', default: process.env.PENGI_PYTHON ?? '' },
  },
});
const [clips, each, runs] = [Number(values.clips), Number(values.references), Number(values.runs)];

const { candidates, references } = madeCaptions(clips, each);
const metrics = ['bleu_1', 'bleu_2', 'bleu_3', 'bleu_4', 'rouge_l', 'cider_d'] as const;

const seconds: number[] = [];
let { corpus } = await evaluate(candidates, references, { metrics });
for (let run = 0; run < runs; run++) {
  const start = performance.now();
  ({ corpus } = await evaluate(candidates, references, { metrics }));
  seconds.push((performance.now() - start) / 1000);
}
seconds.sort((a, b) => a - b);
const median = seconds[runs >> 1]!;
console.log(
  `Node ${process.version}; ${clips} clips x ${each} references, tokenization, BLEU-1..4, ROUGE-L, CIDEr-D; ${runs} warm runs`,
);
console.log(
  `pengi          median ${median.toFixed(3)} s (${seconds[0]!.toFixed(3)} ... ${seconds.at(-1)!.toFixed(3)})`,
);

if (values.python === '') console.log('pycocoevalcap  not measured: no --python and no PENGI_PYTHON');
else {
  const theirs = runPeer(values.python);
  console.log(
    `pycocoevalcap  median ${theirs.seconds.toFixed(3)} s, ${(theirs.seconds / median).toFixed(1)} times as long`,
  );
  for (const name of metrics)
    console.log(
      `  ${name.padEnd(8)} ${corpus[name]!.toFixed(12)}  difference ${Math.abs(corpus[name]! - theirs.scores[name]!).toExponential(1)}`,
    );
}
const LIMIT = 0.3;
console.log(`${median <= LIMIT ? 'within' : 'ABOVE'} ${LIMIT} s`);
if (clips === 1000 && each === 5 && median > LIMIT) process.exitCode = 1;

/** The same captions through pycocoevalcap; the median of three runs in one process. */
function runPeer(python: string): { seconds: number; scores: Record<string, number> } {
  const folder = mkdtempSync(join(tmpdir(), 'pengi-bench-metrics-'));
  const script = `
import contextlib, io, json, sys, time
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.cider.cider import Cider
candidates, references = json.load(open(sys.argv[1]))
times = []
with contextlib.redirect_stdout(io.StringIO()):
    for _ in range(3):
        start = time.perf_counter()
        tokenizer = PTBTokenizer()
        res = tokenizer.tokenize({i: [{'caption': c}] for i, c in enumerate(candidates)})
        gts = tokenizer.tokenize({i: [{'caption': c} for c in r] for i, r in enumerate(references)})
        bleu, _ = Bleu(4).compute_score(gts, res)
        rouge, _ = Rouge().compute_score(gts, res)
        cider, _ = Cider().compute_score(gts, res)
        times.append(time.perf_counter() - start)
scores = {f'bleu_{n + 1}': float(b) for n, b in enumerate(bleu)}
print(json.dumps({'seconds': sorted(times)[1], 'scores': {**scores, 'rouge_l': float(rouge), 'cider_d': float(cider)}}))
`;
  try {
    writeFileSync(join(folder, 'captions.json'), JSON.stringify([candidates, references]));
    writeFileSync(join(folder, 'peer.py'), script);
    const args = [join(folder, 'peer.py'), join(folder, 'captions.json')];
    return JSON.parse(execFileSync(python, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
