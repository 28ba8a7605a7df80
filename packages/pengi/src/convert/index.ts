export { type Conversion, type ConvertOptions, convertCheckpoint } from './convert.js';
export type { MelBand, MelBankReport } from './mel-bank.js';
export { FAMILIES } from './recognise.js';
