/** What the pages about runs have beside the style of all pages. */
export const RUN_STYLE = `
.tiles { display: flex; flex-wrap: wrap; gap: .5rem; margin: .75rem 0; }
.tiles div { padding: .4rem .75rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--panel); }
.tiles dt { font-size: .8125rem; }
.tiles dd { font-size: 1.125rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.tiles .finished { color: var(--right); }
.tiles .failed, .tiles .crashed, p.failed { color: var(--wrong); }
.said { list-style: none; margin: .5rem 0 0; padding: .5rem 0 0; border-top: 1px solid var(--line); max-height: 16rem; overflow-y: auto; }
.said li { overflow-wrap: anywhere; }
.said li:last-child { font-weight: 600; }
.said .right { color: var(--right); }
.card dl { font-size: .9375rem; }
`;
