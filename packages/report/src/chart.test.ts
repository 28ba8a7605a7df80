import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { CHART_SCRIPT, chart, html, htmlPage } from './index.js';

const figure = chart(
  [
    {
      name: 'loss <raw>',
      colour: 0,
      style: 'raw',
      points: [
        [1, 3],
        [10, 2.123456],
        [20, 1],
      ],
    },
    { name: 'accuracy', colour: 1, style: 'metric', points: [[10, 0.5]] },
  ],
  { title: '"Loss"', label: 'loss', lastX: 20 },
).markup;

/** As much of a page as the script needs: one figure, its picture 880 px wide, at the left edge. */
function pageOf(markup: string) {
  const listeners: Record<string, (event: object) => void> = {};
  const outputs = [...markup.matchAll(/<output>/g)].map(() => ({ textContent: '' }));
  const attributes: Record<string, string> = {};
  const svg = {
    viewBox: { baseVal: { width: 440 } },
    getBoundingClientRect: () => ({ left: 0, width: 880 }),
    addEventListener: (name: string, listener: (event: object) => void) => {
      listeners[name] = listener;
    },
  };
  const cursor = {
    setAttribute(name: string, value: string) {
      attributes[name] = value;
    },
  };
  const data = /data-chart="([^"]*)"/.exec(markup)![1]!.replaceAll('&#34;', '"');
  const element = {
    dataset: { chart: data },
    classList: { add() {}, remove() {} },
    querySelector: (selector: string) => (selector === 'svg' ? svg : cursor),
    querySelectorAll: () => outputs,
  };
  runInNewContext(CHART_SCRIPT, { document: { querySelectorAll: () => [element] } });
  return { listeners, values: () => outputs.map(({ textContent }) => String(textContent)), attributes };
}

describe('chart', () => {
  it('shows the values of the step that is pointed at, and nothing when the pointer leaves', () => {
    const { listeners, values, attributes } = pageOf(figure);
    // the axis goes from 62 to 426 of 440, so step 11 of 20 is at 262.2, of 880 pixels 524.4
    listeners.pointermove!({ clientX: 524.4 });
    expect(values()).toEqual(['2.1235', '0.5', '10']);
    expect(attributes).toMatchObject({ visibility: 'visible', transform: 'translate(244 0)' });
    listeners.pointermove!({ clientX: 0 });
    expect(values()).toEqual(['3', '', '1']); // there was no evaluation yet
    listeners.pointerleave!({});
    expect(values()).toEqual(['', '', '']);
  });

  it('escapes names and titles', () => {
    expect(figure).not.toContain('<raw>');
    expect(figure).toContain('<h3>&#34;Loss&#34;</h3>');
  });
});

describe('htmlPage', () => {
  it('lets its own script run, and no other', () => {
    const page = htmlPage({ title: 'a', body: html`<p>b</p>\n`, script: 'let a = 1 < 2;' });
    // printf 'let a = 1 < 2;' | openssl dgst -sha256 -binary | base64
    expect(page).toContain('script-src &#39;sha256-Xd/xFl+DmsVqHczJvGQWMh7nLH7H7r5iGmQKRm0JimU=&#39;');
    expect(page).toContain('<script>let a = 1 < 2;</script>');
    expect(page).toContain('default-src &#39;none&#39;');
  });

  it('has no script where none is given', () => {
    expect(htmlPage({ title: 'a', body: html`` })).not.toContain('script');
  });
});
