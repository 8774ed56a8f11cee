/**
 * `make chaos MINUTES=2 SEED=1`: a real cluster under faults, for as long as one likes. Exits with 1 when something was
 * wrong.
 */
import { runChaos } from "./chaos.js";

const seed = number("SEED", 1 + Math.floor(Math.random() * 999_999_999));
const minutes = number("MINUTES", 2);
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());

console.log(`SEED=${seed} MINUTES=${minutes}`);
const { problems, summary } = await runChaos({
  seed,
  seconds: minutes * 60,
  say: (line) => console.log(line),
  signal: stop.signal,
});
for (const problem of problems) console.log(`PROBLEM (SEED=${seed}): ${problem}`);
console.log(summary);
process.exit(problems.length === 0 ? 0 : 1);

function number(name: string, otherwise: number): number {
  const text = process.env[name];
  if (text === undefined || text === "") return otherwise;
  const value = Number(text);
  const whole = name === "SEED";
  if (Number.isFinite(value) && value > 0 && (!whole || (Number.isInteger(value) && value < 2 ** 32))) return value;
  const wanted = whole ? "a whole number from 1 to 4294967295" : "a number above 0";
  console.error(`error: ${name} must be ${wanted}, not ${JSON.stringify(text)}`);
  process.exit(2);
}
