import { expect, test } from "vitest";
import { run } from "./run.js";

test("seeds", () => {
  const from = Number(process.env["FROM"] ?? 1);
  const n = Number(process.env["N"] ?? 20);
  const t0 = performance.now();
  for (let seed = from; seed < from + n; seed++) {
    const r = run({ seed, keep: process.env["TRACE"] ? 400000 : 0 });
    if (r.violation) { console.log(seed, r.violation); if (process.env["TRACE"]) console.log(r.trace.slice(-2000000)); }
    else if (n <= 20) console.log(seed, r.hash, r.operations, r.events, Math.round(r.virtualMs));
  }
  console.log((performance.now() - t0) / n, "ms/seed");
}, 1e9);
