import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Test builds have switches for planted bugs in place of the constant of ordinary builds (docs/testing.md). */
const planted = fileURLToPath(new URL("test/planted/planted.ts", import.meta.url));

/** Files with clusters of processes that need the machine for themselves. */
const ALONE = [
  ...["chaos", "powercut", "restarts"].map((folder) => `test/${folder}/**/*.test.ts`),
  ...["abuse", "clients", "connections", "drain", "disk-stalls", "durable-faults", "faults", "traces"].map(
    (name) => `test/e2e/${name}.test.ts`,
  ),
];
const CLUSTERS = { testTimeout: 60_000, hookTimeout: 60_000 };

export default defineConfig({
  resolve: {
    alias: [{ find: /^(\.{1,2}\/)+(src\/)?(core\/)?(model\/)?planted\.js$/, replacement: planted }],
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "onar",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", ...ALONE],
          // Of those that say that they may run beside each other: they wait for times to pass.
          maxConcurrency: 16,
          // For what hangs, not for a machine that is busy with other work.
          testTimeout: 30_000,
        },
      },
      {
        // Whole clusters of processes, which mostly wait for each other: two files at a time, after all others.
        extends: true,
        test: {
          ...CLUSTERS,
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: ALONE,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Those that load the machine, or measure how soon something is served again: one file at a time.
        extends: true,
        test: { ...CLUSTERS, name: "faults", include: ALONE, fileParallelism: false, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
