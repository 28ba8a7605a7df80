export {
  accuracy,
  type ConfusionMatrix,
  confusionMatrix,
  macroF1,
  type Prediction,
} from './classification.js';
export {
  type BootstrapOptions,
  bootstrapInterval,
  exactInterval,
  type Interval,
  percentileInterval,
  wilsonInterval,
} from './intervals.js';
export { betaQuantile, betaShare, logGamma, probit } from './special.js';
