export { type BleuScores, bleu } from './captions/bleu.js';
export { ciderD } from './captions/cider.js';
export {
  CAPTION_METRICS,
  type CaptionMetric,
  type EvaluateOptions,
  type Evaluation,
  type ExternalScorer,
  type ExternalScores,
  evaluate,
} from './captions/evaluate.js';
export { type CaptionScores, rougeL } from './captions/rouge.js';
export { type Tokens, tokenizeCaptions } from './captions/tokens.js';
export {
  accuracy,
  type ClassificationReport,
  type ClassScores,
  type ConfusionMatrix,
  classificationReport,
  confusionMatrix,
  macroF1,
  microF1,
  type Prediction,
  topKAccuracy,
} from './classification.js';
export {
  averagePrecision,
  type ClassMeans,
  dPrime,
  type MeanAveragePrecision,
  meanAveragePrecision,
  meanDPrime,
  meanRocAuc,
  microAveragePrecision,
  rocAuc,
  samplesAveragePrecision,
  type Target,
} from './detection.js';
export {
  type DetectionScores,
  type EventMatching,
  type EventPair,
  type EventReport,
  eventScores,
  type SoundEvent,
  segmentScores,
} from './events.js';
export { type FrameEvent, type FrameOptions, filterWidth, framesToEvents, medianFilter } from './frames.js';
export {
  HEAR_SCORES,
  type HearFold,
  type HearScore,
  hearEventScore,
  hearFolds,
  hearSceneScore,
} from './hear.js';
export {
  type BootstrapOptions,
  basicInterval,
  bootstrapInterval,
  exactInterval,
  type Interval,
  percentileInterval,
  wilsonInterval,
} from './intervals.js';
export {
  countExtreme,
  mcnemarTest,
  meanInterval,
  pairedDifference,
  type SignFlipOptions,
  type SignFlipResult,
  type Spread,
  signFlipTest,
  spread,
} from './paired.js';
export { ptbLines } from './ptb/lexer.js';
export {
  argmax,
  type RankSummary,
  rankOf,
  summarizeRanks,
  TIE_RULES,
  type TieRule,
  topK,
} from './ranking.js';
export { type MultiRetrievalScores, type RetrievalScores, retrieve, retrieveAny } from './retrieval.js';
export { averageEmbedding, cosineSimilarities, matchClasses } from './similarity.js';
export { betaQuantile, betaShare, logGamma, probit, studentQuantile } from './special.js';
export { decide, decideOne, type TaggingReport, taggingReport } from './tagging.js';
