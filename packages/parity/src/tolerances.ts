/**
 * How far float32 implementations may differ, from the goldens' own JSON and README ("Formulas in full, and tolerances
 * found by an independent float64 implementation"; float32 implementations may use twice those). Equal or tighter than
 * what each golden states.
 */
export const TOLERANCES = {
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
  gpt2: { logits: 2e-3, logSumExp: 1e-3, loss: 1e-3 },
  mapper: { output: 2e-4, gradients: 2e-3 },
  beam: { score: 2e-5 },
} as const;
