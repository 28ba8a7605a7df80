import { defineConfig } from 'tsup';
import { library } from '../../tsup.base.js';

export default defineConfig(
  library([], {
    entry: {
      index: 'src/index.ts',
      convert: 'src/convert/index.ts',
      'hash-worker': 'src/convert/hash-worker.ts',
      'pengi-worker': 'src/worker/pengi-worker.ts',
    },
  }),
);
