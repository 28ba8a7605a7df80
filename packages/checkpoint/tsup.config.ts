import { defineConfig } from 'tsup';
import { library } from '../../tsup.base.js';

export default defineConfig(
  library([], {
    entry: { index: 'src/index.ts', parse: 'src/parse.ts', download: 'src/download/index.ts' },
  }),
);
