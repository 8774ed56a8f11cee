import { randomBytes } from "node:crypto";
import { test } from "vitest";
import { attempt } from "./clients.js";
import { Cluster } from "./harness.js";
test("hot", async () => {
  process.env["ZZ"] = "1";
  const c = await Cluster.start({ nodes: 3, replicas: 3, partitions: 64 });
  const kv = c.node(0).clients.kv;
  for (const [ids, conc] of [[true, 64], [true, 256], [false, 256], [false, 1024], [true, 1024]] as const) {
    const key = Buffer.from(`hot-${ids}-${conc}`);
    const t = performance.now();
    let sent = 0;
    let max = 0;
    let errors = 0;
    await Promise.all(Array.from({ length: conc }, async () => {
      while (sent < 2000) {
        sent++;
        const s = performance.now();
        const r = await attempt(10_000, (o) => kv.add({ key, delta: 1n, requestId: ids ? randomBytes(16) : Buffer.alloc(0) }, o));
        if ("error" in r) errors++;
        max = Math.max(max, performance.now() - s);
      }
    }));
    const n = await attempt(10_000, (o) => kv.get({ key }, o));
    console.log(ids, conc, `${Math.round(performance.now() - t)} ms, max ${Math.round(max)} ms, ${sent} sent, errors ${errors}, value ${"answer" in n ? n.answer.entry?.value.toString() : "?"}`);
  }
  for (const n of c.nodes) await n.process.stop();
  await c.stop();
}, 120_000);
