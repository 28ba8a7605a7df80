export { CHART_SCRIPT, CHART_STYLE, chart } from './chart.js';
export { clipFigure, EXAMPLE_AXES, type ExampleClip, exampleClip, wav16 } from './clip.js';
export { dataUri, escapeHtml, type Html, type HtmlValue, html, trusted } from './html.js';
export { definitions, htmlPage, type Page } from './page.js';
export {
  CURVE_COLOURS,
  type Curve,
  curveColour,
  type PlotOptions,
  type Point,
  plot,
  thinned,
  ticks,
} from './plot.js';
export { type LogMelClip, type SpectrogramAxes, spectrogramPng, spectrogramSvg } from './spectrogram.js';
