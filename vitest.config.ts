import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Test builds have switches for planted bugs in place of the constant of ordinary builds (docs/testing.md). */
const planted = fileURLToPath(new URL("test/planted/planted.ts", import.meta.url));

export default defineConfig({
  resolve: {
    alias: [{ find: /^(\.{1,2}\/)+(src\/)?(core\/)?planted\.js$/, replacement: planted }],
  },
  test: {
    include: ["test/**/*.test.ts"],
  },
});
