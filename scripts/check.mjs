// Everything that must hold before a change lands: format, lint, types, contract, generated code, tests. Ends with "N
// passed, N failed".
import { spawnSync } from "node:child_process";

const steps = [
  ["format and lint", ["npx", "biome", "check", "--error-on-warnings"]],
  ["prose of pages, help texts, errors and comments", ["node", "scripts/prose/main.mjs", "--check"]],
  ["comments are as narrow as the code", ["node", "scripts/comments.mjs", "--check"]],
  ["types", ["npx", "tsc", "--noEmit", "-p", "tsconfig.json"]],
  ["contract: format, lint, numbers, breaking", ["scripts/contract.sh"]],
  ["generated code is up to date", ["scripts/gen.sh", "all", "--check"]],
  ["the TypeScript interface is documented", ["scripts/docs.sh", "--check"]],
];

let passed = 0;
let failed = 0;
let skipped = "";
const failedSteps = [];
for (const [name, [command, ...args]] of steps) {
  const started = Date.now();
  const { status } = spawnSync(command, args, { stdio: "inherit" });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${status === 0 ? "ok    " : "FAILED"} ${name} (${seconds} s)`);
  if (status === 0) passed++;
  else {
    failed++;
    failedSteps.push(name);
  }
}

const tests = spawnSync(process.execPath, ["scripts/test.mjs"], {
  stdio: ["inherit", "pipe", "inherit"],
  encoding: "utf8",
  maxBuffer: 1 << 28,
});
process.stdout.write(tests.stdout);
const line = /^(\d+) passed, (\d+) failed(, \d+ skipped)?$/m.exec(tests.stdout.split("\n").reverse().join("\n"));
passed += Number(line?.[1] ?? 0);
failed += Number(line?.[2] ?? 1);
skipped = line?.[3] ?? "";
// Here again, as logs are often cut to their end.
for (const name of failedSteps) console.log(`FAILED ${name}, see above`);
console.log("with the checks above:");
console.log(`${passed} passed, ${failed} failed${skipped}`);
process.exit(failed > 0 ? 1 : 0);
