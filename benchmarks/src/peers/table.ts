/** What was measured, as lines and as a table of a page. */
import { readFileSync, writeFileSync } from 'node:fs';

export interface Row {
  id: string;
  work: string;
  peer: string;
  /** The best of all rounds. */
  ours: number;
  peerValue: number;
  unit: 'ms' | 'MiB';
  /** peerValue / ours */
  ratio: number;
  goal: number;
  /** What the machine's memory and arithmetic allow at best, in the row's unit. */
  roofline?: number;
  median?: { ours: number; peer: number };
  /** Of an output of 8 bits with that of float32. */
  cosine?: number;
}

export interface Result {
  threads: number;
  rounds: number;
  machine: string;
  /** Of the machine as the run began. */
  load: number;
  memoryGBs: number;
  gflops: number;
  int8Gops: number;
  versions: Record<string, string>;
  rows: Row[];
}

export function rowText({ id, ours, peerValue, unit, ratio, goal, cosine }: Row): string {
  const verdict = ratio >= goal ? 'reached' : 'MISSED';
  const likeness = cosine === undefined ? '' : `, cosine ${cosine.toFixed(5)}`;
  return `${id.padEnd(14)} ours ${ours.toFixed(1)} ${unit}, peer ${peerValue.toFixed(1)}: ${ratio.toFixed(2)}x, goal ${goal.toFixed(2)}x ${verdict}${likeness}`;
}

export function tableOf({ rows }: Result): string {
  const cells = rows.map(
    ({ id, work, peer, ours, peerValue, unit, ratio, goal, roofline, median, cosine }) => {
      const both = (best: number, middle: number | undefined) =>
        `${best.toFixed(1)} ${middle === undefined ? '' : `(${middle.toFixed(1)}) `}${unit}`;
      return [
        `\`${id}\``,
        cosine === undefined ? work : `${work}, cosine ${cosine.toFixed(5)}`,
        peer,
        both(ours, median?.ours),
        both(peerValue, median?.peer),
        `${ratio >= goal ? '' : '**'}${ratio.toFixed(2)}${ratio >= goal ? '' : '**'}`,
        goal.toFixed(2),
        roofline ? `${roofline.toFixed(roofline < 10 ? 1 : 0)} ${unit}` : '',
      ].join(' | ');
    },
  );
  return [
    '| id | work | peer | ours | peer | ratio | goal | roofline |',
    '|---|---|---|--:|--:|--:|--:|--:|',
    ...cells.map((row) => `| ${row} |`),
  ].join('\n');
}

const [BEGIN, END] = ['<!-- bench:peers -->', '<!-- /bench:peers -->'];

/** Puts the table, and what it was measured with, between the markers of a page. */
export function writeTable(path: string, result: Result): void {
  const page = readFileSync(path, 'utf8');
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${path} has no ${BEGIN} … ${END}`);
  const { machine, load, threads, rounds, memoryGBs, gflops, int8Gops, versions } = result;
  const used = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const text = [
    `${machine}, load ${load.toFixed(1)} at the start; ${threads} threads, ${rounds} rounds. ${used.join(', ')}.`,
    `Memory is read at ${memoryGBs.toFixed(1)} GB/s; ONNX Runtime multiplies at ${gflops.toFixed(0)} GFLOP/s in float32 and ${int8Gops.toFixed(0)} Gop/s in 8 bits.`,
  ].join('\n');
  writeFileSync(path, `${before}${BEGIN}\n\n${text}\n\n${tableOf(result)}\n\n${END}${after}`);
}
