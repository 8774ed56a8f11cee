/** The modules that a node loads: grpc-js and nice-grpc only when somebody chooses them. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../../e2e/harness.js";

/** Imports and re-exports that are there at run time, and are loaded at once. */
const IMPORTS = /^(?:import|export)\s+(?!type\b)(?:[^;]*?\sfrom\s+)?"([^"]+)";/gms;

function loadedBy(file: string, seen = new Map<string, string>(), from = ""): ReadonlyMap<string, string> {
  if (seen.has(file)) return seen;
  seen.set(file, from);
  for (const [, name = ""] of readFileSync(file, "utf8").matchAll(IMPORTS)) {
    if (!name.startsWith(".")) seen.set(name, file);
    else {
      const path = join(dirname(file), name.replace(/\.js$/, ".ts"));
      if (existsSync(path)) loadedBy(path, seen, file);
    }
  }
  return seen;
}

test("a node loads no gRPC but its own, unless another one is chosen", () => {
  const loaded = loadedBy(join(ROOT, "src/server/server.ts"));
  expect(loaded.size).toBeGreaterThan(200);
  expect(loaded.has("node:net")).toBe(true);
  const others = [...loaded].filter(([name]) => /grpc-js$|^nice-grpc|^node:http2$/.test(name));
  expect(others).toEqual([]);
  const adapter = loadedBy(join(ROOT, "src/rpc/transport/grpc-js-server.ts"));
  expect(adapter.has("@grpc/grpc-js")).toBe(true);
});
