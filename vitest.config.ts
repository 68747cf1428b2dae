import { defineConfig } from 'vitest/config'

const report = process.env.STARLING_TEST_REPORT

// Two projects, because they ask for different things: unit tests are many and quick, the tests of
// e2e start real processes, are given a minute each and never run side by side (ports, CPU, disks).
export default defineConfig({
  test: {
    // .ci/run counts with the report; everybody else reads the terminal.
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{shared,agent,coordinator,installer}/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['**/node_modules/**', 'test/e2e/**'],
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 10_000
        }
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 60_000
        }
      }
    ]
  }
})
