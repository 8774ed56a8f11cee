import { test } from "vitest";
import { Cluster } from "./harness.js";
test("starts", async () => {
  for (let i = 0; i < 12; i++) {
    const t = performance.now();
    const c = await Cluster.start({ nodes: 3, replicas: 3, partitions: 64 });
    console.log(i, Math.round(performance.now() - t));
    await c.stop();
  }
}, 200_000);
