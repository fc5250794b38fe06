import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Files named *.long.test.ts run only when asked for: ./run test --long.
const long = process.env.STRATA_LONG === '1';

export default defineConfig({
  test: {
    include: ['test/{unit,conformance,model,golden,fault,e2e,lab}/**/*.test.ts'],
    exclude: long ? [] : ['**/*.long.test.ts'],
    testTimeout: long ? 600_000 : 60_000,
    hookTimeout: 60_000,
    globalSetup: ['test/lab/other-namespace.ts', 'test/lab/shared-ceph.ts'],
    allowOnly: false,
    // Most tests wait for the disk half of their time.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
  },
});
