import { afterEach, describe, expect, test } from "vitest";
import { StatusResponse } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { judge } from "../../../src/cli/status/judgement.js";
import { asTable, summarize } from "../../../src/cli/status/status.js";
import { paintOf } from "../../../src/cli/terminal/paint.js";
import { fakeNode, onar, stopFakeNodes } from "./fake-node.js";

afterEach(stopFakeNodes);

interface Seen {
  readonly partition: number;
  readonly writer: number;
  readonly round?: bigint;
  readonly moving?: boolean;
}

const answer = (by: number, seen: readonly Seen[], addresses: readonly string[] = ["a:2", "a:10"], viewEpoch = 1n) =>
  StatusResponse.fromPartial({
    header: { nodeId: by, viewEpoch, clusterId: Buffer.alloc(16, 1) },
    nodes: addresses.map((clientAddress, i) => ({
      id: i + 1,
      clientAddress,
      peerAddress: `peer-${i + 1}:1`,
      heard: i + 1 === by,
      softwareVersion: "0.1.0",
    })),
    partitions: seen.map(({ partition, writer, round = 1n, moving = false }) => ({
      partition,
      moving,
      writerNodeId: writer,
      ballotRound: round,
      groupEpoch: 1n,
      replicas: [{ nodeId: 1 }, { nodeId: 2 }],
    })),
  });

describe("what several nodes say", () => {
  test("the writer of a partition is taken from whoever knows the highest ballot", () => {
    const summary = summarize([
      answer(1, [{ partition: 0, writer: 1, round: 3n }]),
      answer(2, [{ partition: 0, writer: 2, round: 4n }]),
    ]);
    expect(summary.nodes.map((row) => [row.node.id, row.writes])).toEqual([
      [1, 0],
      [2, 1],
    ]);
  });

  test("a node that knows no writer does not hide one", () => {
    const summary = summarize([answer(1, [{ partition: 0, writer: 0 }]), answer(2, [{ partition: 0, writer: 2 }])]);
    expect(summary).toMatchObject({ partitions: 1, withWriter: 1, withoutWriter: [] });
  });

  test("partitions that move are something to look at, and stand still for a reason", () => {
    const summary = summarize([
      answer(
        1,
        [
          { partition: 0, writer: 1, moving: true },
          { partition: 1, writer: 0, moving: true },
        ],
        ["a:1"],
      ),
    ]);
    expect(summary).toMatchObject({ moving: [0, 1], withoutWriter: [1] });
    expect(judge(summary)).toEqual({
      verdict: "look",
      reasons: ["2 of 2 partitions move, and 1 waits for a writer"],
    });
  });

  test("a partition that has just moved may wait for its writer while others move: nothing is wrong yet", () => {
    const seen = [
      { partition: 0, writer: 1, moving: true },
      { partition: 1, writer: 0 },
    ];
    const told = (moving: boolean) =>
      judge(summarize([answer(1, moving ? seen : seen.map((one) => ({ ...one, moving })), ["a:1"])]));
    expect(told(true)).toEqual({ verdict: "look", reasons: ["1 of 2 partitions move, and 1 waits for a writer"] });
    expect(told(false)).toEqual({ verdict: "not-well", reasons: ["1 of 2 partitions have no writer"] });
  });

  test("partitions lack a replica on a node that is gone, or their majority: then it is said who is waited for", () => {
    const addresses = ["a:1", "a:2", "a:3", "a:4"];
    const of = (gone: readonly number[], moving = false): StatusResponse => {
      const told = answer(
        1,
        [
          { partition: 0, writer: 1, moving },
          { partition: 1, writer: 1 },
          { partition: 2, writer: 0 },
        ],
        addresses,
      );
      for (const node of told.nodes) node.heard = !gone.includes(node.id);
      for (const [i, replicas] of [
        [1, 2, 3],
        [1, 2, 4],
        [2, 3, 4],
      ].entries())
        Object.assign(told.partitions[i] ?? {}, { replicas: replicas.map((nodeId) => ({ nodeId })) });
      return told;
    };
    // The others would answer for themselves.
    const answers = (gone: readonly number[], moving = false) => [
      of(gone, moving),
      ...[2, 3, 4].filter((id) => !gone.includes(id)).map((id) => answer(id, [])),
    ];
    const one = summarize(answers([3], true));
    expect(one).toMatchObject({ underReplicated: [0, 2], withoutQuorum: [], waitingFor: [] });
    expect(judge(one)).toEqual({
      verdict: "not-well",
      reasons: [
        "1 of 4 nodes gone (a:3)",
        "2 of 3 partitions lack a replica",
        "1 of 3 partitions move, and 1 waits for a writer",
      ],
    });
    const two = summarize(answers([3, 4]));
    expect(two).toMatchObject({ underReplicated: [0, 1, 2], withoutQuorum: [2], waitingFor: ["a:3", "a:4"] });
    expect(judge(two).reasons).toEqual([
      "2 of 4 nodes gone (a:3, a:4)",
      "1 of 3 partitions without quorum, waiting for a:3, a:4",
      "2 of 3 partitions lack a replica",
    ]);
    const shown = asTable(two, paintOf({ terminal: false, env: {} }));
    expect(shown).toContain("3 partitions: 2 with a writer, 1 without (2); 3 lack a replica, 1 a majority (2)\n");
  });

  test("partitions without a writer are listed", () => {
    const summary = summarize([
      answer(1, [
        { partition: 0, writer: 1 },
        { partition: 1, writer: 0 },
      ]),
    ]);
    expect(summary).toMatchObject({ partitions: 2, withWriter: 1, withoutWriter: [1] });
  });

  test("what a node lacks is its own word, all partitions together; who says nothing is not counted", () => {
    const told = (by: number, ...behind: (bigint | undefined)[]) =>
      StatusResponse.fromPartial({
        ...answer(by, [], ["a:1", "a:2", "a:3"]),
        partitions: behind.map((one, partition) => ({
          partition,
          groupEpoch: 1n,
          // After a failover revisions are thousands apart, with nothing lacking.
          replicas: [{ nodeId: 1 }, { nodeId: 2, lag: 10_000n }],
          ...(one === undefined ? {} : { behind: one }),
        })),
      });
    const summary = summarize([told(1, 0n, 0n), told(2, 7n, undefined, 5n)]);
    expect(summary.nodes.map(({ behind }) => behind)).toEqual([0, 12, null]);
  });

  test("keys and bytes of a node are those of its copies, and free space is its own word", () => {
    const told = (by: number, diskFreeBytes: bigint | undefined, ...sizes: (readonly [bigint, bigint] | null)[]) =>
      StatusResponse.fromPartial({
        ...answer(by, [], ["a:1", "a:2", "a:3"]),
        ...(diskFreeBytes === undefined ? {} : { diskFreeBytes }),
        partitions: sizes.map((size, partition) => ({
          partition,
          ...(size === null ? {} : { keys: size[0], bytes: size[1] }),
        })),
      });
    const summary = summarize([told(1, 5_000_000_000n, [10n, 1_000n], null, [5n, 200n]), told(2, undefined, null)]);
    expect(summary.nodes.map(({ held, diskFree }) => [held, diskFree])).toEqual([
      [{ keys: 15, bytes: 1_200 }, 5_000_000_000],
      [null, null],
      [null, null],
    ]);
    const [, , , , first, second] = asTable(summary, paintOf({ terminal: false, env: {} })).split("\n");
    expect(first).toMatch(/15 .*1\.2 KiB .*4\.7 GiB/);
    expect(second).toMatch(/- .*- .*-/);
  });

  test("a narrow terminal gets the columns that matter most, and is told which it does not get", () => {
    const summary = summarize([answer(1, [{ partition: 0, writer: 1 }])]);
    const paint = paintOf({ terminal: false, env: {} });
    const wide = asTable(summary, paint).split("\n");
    expect(wide[2]).toMatch(/node .* version/);
    const narrow = asTable(summary, paint, 60).split("\n");
    const table = narrow.filter((line) => /^[┌├│└]/.test(line));
    expect(table).toHaveLength(6);
    for (const line of table) expect(line.length).toBeLessThanOrEqual(60);
    for (const name of ["clients", "heard", "answers", "writer of"]) expect(table[1]).toContain(name);
    expect(narrow.find((line) => line.startsWith("(a wider terminal"))).toContain("version, storage");
    expect(asTable(summary, paint, 1)).toContain("clients");
  });

  test("the node whose sight it is, is named by its address; by its id where that is not told", () => {
    const paint = paintOf({ terminal: false, env: {} });
    expect(asTable(summarize([answer(1, [])]), paint)).toContain('"heard" is as a:2 sees it');
    expect(asTable(summarize([answer(1, [], [""])]), paint)).toContain('"heard" is as node 1 sees it');
  });

  test("nodes are in the order of their addresses, numbers by value", () => {
    expect(summarize([answer(1, [], ["a:10", "a:9"])]).nodes.map((row) => row.node.clientAddress)).toEqual([
      "a:9",
      "a:10",
    ]);
  });
});

describe("status", () => {
  test("the table shows who does not answer, and the summary says how many partitions have a writer", async () => {
    const other = await fakeNode({ status: async () => answer(2, [{ partition: 0, writer: 2 }]) });
    const node = await fakeNode({
      status: async () => answer(1, [{ partition: 0, writer: 0 }], ["127.0.0.1:1", other.address, "127.0.0.1:2"]),
    });
    const ran = await onar(["status", "--endpoint", node.address]);
    expect(ran).toMatchObject({ code: 1, error: "" });
    expect(ran.out).toContain("1 partitions: 1 with a writer, 0 without");
    expect(ran.out).toMatch(new RegExp(`2 │ ${other.address}.*yes`));
    expect(ran.out).toMatch(/3 │ 127\.0\.0\.1:2 .*NO/);
  });

  test("JSON holds the summary and every answer whole", async () => {
    const node = await fakeNode({ status: async () => answer(1, [{ partition: 0, writer: 1 }], ["a:1"]) });
    const ran = await onar(["status", "--endpoint", node.address, "-o", "json"]);
    expect(JSON.parse(ran.out)).toMatchObject({
      askedNodeId: 1,
      viewEpoch: "1",
      verdict: "well",
      reasons: [],
      partitions: { count: 1, withWriter: 1, withoutWriter: [], moving: [], underReplicated: [], withoutQuorum: [] },
      waitingFor: [],
      answers: [{ partitions: [{ writerNodeId: 1, ballotRound: "1" }] }],
    });
  });

  test("a cluster that does not exist yet is said not to, with who is waited for", async () => {
    const node = await fakeNode({ status: async () => answer(1, [], ["a:1", "a:2"], 0n) });
    const ran = await onar(["status", "--endpoint", node.address]);
    expect(ran.out).toContain("no cluster yet: waiting for peer-2:1");
    expect(ran.code).toBe(1);
  });

  test.each([
    [{ diskFull: true }, "the disk is full at a:1"],
    [{ diskStandingMs: 5_000n }, "the disk stands still at a:1"],
    [{ descriptorsShortMs: 700n }, "no file descriptor is left at a:1"],
  ])("a node in trouble is said, and the exit code is 1: %o", async (disk, reason) => {
    const told = { ...answer(1, [{ partition: 0, writer: 1 }], ["a:1"]), ...disk };
    const node = await fakeNode({ status: async () => told });
    const ran = await onar(["status", "--endpoint", node.address, "-o", "json"]);
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.out)).toMatchObject({ verdict: "not-well", reasons: [reason] });
    expect((await onar(["status", "--endpoint", node.address])).out).toContain(`NOT WELL: ${reason}`);
  });
});

describe("wait", () => {
  test("ends when every partition has a writer, not before", async () => {
    let asked = 0;
    const node = await fakeNode({
      status: async () => answer(1, [{ partition: 0, writer: ++asked < 3 ? 0 : 1 }], ["a:1"]),
    });
    const ran = await onar(["wait", "--ready", "--endpoint", node.address]);
    expect(ran).toMatchObject({ code: 0, error: "", out: expect.stringMatching(/^ready: 1 of 1 nodes/) });
    expect(asked).toBe(3);
  });

  test("says what is missing when that does not come in time, and takes nodes that are not there yet for missing", async () => {
    const node = await fakeNode({ status: async () => answer(1, [], ["a:1", "a:2"], 0n) });
    const ran = await onar(["wait", "--ready", "--endpoint", node.address, "--timeout", "0.5"]);
    expect(ran).toMatchObject({ code: 1, out: "" });
    expect(ran.error).toBe("error: not ready within 0.5 s: there is no cluster yet: waiting for peer-2:1");
    const nobody = await onar(["wait", "--ready", "--endpoint", "127.0.0.1:1", "--timeout", "0.5"]);
    expect(nobody.error).toContain("not ready within 0.5 s: nothing listens at 127.0.0.1:1");
    expect(await onar(["wait"])).toMatchObject({ code: 2, error: expect.stringContaining("--ready") });
  });
});
