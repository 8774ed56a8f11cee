/**
 * A few of the power cuts of `make powercut`, and whether they would notice a node, or a disk, that is not as it should
 * be.
 */
import { describe, expect, test } from "vitest";
import { buildIfStale } from "../e2e/harness.js";
import { runCuts } from "./cuts.js";
import { whyNoPowerCuts } from "./disk.js";

const SEED = 1;
const LIMIT_MS = 120_000;

const why = whyNoPowerCuts();
const skipped = why === null ? "" : ` (skipped: this machine cannot cut the power of a disk: ${why})`;

describe.skipIf(why !== null)(`power cuts${skipped}`, () => {
  const lines: string[] = [];
  const run = (cuts: number, broken?: "sync" | "flush") => {
    buildIfStale();
    return runCuts({ seed: SEED, cuts, ...(broken === undefined ? {} : { broken }), say: (line) => lines.push(line) });
  };

  test(
    "of all nodes, and of one while the others go on: nothing that was acknowledged is lost, and the history is linearizable",
    async () => {
      const { problems, summary } = await run(3);
      console.log([...lines, summary].join("\n"));
      expect(problems).toEqual([]);
    },
    LIMIT_MS,
  );

  test.each(["sync", "flush"] as const)(
    "show acknowledged writes that are lost when nodes answer before the %s",
    async (broken) => {
      const { problems } = await run(3, broken);
      expect(problems.join("\n")).toMatch(
        /acknowledged keys are lost or wrong|the log and the checkpoint are gone|comes back with \d+ records/,
      );
    },
    LIMIT_MS,
  );
});
