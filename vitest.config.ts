import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: ['packages/*', 'apps/*'],
    // Half of the tests' time is loading and waiting: one worker fewer than cores, the default, leaves one of two cores idle.
    maxWorkers: availableParallelism(),
  },
});
