/** A stopped node's directory is read as a node would find it, and nothing in it changes. */
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ballot } from "../../../src/core/model/ballot.js";
import { groupEpoch, nodeId, partition } from "../../../src/core/model/ids.js";
import { BAD } from "../../../src/core/model/table.js";
import { type InspectedKey, StoppedNode } from "../../../src/storage/inspect.js";
import { keyOf } from "../../conformance/operations.js";
import { FOLDED, LOGGED, layOut, openHome } from "./format-fixture.js";

const P = partition(2);
let path = "";
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "onar-inspected-"));
});
afterEach(() => {
  chmodSync(path, 0o700);
  rmSync(path, { recursive: true, force: true });
});

/** Every file's content and when it was changed, and every folder's. */
const picture = (): string[] =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      const { mtimeMs, ctimeMs } = statSync(file);
      return `${file} ${mtimeMs} ${ctimeMs} ${entry.isFile() ? createHash("sha256").update(readFileSync(file)).digest("hex") : ""}`;
    })
    .sort();

async function inspected<T>(look: (node: StoppedNode) => Promise<T> | T): Promise<T> {
  const before = picture();
  const node = await StoppedNode.open(path);
  try {
    return await look(node);
  } finally {
    await node.close();
    expect(picture()).toEqual(before);
  }
}

async function all(node: StoppedNode): Promise<InspectedKey[]> {
  const found: InspectedKey[] = [];
  for await (const one of node.registers(P)) found.push(one);
  return found;
}

const segment = (): string => join(path, "log", readdirSync(join(path, "log")).sort().at(-1) as string);

describe("inspecting", () => {
  test("tells what the checkpoint and the log over it hold", async () => {
    const id = layOut("format-1.json", path);
    await inspected(async (node) => {
      expect(node.facts).toMatchObject({ node: id, format: 1, notices: [] });
      expect(node.facts.checkpoint.lastRecord).toBe(FOLDED.length + 2);
      expect(node.facts.lastRecord).toBe(FOLDED.length + LOGGED.length + 2);
      expect(node.facts.segments.at(-1)).toMatchObject({ lastRecord: node.facts.lastRecord });
      expect(await node.partition(P)).toMatchObject({
        keys: 3,
        tombstones: 1,
        bad: 0,
        lastChange: 7,
        promise: ballot(groupEpoch(1), 5, nodeId(9)),
        reservation: 2 ** 40,
        floor: 77,
        settled: { seq: 5 },
      });
      expect((await all(node)).map(({ key }) => key)).toEqual([keyOf(0), keyOf(2), keyOf(1), keyOf(4)]);
    });
  });

  test("leaves an unfinished write where it is, and says what a start would do with it", async () => {
    layOut("format-1.json", path);
    writeFileSync(segment(), Buffer.concat([readFileSync(segment()), Buffer.from("the beginning of a rec")]));
    await inspected((node) => {
      expect(node.facts.notices.join()).toContain("22 bytes behind record");
      expect(node.facts.lastRecord).toBe(FOLDED.length + LOGGED.length + 2);
    });
  });

  test("counts registers that fail their checksum", async () => {
    layOut("format-1.json", path);
    const rotten = segment();
    const home = await openHome(path);
    // A later write proves that what comes before it was durable.
    const promise = { kind: "promise", partition: P, ballot: ballot(groupEpoch(1), 6, nodeId(9)) } as const;
    await new Promise<void>((durable) => home.storage.append([promise], durable));
    await home.close();
    const bytes = readFileSync(rotten);
    const at = bytes.indexOf("one again");
    expect(at).toBeGreaterThan(0);
    bytes[at] = 0x41;
    writeFileSync(rotten, bytes);
    await inspected(async (node) => {
      expect(await node.partition(P)).toMatchObject({ keys: 2, tombstones: 1, bad: 1, promise: { round: 6 } });
      expect((await all(node)).filter(({ register }) => register === BAD).map(({ key }) => key)).toEqual([keyOf(1)]);
      expect(node.facts.notices.join()).toContain("1 registers in the log fail their checksum");
    });
  });

  test("of a new node, which has folded nothing and is in no cluster", async () => {
    await (await openHome(path)).close();
    rmSync(join(path, "checkpoint"), { recursive: true });
    await inspected((node) => {
      expect(node.facts).toMatchObject({
        view: null,
        lastRecord: 0,
        segments: [],
        checkpoint: { lastRecord: 0, bytes: 0 },
      });
      expect(node.partitions).toEqual([]);
    });
  });

  test("reads a directory that may not be written to", async () => {
    layOut("format-1.json", path);
    for (const folder of [join(path, "log"), join(path, "checkpoint"), path]) chmodSync(folder, 0o500);
    try {
      await inspected(async (node) => expect(await all(node)).toHaveLength(4));
    } finally {
      for (const folder of [path, join(path, "log"), join(path, "checkpoint")]) chmodSync(folder, 0o700);
    }
  });
});

describe("refused, with nothing touched", () => {
  const refusal = (of = path): Promise<string> =>
    StoppedNode.open(of).then(
      async (node) => {
        await node.close();
        return "opened";
      },
      (error: Error) => error.message,
    );

  test("a directory in use, by this process or another; afterwards it is free", async () => {
    const home = await openHome(path);
    expect(await refusal()).toContain(`is in use by process ${process.pid}: stop the node first`);
    await home.close();
    expect(await refusal()).toBe("opened");
  });

  test("while one is inspected no node starts there", async () => {
    layOut("format-1.json", path);
    const node = await StoppedNode.open(path);
    const started = openHome(path).then(
      async (home) => {
        await home.close();
        return "started";
      },
      (error: Error) => error.message,
    );
    // Elsewhere the lock is a file, and none is made in a directory that is only read.
    expect(await started).toContain(process.platform === "linux" ? "is in use by process" : "started");
    await node.close();
  });

  test.each<[string, (path: string) => void, RegExp]>([
    ["nothing there", () => {}, /there is no such directory$/],
    ["a file", (at) => writeFileSync(at, "x"), /is a file: name a node's directory$/],
    ["an empty directory", (at) => mkdirSync(at), /is not a node's directory: there is no onar\.json in it$/],
    [
      "a directory of other things",
      (at) => {
        mkdirSync(at);
        writeFileSync(join(at, "letter.txt"), "x");
      },
      /is not a node's directory/,
    ],
    [
      "an onar.json that is not whole",
      (at) => {
        mkdirSync(at);
        writeFileSync(join(at, "onar.json"), '{"format":1');
      },
      /cannot be read: it is not JSON/,
    ],
  ])("%s", async (_name, make, message) => {
    const at = join(path, "it");
    make(at);
    const before = picture();
    expect(await refusal(at)).toMatch(message);
    expect(picture()).toEqual(before);
  });

  test("a log that was taken away", async () => {
    layOut("format-1.json", path);
    rmSync(join(path, "log"), { recursive: true });
    expect(await refusal()).toContain("the log is gone");
  });
});
