/** `make restarts ROUNDS=50 SEED=1`: see docs/testing.md. Exits with 1 when something was wrong. */
import { wholeNumber } from "../numbers.js";
import { runRestarts } from "./restarts.js";

const rounds = wholeNumber("ROUNDS", 50, 100_000);
const seed = wholeNumber("SEED", 1 + Math.floor(Math.random() * 999_999_999), 2 ** 32 - 1);
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());

console.log(`SEED=${seed} ROUNDS=${rounds}`);
const { problems, summary } = await runRestarts({
  seed,
  rounds,
  say: (line) => console.log(line),
  signal: stop.signal,
});
for (const problem of problems) console.log(`PROBLEM (SEED=${seed}): ${problem}`);
console.log(summary);
process.exit(problems.length === 0 ? 0 : 1);
