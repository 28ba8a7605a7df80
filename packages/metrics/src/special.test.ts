import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { betaQuantile, betaShare, logGamma, probit } from './index.js';

// Expected numbers: scipy 1.17.1 (scipy.special.betainc, gammaln, ndtri).
describe('special functions', () => {
  it.each([
    [0.5, 0.5, 0.3, 0.36901011956554536],
    [2, 3, 0.4, 0.5248],
    [0.01, 5, 0.01, 0.9746446808823579],
    [30, 12, 0.7, 0.4010477903496097],
    [5000, 300, 0.94, 0.14276688450430122],
    [1e5, 1e5, 0.501, 0.8144532554424423],
    [8, 10, 0.001, 2.411621864492016e-20],
    [1, 1e6, 1e-8, 0.00995016630033444],
  ])('the incomplete beta function of a = %d, b = %d at %d is scipy’s', (a, b, x, share) => {
    expect(betaShare(x, a, b) / share).toBeCloseTo(1, 9);
  });

  it('the quantile of the beta distribution inverts it', () => {
    const shape = fc.double({ min: 1, max: 2000, noNaN: true });
    const inside = fc.double({ min: 0.001, max: 0.999, noNaN: true });
    fc.assert(
      fc.property(inside, shape, shape, (p, a, b) => {
        expect(Math.abs(betaShare(betaQuantile(p, a, b), a, b) - p)).toBeLessThan(1e-10);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it.each([
    [1e-3, 6.907178885383853],
    [0.5, 0.5723649429247],
    [1, 0],
    [3.7, 1.428072326665388],
    [10, 12.801827480081469],
    [100.5, 361.43554046777757],
    [1e6, 12815504.569147611],
  ])('ln Γ(%d) is scipy’s', (x, expected) => {
    expect(Math.abs(logGamma(x) - expected)).toBeLessThan(1e-13 * Math.max(1, Math.abs(expected)));
  });

  it.each([
    [0.5, 0],
    [0.975, 1.959963984540054],
    [0.995, 2.5758293035489004],
    [0.9, 1.2815515655446004],
    [0.3, -0.5244005127080409],
    [0.0749, -1.4402382675279635],
    [1e-10, -6.361340902404056],
    [1e-20, -9.262340089798409],
    [1e-300, -37.0470962993612],
    [0.999999999, 5.997807019601637],
  ])('the normal quantile of %d is scipy’s', (p, expected) => {
    expect(Math.abs(probit(p) - expected)).toBeLessThan(1e-14 * Math.max(1, Math.abs(expected)));
  });

  it('the normal quantile ends in the infinities and refuses what is no probability', () => {
    expect([probit(0), probit(1)]).toEqual([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
    for (const p of [-0.1, 1.1, Number.NaN]) expect(() => probit(p)).toThrow('between 0 and 1');
  });
});
