/** The style sheet of all pages: one column on a phone, system fonts, and the reader's choice of light or dark. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #fff; --panel: #f6f7f9; --line: #d9dde3; --text: #1c2128; --soft: #59636e;
  --accent: #0b6bcb; --on-accent: #fff; --right: #1a7f37; --wrong: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171c; --panel: #1d2127; --line: #363c45; --text: #e6e9ee; --soft: #9aa4b1;
    --accent: #5aa9f8; --on-accent: #0b1622; --right: #57c274; --wrong: #ff8a80;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 70rem; padding: 1.5rem 1rem 4rem;
  background: var(--page); color: var(--text); font: 1rem/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
p { max-width: 42rem; }
p, dl, ul { margin: .5rem 0; }
.soft, figcaption { color: var(--soft); font-size: .875rem; }
svg, img, audio { display: block; max-width: 100%; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .875rem; }
svg text { fill: currentColor; font: 10px system-ui, sans-serif; }
svg path { stroke: currentColor; fill: none; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }

.results { width: 100%; }
.results th, .results td { padding: .4rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
.results th:first-child, .results .marks { text-align: left; }
.results thead th { color: var(--soft); font-size: .875rem; font-weight: 500; vertical-align: bottom; }
.results tbody th { font-weight: 500; }
.results .value { font-weight: 700; }
.results .marks { min-width: 12rem; width: 16.5rem; }
.results .interval { white-space: nowrap; }
svg.scale { width: 100%; }
svg .axis { stroke: var(--line); stroke-width: 1.5; }
svg .interval { stroke: var(--accent); stroke-width: 5; stroke-linecap: round; opacity: .35; }
svg .value { fill: var(--accent); }
svg .chance { stroke: var(--soft); stroke-width: 1.5; }
svg .constant { stroke-dasharray: 2.5 2; }
svg .baseline { stroke: var(--text); stroke-width: 1.5; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; list-style: none; color: var(--soft); font-size: .875rem; }
.legend li { display: flex; align-items: center; gap: .4rem; }
.legend svg { width: 1.25rem; height: 1.25rem; }

.plain { width: 100%; font-size: .875rem; }
.plain th, .plain td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
.plain th:first-child, .plain td.text { text-align: left; font-weight: 500; }
tbody th .soft, .plain th .soft { font-weight: 400; }
h3 { font-size: 1rem; margin: 1.25rem 0 .5rem; }
details { margin: .75rem 0; }
summary { cursor: pointer; color: var(--accent); }
.key { display: inline-block; width: 1.25rem; border-top: 3px solid var(--c); vertical-align: middle; margin-right: .35rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; list-style: none; font-size: .875rem; }
a { color: var(--accent); }

.scroll { overflow-x: auto; }
.confusion { font-size: .8125rem; }
.confusion thead th { height: 8rem; vertical-align: bottom; font-weight: 400; padding: 0; }
.confusion thead span { display: inline-block; writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; padding-top: .4rem; }
.confusion tbody th { font-weight: 400; text-align: right; white-space: nowrap; padding: 0 .5rem 0 0; position: sticky; left: 0; background: var(--page); }
.confusion td {
  width: 2.1rem; min-width: 2.1rem; height: 2.1rem; text-align: center; border: 1px solid var(--line);
  background: color-mix(in srgb, var(--wrong) var(--share), transparent);
}
.confusion td.right { background: color-mix(in srgb, var(--accent) var(--share), transparent); }
.confusion td.full { color: var(--on-accent); }
.confusion td.zero { color: var(--soft); }

.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: 1rem; }
.card { margin: 0; padding: .75rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--panel); }
.card svg { width: 100%; height: auto; }
.card audio { width: 100%; height: 2.5rem; margin: .5rem 0; }
.card h3 { font-size: .875rem; font-weight: 500; color: var(--soft); margin: 0 0 .4rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem .75rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
dd .right, dd .wrong { margin-right: .5rem; white-space: nowrap; }
dd .right { color: var(--right); }
dd .wrong { color: var(--wrong); }
dd .ranked { display: block; }
.curves { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 30rem), 1fr)); }
.curves figure { margin: 0; }
.curves img { width: 100%; border: 1px solid var(--line); border-radius: .5rem; background: #fff; }

@media (max-width: 44rem) {
  .confusion td { width: 1.6rem; min-width: 1.6rem; height: 1.6rem; }
  .results thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .results, .results tbody, .results tr { display: block; }
  .results tr { display: grid; grid-template-columns: 1fr auto; padding: .75rem 0; border-bottom: 1px solid var(--line); }
  .results th, .results td { padding: .05rem 0; border: 0; }
  .results tbody th, .results .value { font-size: 1.0625rem; font-weight: 700; }
  .results .marks { grid-column: 1 / -1; order: 1; width: auto; }
  .results td[data-label] { grid-column: 1 / -1; order: 2; display: flex; justify-content: space-between; font-size: .875rem; color: var(--soft); }
  .results td[data-label]::before { content: attr(data-label); }
}
`;
