import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Test builds have switches for planted bugs in place of the constant of ordinary builds (docs/testing.md). */
const planted = fileURLToPath(new URL("test/planted/planted.ts", import.meta.url));

export default defineConfig({
  resolve: {
    alias: [{ find: /^(\.{1,2}\/)+(src\/)?(core\/)?planted\.js$/, replacement: planted }],
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "onar",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", "test/chaos/**", "test/powercut/**", "test/restarts/**"],
        },
      },
      {
        // Whole clusters of processes: one file at a time, after all others.
        extends: true,
        test: {
          name: "e2e",
          include: ["e2e", "chaos", "powercut", "restarts"].map((folder) => `test/${folder}/**/*.test.ts`),
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
