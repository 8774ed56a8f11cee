/**
 * The cost of a proof: HMAC-SHA-256 over as many bytes as frames between nodes have. `node bench/mac.mjs` prints CPU
 * time for each.
 */
import { createHmac, randomBytes } from "node:crypto";

const key = randomBytes(32);
for (const bytes of [150, 1_024, 16_384, 262_144]) {
  const frame = randomBytes(bytes);
  const count = Math.max(300, Math.min(5_000, Math.floor(50_000_000 / bytes)));
  const all = () => {
    for (let i = 0; i < count; i++) createHmac("sha256", key).update(frame).digest();
  };
  all();
  const before = process.cpuUsage();
  all();
  const { user, system } = process.cpuUsage(before);
  process.stdout.write(`${bytes} bytes: ${((user + system) / count).toFixed(1)} µs\n`);
}
