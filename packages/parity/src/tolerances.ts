/**
 * How far float32 implementations may differ, from the goldens' own JSON and README ("Formulas in full, and tolerances
 * found by an independent float64 implementation"; float32 implementations may use twice those). Equal or tighter than
 * what each golden states.
 */
export const TOLERANCES = {
  frontend: {
    /** Of the frame's largest bin, plus a floor. */
    power: 1e-4,
    powerFloor: 1e-6,
    /** dB, within 70 dB of the frame's maximum. */
    logMel: 2e-2,
    logMelBroadband: 1e-3,
    /** dB, below that: rounding of the float32 STFT. */
    logMelQuiet: 0.3,
    melBank: 1e-8,
    stftKernel: 1e-7,
    /** With the reference's float32 phase imitated. */
    resampled: 1e-6,
    resampleKernel: 1e-8,
  },
  htsat: {
    /** From stored log-mels on. */
    activations: 1e-4,
    latent: 6e-6,
    /** From the waveform: log-mels of pure tones differ in bins that hold nothing but rounding. */
    imageFromWaveform: 6e-3,
    activationsFromWaveform: 2e-3,
    latentFromWaveform: 2e-4,
    /** Of each tensor's L2 norm. */
    gradients: 2e-3,
  },
  htsatFull: {
    latent: 1e-4,
    clipwise: 3e-5,
    /**
     * Pure tones have bins that hold nothing but the rounding of the reference's float32 STFT; 3e-3 is what the README
     * found for a float64 front end, as ours is. Where a signal is broad-band, the JSON's 2e-3 is met a hundred times over.
     */
    image: 3e-3,
    activations: 2e-3,
    gradientNorms: 2e-3,
    gradientValues: 5e-3,
  },
  clipText: { output: 2e-4 },
  pengi: { embedding: 3e-4, logits: 2e-3, beamScore: 1e-3, minCutGap: 1e-4 },
  /** Relative for losses and gradient norms; parameters: three times the reference's own float32 noise, plus a floor. */
  training: {
    loss: 2e-5,
    gradient: 1e-3,
    smallestGradient: 1e-6,
    noiseFactor: 3,
    parameterFloor: 1e-6,
    activations: 5e-5,
  },
  schedule: 1e-12,
  transformersClap: { embedding: 1e-4, pooled: 1e-4, logits: 2e-3, features: 2e-3, melBank: 1e-8 },
  msclap: { embedding: 3e-4, similarity: 2e-3 },
  /** Embeddings of length 1: of a recording in a batch and of the same one alone. */
  batch: 1e-5,
  gpt2: { logits: 2e-3, logSumExp: 1e-3, loss: 1e-3 },
  mapper: { output: 2e-4, gradients: 2e-3 },
  beam: { score: 2e-5 },
  /** Everything in float64. `retrieval` and `statistics` are counts and their means. */
  metrics: { scores: 1e-9, retrieval: 1e-12, statistics: 1e-12, meteor: 1e-6, spice: 1e-12 },
} as const;
