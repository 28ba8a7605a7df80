/** What the report of a benchmark has beside the style of all reports. */
export const BENCH_STYLE = `
.bars { display: grid; grid-template-columns: max-content minmax(8rem, 1fr) max-content; gap: .3rem .75rem; align-items: center; margin: .75rem 0; padding: 0; max-width: 60rem; }
.bars dt { color: var(--text); text-align: right; }
.bars .track { background: var(--panel); border: 1px solid var(--line); border-radius: .25rem; height: 1.1rem; position: relative; }
.bars .fill { background: var(--soft); opacity: .55; height: 100%; width: var(--v); border-radius: .2rem 0 0 .2rem; }
.bars .ours .fill { background: var(--accent); opacity: 1; }
.bars .range { position: absolute; top: 50%; left: var(--low); width: calc(var(--high) - var(--low)); border-top: 2px solid var(--text); }
.bars .number { font-variant-numeric: tabular-nums; font-size: .875rem; }
.card h4 { font-size: .875rem; font-weight: 500; color: var(--soft); margin: 0 0 .4rem; overflow-wrap: anywhere; }
svg.curves-plot { max-width: 32rem; width: 100%; }
svg.curves-plot .curve { stroke-width: 2; }
.results td { white-space: nowrap; } .results td:last-child { white-space: normal; }
.plus { color: var(--right); } .minus { color: var(--wrong); }
@media (max-width: 44rem) {
  .bars { grid-template-columns: 1fr max-content; }
  .bars dt { grid-column: 1 / -1; text-align: left; margin-top: .35rem; font-size: .875rem; }
}
`;
