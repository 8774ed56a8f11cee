/** Counts with the TypeScript client until its standard input ends: see test/e2e/counting.test.ts. */
import { OnarClient, OnarError } from "../../../src/client/client.js";

const PATIENCE_MS = 60_000;

const [endpoints = "", own = "", shared = ""] = process.argv.slice(2);
const keys = own.split(",");
const report = { own: keys.map(() => 0), shared: 0, problems: [] as string[] };
let over = false;
process.stdin.on("end", () => {
  over = true;
});
process.stdin.resume();

async function add(client: OnarClient, key: string, delta: number): Promise<bigint | undefined> {
  try {
    return (await client.add(key, delta)).number;
  } catch (error) {
    if (!(error instanceof OnarError)) throw error;
    report.problems.push(`add ${delta} to ${key}: ${error.message}`);
    return undefined;
  }
}

async function countOwn(client: OnarClient, key: string, i: number): Promise<void> {
  let sum = 0;
  for (let delta = 1; !over; delta++) {
    const number = await add(client, key, delta);
    report.own[i] = sum += delta;
    if (number === BigInt(sum)) continue;
    report.problems.push(`${key} is ${number}, and ${sum} was added`);
    return;
  }
}

async function countShared(client: OnarClient): Promise<void> {
  for (; !over; report.shared++) await add(client, shared, 1);
}

const client = new OnarClient({ endpoints: endpoints.split(","), direct: false, timeoutMs: PATIENCE_MS });
await Promise.all([...keys.map((key, i) => countOwn(client, key, i)), countShared(client)]);
await client.close();
console.log(JSON.stringify(report));
