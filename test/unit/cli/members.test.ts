/** The commands that look at members and change them: what they ask, what they show, how they end. */
import { Status } from "nice-grpc";
import { afterEach, describe, expect, test } from "vitest";
import {
  type ChangeSettingsRequest,
  ClusterSetting,
  type LeaveRequest,
  MemberState,
  type Operation,
  OperationKind,
  OperationState,
  type ReplicaMove,
  type TransferWriterRequest,
  View,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { CLUSTER_ID, fail, fakeNode, type Handlers, NODE_ID, onar, stopFakeNodes, viewOf } from "./fake-node.js";

afterEach(stopFakeNodes);

const OTHER = 6;
const header = viewOf(CLUSTER_ID).header;
const viewAt = (epoch: bigint, more: Partial<View> = {}): View =>
  View.fromPartial({
    clusterId: CLUSTER_ID,
    epoch,
    replicationFactor: 1,
    partitionCount: 2,
    members: [
      { id: NODE_ID, clientAddress: "127.0.0.1:4600", peerAddress: "127.0.0.1:4700", state: MemberState.ACTIVE },
      {
        id: OTHER,
        clientAddress: "127.0.0.1:4601",
        peerAddress: "127.0.0.1:4701",
        zone: "\u001b[2Jb",
        state: MemberState.LEAVING,
      },
    ],
    partitions: [
      { partition: 0, replicas: [NODE_ID], groupEpoch: 1n },
      { partition: 1, replicas: [NODE_ID, OTHER], groupEpoch: 1n, preferredNodeId: OTHER },
    ],
    voters: [NODE_ID],
    ...more,
  });
const told = (epoch: bigint, more: Partial<View> = {}) => ({
  header,
  view: viewAt(epoch, more),
  digest: Buffer.alloc(32, 9),
});
const operation = (state: OperationState, more: Partial<Operation> = {}): Operation => ({
  id: Buffer.alloc(16, 3),
  kind: OperationKind.LEAVE,
  nodeId: OTHER,
  epoch: 4n,
  state,
  doneEpoch: state === OperationState.DONE ? 5n : 0n,
  explanation: "",
  partitionsLeft: 0,
  partitionsMoving: 0,
  byNodeId: 0,
  progress: undefined,
  replicas: 0,
  ...more,
});
const ID = "03".repeat(16);

const at = async (args: readonly string[], handlers: Handlers, more: readonly string[] = []) => {
  const node = await fakeNode({ getView: async () => told(4n), ...handlers });
  return onar([...args, "--endpoint", node.address, "--timeout", "3", ...more]);
};

describe("onar view", () => {
  test("shows the view and its members, and nothing that steers a terminal", async () => {
    const ran = await at(["view", "--partitions"], {});
    expect(ran.code).toBe(0);
    expect(ran.out).toContain(
      `view 4 of cluster ${CLUSTER_ID.toString("hex")}\ndigest ${"09".repeat(8)}… (-o json has all of it)\n2 nodes, 1 of them vote`,
    );
    expect(ran.out).toMatch(/127\.0\.0\.1:4601 .*\\x1b\[2Jb .*leaving .*no/);
    expect(ran.out).not.toContain("\u001b");
    expect(ran.out).toMatch(/1 .* 6 .* 5 6 /);
  });

  test("in JSON has all of it, with numbers of 64 bits as strings", async () => {
    const ran = await at(["view", "-o", "json"], {});
    expect(JSON.parse(ran.out)).toMatchObject({
      clusterId: CLUSTER_ID.toString("hex"),
      viewEpoch: "4",
      replicationFactor: 1,
      voters: [NODE_ID],
      nodes: [
        { id: NODE_ID, state: "active", voter: true, preferredOf: 1, replicaOf: 2 },
        { id: OTHER, state: "leaving", voter: false, preferredOf: 1, replicaOf: 1 },
      ],
      partitions: [
        { partition: 0, preferredNodeId: NODE_ID, replicas: [NODE_ID], groupEpoch: "1" },
        { partition: 1, preferredNodeId: OTHER, groupEpoch: "1" },
      ],
    });
  });

  test("asks again when a node ends the stream, shows no view twice, and gives up when nobody says anything", async () => {
    let streams = 0;
    const ran = await at(
      ["view", "--watch", "-o", "json"],
      {
        async *watchView(_request, context) {
          streams++;
          if (streams > 2) fail(context, { code: Status.RESOURCE_EXHAUSTED, reason: "OVERLOADED" });
          yield told(4n);
          if (streams === 2) yield told(5n);
        },
      },
      ["--timeout", "1"],
    );
    expect(
      ran.out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).viewEpoch),
    ).toEqual(["4", "5"]);
    expect([ran.code, ran.error]).toEqual([1, expect.stringContaining("OVERLOADED")]);
  });
});

test("onar nodes lists the members, in the order of their addresses", async () => {
  const ran = await at(["nodes"], { getView: async () => told(4n, { members: viewAt(4n).members.toReversed() }) });
  expect(ran.code).toBe(0);
  expect(ran.out.indexOf("127.0.0.1:4600")).toBeLessThan(ran.out.indexOf("127.0.0.1:4601"));
});

describe("onar operations", () => {
  test("lists them, and says from when on they may be forgotten", async () => {
    const ran = await at(["operations"], {
      listOperations: async () => ({
        header,
        operations: [operation(OperationState.PENDING), operation(OperationState.DONE)],
        forgottenEpoch: 2n,
      }),
    });
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(new RegExp(`${ID} .*leave .*6 .*pending`));
    expect(ran.out).toContain("views up to 2 may be forgotten");
  });

  test.each([
    [OperationState.DONE, 0],
    [OperationState.SUPERSEDED, 1],
    [OperationState.UNKNOWN, 4],
    [OperationState.PENDING, 4],
  ])("one of them in state %s ends with %s", async (state, code) => {
    const asked: unknown[] = [];
    const ran = await at(["operations", ID, "--epoch", "4"], {
      getOperation: async ({ operationId, epoch }) => {
        asked.push([operationId.toString("hex"), epoch]);
        return { header, operation: operation(state, { explanation: "because\u0007" }) };
      },
    });
    expect(asked).toEqual([[ID, 4n]]);
    expect(ran.code).toBe(code);
    expect(ran.out).toContain("because\\x07");
  });

  test("says once that one is unknown", async () => {
    const ran = await at(["operations", ID], {
      getOperation: async () => ({
        header,
        operation: operation(OperationState.UNKNOWN, {
          kind: OperationKind.UNSPECIFIED,
          nodeId: 0,
          explanation: "nobody can say more",
        }),
      }),
    });
    expect(ran.out.trim()).toBe(`${ID}: unknown; nobody can say more`);
  });

  test("watches one until it is settled", async () => {
    const ran = await at(["operations", ID, "--watch", "-o", "json"], {
      async *watchOperation() {
        yield { header, operation: operation(OperationState.PENDING) };
        yield { header, operation: operation(OperationState.DONE) };
      },
    });
    expect(ran.code).toBe(0);
    expect(
      ran.out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).state),
    ).toEqual(["pending", "done"]);
  });

  test.each([
    [["operations", "abc"], "ID must have 32 hexadecimal digits"],
    [["operations", "--epoch", "4"], "--epoch goes with the ID"],
    [["operations", ID, "--epoch", "0"], "--epoch must be a whole number from 1"],
    [["transfer-writer", "--to", "5"], "takes a PARTITION or --all"],
    [["transfer-writer", "1", "--all", "--to", "5"], "takes a PARTITION or --all"],
    [["transfer-writer", "1"], "--to NODE"],
    [["transfer-writer", "2", "--to", "5"], "PARTITION must be a whole number from 0 to 1"],
    [["leave", "7"], "NODE must be the id or the address of a member"],
  ])("%j is wrong usage", async (args, text) => {
    const ran = await at(args, {});
    expect([ran.code, ran.error]).toEqual([2, expect.stringContaining(text)]);
  });
});

describe("onar leave", () => {
  test("asks by the address, waits until it is done, and says so", async () => {
    const asked: LeaveRequest[] = [];
    let polls = 0;
    const ran = await at(["leave", "127.0.0.1:4601"], {
      leave: async (request) => {
        asked.push(request);
        return { header, operation: operation(OperationState.PENDING, { id: request.operationId }) };
      },
      getOperation: async ({ operationId, epoch }) => {
        expect([operationId, epoch]).toEqual([asked[0]?.operationId, 4n]);
        return { header, operation: operation(++polls < 3 ? OperationState.PENDING : OperationState.DONE) };
      },
    });
    expect(ran).toMatchObject({ code: 0, error: "" });
    expect(ran.out).toContain("node 6 (127.0.0.1:4601) has left: view 5 is without it");
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ nodeId: OTHER, epoch: 4n, dryRun: false });
    expect(asked[0]?.operationId).toHaveLength(16);
  });

  test("draws a new id on the newest view when another operation won", async () => {
    const asked: LeaveRequest[] = [];
    const ran = await at(["leave", "6", "-o", "json"], {
      getView: async () => told(4n + BigInt(asked.length)),
      leave: async (request) => {
        asked.push(request);
        return { header, operation: operation(asked.length === 1 ? OperationState.SUPERSEDED : OperationState.DONE) };
      },
    });
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.out)).toMatchObject({ state: "done", doneEpoch: "5" });
    expect(asked.map(({ epoch }) => epoch)).toEqual([4n, 5n]);
    expect(asked[0]?.operationId).not.toEqual(asked[1]?.operationId);
  });

  test("that was refused changed nothing: exit code 1, with the reason", async () => {
    const ran = await at(["leave", "6"], {
      leave: async (_request, context) =>
        fail(context, { code: Status.FAILED_PRECONDITION, reason: "OPERATION_REFUSED" }),
    });
    expect([ran.code, ran.error]).toEqual([1, expect.stringContaining("because of OPERATION_REFUSED")]);
  });

  test("whose answer was lost asks what became of it, under the same id", async () => {
    const ids: Buffer[] = [];
    const ran = await at(["leave", "6"], {
      leave: async ({ operationId }, context) => {
        ids.push(operationId);
        return fail(context, { code: Status.UNAVAILABLE, reason: "NODE_LOST" });
      },
      getOperation: async ({ operationId }) => {
        ids.push(operationId);
        return { header, operation: operation(OperationState.DONE) };
      },
    });
    expect(ran.code).toBe(0);
    expect(ids[1]).toEqual(ids[0]);
  });

  test("whose fate nobody can tell is unknown: exit code 4, and how to ask again", async () => {
    const ran = await at(
      ["leave", "6"],
      {
        leave: async (_request, context) => fail(context, { code: Status.UNAVAILABLE, reason: "NODE_LOST" }),
        getOperation: async () => ({ header, operation: operation(OperationState.UNKNOWN) }),
      },
      ["--timeout", "1"],
    );
    expect(ran.code).toBe(4);
    expect(ran.error).toMatch(/ask again with: onar operations [0-9a-f]{32} --epoch 4/);
  });

  test("as a dry run shows the view that would come, and sends nothing else", async () => {
    const asked: LeaveRequest[] = [];
    const ran = await at(["leave", "6", "--dry-run"], {
      leave: async (request) => {
        asked.push(request);
        return {
          header,
          operation: operation(OperationState.POSSIBLE),
          view: viewAt(5n, { members: viewAt(5n).members.slice(0, 1) }),
        };
      },
    });
    expect(ran.code).toBe(0);
    expect(asked.map(({ dryRun }) => dryRun)).toEqual([true]);
    expect(ran.out).toContain("node 6 (127.0.0.1:4601) leaves: possible. Nothing was changed");
    expect(ran.out).not.toMatch(/│ .*127\.0\.0\.1:4601/);
  });
});

describe("onar transfer-writer", () => {
  const done = (asked: TransferWriterRequest[]): Handlers => ({
    transferWriter: async (request) => {
      asked.push(request);
      return { header, operation: operation(OperationState.DONE, { kind: OperationKind.TRANSFER_WRITER }) };
    },
  });

  test("names one partition, or all", async () => {
    const asked: TransferWriterRequest[] = [];
    const ran = await at(["transfer-writer", "1", "--to", "127.0.0.1:4701"], done(asked));
    expect(ran.out).toContain("node 6 (127.0.0.1:4601) is the preferred writer of partition 1 since view 5");
    expect((await at(["transfer-writer", "--all", "--to", "5"], done(asked))).code).toBe(0);
    expect(asked).toMatchObject([
      { nodeId: OTHER, partitions: [1], all: false },
      { nodeId: NODE_ID, partitions: [], all: true },
    ]);
  });

  test("as a dry run counts the other writers that would be preferred, also when there are none", async () => {
    const dry = async (view: View) =>
      (
        await at(["transfer-writer", "1", "--to", "5", "--dry-run"], {
          transferWriter: async () => ({ header, operation: operation(OperationState.POSSIBLE), view }),
        })
      ).out;
    const [one, other] = viewAt(5n).partitions;
    expect(await dry(viewAt(5n))).toContain("no other writer would be preferred");
    const next = viewAt(5n, { partitions: [one, { ...other, preferredNodeId: NODE_ID }] as View["partitions"] });
    expect(await dry(next)).toContain("view 5 would prefer other writers for 1 partition\n");
  });

  test("as a dry run counts what would change", async () => {
    const next = viewAt(5n, { partitions: viewAt(5n).partitions.map((one) => ({ ...one, preferredNodeId: NODE_ID })) });
    const ran = await at(["transfer-writer", "--all", "--to", "5", "--dry-run", "-o", "json"], {
      transferWriter: async () => ({ header, operation: operation(OperationState.POSSIBLE), view: next }),
    });
    expect(JSON.parse(ran.out)).toMatchObject({
      dryRun: true,
      state: "possible",
      preferenceChanges: [{ partition: 1, preferredNodeId: NODE_ID }],
    });
  });
});

describe("emptying a node", () => {
  const begun = (kind: OperationKind): Operation =>
    operation(OperationState.PENDING, {
      kind,
      partitionsLeft: 12,
      partitionsMoving: 4,
      explanation: "12 partitions are left",
    });

  test("tells that it has begun, and how to watch it, without waiting for its end", async () => {
    const ran = await at(["drain", "6"], {
      drain: async () => ({ header, operation: begun(OperationKind.DRAIN) }),
    });
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(
      /^node 6 \(127\.0\.0\.1:4601\) gives its replicas to others: begun, 12 partitions are to move\. Watch it with: onar operations 03/,
    );
  });

  test("waits for its end with --wait, by asking what became of it", async () => {
    let asked = 0;
    const ran = await at(["drain", "6", "--wait"], {
      drain: async () => ({ header, operation: begun(OperationKind.DRAIN) }),
      getOperation: async () => ({
        header,
        operation:
          ++asked < 3 ? begun(OperationKind.DRAIN) : operation(OperationState.DONE, { kind: OperationKind.DRAIN }),
      }),
    });
    expect(ran.code).toBe(0);
    expect(asked).toBe(3);
    expect(ran.out).toContain("keeps no partition any more, since view 5");
  });

  test("as a dry run counts what would go from where to where", async () => {
    const way = { fromNodeId: OTHER, toNodeId: NODE_ID };
    const moves: ReplicaMove[] = [
      { partition: 0, ...way, keys: 1_000n, bytes: 1_048_576n },
      { partition: 1, ...way, keys: 23n, bytes: 524_288n },
    ];
    const handlers: Handlers = {
      drain: async () => ({ header, operation: operation(OperationState.POSSIBLE), view: viewAt(5n), moves }),
    };
    const ran = await at(["drain", "6", "--dry-run"], handlers);
    expect(ran.out).toContain(
      "replicas that would move: 2: 1023 keys, about 1.5 MiB\n" +
        "  2 from node 6 (127.0.0.1:4601) to node 5 (127.0.0.1:4600): 1023 keys, about 1.5 MiB\n",
    );
    const json = await at(["drain", "6", "--dry-run", "-o", "json"], handlers);
    expect(JSON.parse(json.out)).toMatchObject({
      dryRun: true,
      moves: [
        { partition: 0, ...way, keys: "1000", bytes: "1048576" },
        { partition: 1, ...way, keys: "23", bytes: "524288" },
      ],
    });
    moves.push({ partition: 0, ...way });
    expect((await at(["drain", "6", "--dry-run"], handlers)).out).toContain("replicas that would move: 3\n");
  });

  test("as a dry run with nothing to move says so, and says nothing of writers that stay", async () => {
    const ran = await at(["rebalance", "--dry-run"], {
      rebalance: async () => ({ header, operation: operation(OperationState.POSSIBLE), view: viewAt(5n), moves: [] }),
    });
    expect(ran.code).toBe(0);
    expect(ran.out).toContain("Nothing was changed (--dry-run)\nno replica would move\nthe nodes of view 5:\n");
    expect(ran.out).not.toContain("writer");
  });

  test("names the node that takes over, and forces the removal only when told to", async () => {
    const asked: unknown[] = [];
    const handlers: Handlers = {
      replace: async (request) => {
        asked.push({ nodeId: request.nodeId, byNodeId: request.byNodeId });
        return { header, operation: operation(OperationState.DONE, { kind: OperationKind.REPLACE }) };
      },
      remove: async (request) => {
        asked.push({ nodeId: request.nodeId, force: request.force });
        return { header, operation: operation(OperationState.DONE, { kind: OperationKind.REMOVE }) };
      },
    };
    expect((await at(["replace", "6", "5"], handlers)).out).toContain(
      "has all replicas of node 6 (127.0.0.1:4601), since view 5",
    );
    await at(["remove", "6"], handlers);
    expect((await at(["remove", "6", "--force"], handlers)).out).toContain("is no member any more, since view 5");
    expect(asked).toEqual([
      { nodeId: OTHER, byNodeId: NODE_ID },
      { nodeId: OTHER, force: false },
      { nodeId: OTHER, force: true },
    ]);
  });

  test("shows how far it is, by bytes, and how long it will take", async () => {
    const progress = {
      ...{ partitions: 16, partitionsDone: 4, keys: 1_000n, keysMoved: 300n },
      ...{ bytes: 10_485_760n, bytesMoved: 3_145_728n, timeLeftMs: 90_500n },
    };
    const ran = (args: readonly string[]) =>
      at(["operations", ID, ...args], {
        getOperation: async () => ({ header, operation: { ...begun(OperationKind.DRAIN), progress } }),
      });
    expect((await ran([])).out).toContain(
      "12 partitions are left; 30 %, 4 of 16 partitions, 3.0 MiB of 10.0 MiB, 91 s left, 300 of 1000 keys",
    );
    expect(JSON.parse((await ran(["-o", "json"])).out).progress).toEqual({
      ...{ partitions: 16, partitionsDone: 4, keys: "1000", keysMoved: "300" },
      ...{ bytes: "10485760", bytesMoved: "3145728", timeLeftMs: "90500" },
    });
  });

  test("shows how far it is in the list of operations", async () => {
    const ran = await at(["operations", ID, "-o", "json"], {
      getOperation: async () => ({ header, operation: begun(OperationKind.REMOVE) }),
    });
    expect(ran.code).toBe(4);
    expect(JSON.parse(ran.out)).toMatchObject({
      kind: "remove",
      state: "pending",
      partitionsLeft: 12,
      partitionsMoving: 4,
    });
  });
});

describe("onar settings", () => {
  const settings = { movesPerNode: 4, replaceAfterMs: 90_500 };
  const handlers: Handlers = { getView: async () => told(4n, { settings }) };

  test("shows what the view says, and what is each node's own", async () => {
    const ran = await at(["settings"], handlers);
    expect(ran.out).toContain("the cluster's settings in view 4:");
    expect(ran.out).toMatch(/moves-per-node[ │]+4 /);
    expect(ran.out).toMatch(/replace-after[ │]+90\.5 /);
    expect(ran.out).toMatch(/transfer-rate[ │]+each node's own /);
    const json = await at(["settings", "-o", "json"], handlers);
    expect(JSON.parse(json.out)).toEqual({
      viewEpoch: "4",
      settings: {
        movesPerNode: 4,
        movesPerCluster: null,
        transferRateMib: null,
        transferPartitions: null,
        replaceAfterMs: 90_500,
      },
    });
  });

  test("asks for what is named and for nothing else, and tells what was done", async () => {
    const asked: Partial<ChangeSettingsRequest>[] = [];
    const ran = await at(["settings", "transfer-rate=64", "replace-after=0", "moves-per-node=default"], {
      changeSettings: async ({ settings: wanted, unset, epoch, dryRun }) => {
        asked.push({ settings: wanted, unset, epoch, dryRun });
        return { header, operation: operation(OperationState.DONE, { kind: OperationKind.CHANGE_SETTINGS }) };
      },
    });
    expect(ran.out).toBe("moves-per-node is each node's own, transfer-rate is 64, replace-after is 0, since view 5\n");
    expect(asked).toMatchObject([
      {
        settings: { transferRateMib: 64, replaceAfterMs: 0, movesPerNode: undefined },
        unset: [ClusterSetting.MOVES_PER_NODE],
        epoch: 4n,
        dryRun: false,
      },
    ]);
  });

  test("as a dry run shows the settings that would come", async () => {
    const changeSettings: Handlers["changeSettings"] = async () => ({
      header,
      operation: operation(OperationState.POSSIBLE),
      view: viewAt(5n, { settings: { movesPerNode: 8 } }),
    });
    const ran = await at(["settings", "moves-per-node=8", "--dry-run"], { changeSettings });
    expect(ran.out).toContain("moves-per-node is 8: possible. Nothing was changed (--dry-run)\n");
    expect(ran.out).toMatch(/moves-per-node[ │]+8 /);
    const json = await at(["settings", "moves-per-node=8", "--dry-run", "-o", "json"], { changeSettings });
    expect(JSON.parse(json.out)).toMatchObject({ dryRun: true, settings: { movesPerNode: 8 } });
  });

  test.each([
    ["moves-per-node=0", "moves-per-node must be a whole number from 1 to 1024"],
    ["moves-per-cluster=0", "moves-per-cluster must be a whole number from 1 to 65536"],
    ["transfer-rate=0", "transfer-rate must be a whole number from 1 to 10000"],
    ["transfer-rate=10001", "transfer-rate must be a whole number from 1 to 10000"],
    ["transfer-partitions=1025", "transfer-partitions must be a whole number from 1 to 1024"],
    ["replace-after=3601", "replace-after must be 0, or a number of seconds from 0.001 to 3600"],
    ["replace-after=-1", "replace-after must be 0, or a number of seconds from 0.001 to 3600"],
    ["color=red", "a setting must be NAME=VALUE, with NAME one of moves-per-node, moves-per-cluster, transfer-rate,"],
    ["moves-per-node", "a setting must be NAME=VALUE"],
  ])("refuses %s before it asks anybody", async (word, text) => {
    const ran = await onar(["settings", word, "--endpoint", "127.0.0.1:1"]);
    expect([ran.code, ran.error]).toEqual([2, expect.stringContaining(text)]);
  });

  test("refuses a name that comes twice, and a dry run of nothing", async () => {
    const twice = await onar(["settings", "moves-per-node=1", "moves-per-node=default", "-e", "127.0.0.1:1"]);
    expect([twice.code, twice.error]).toEqual([2, expect.stringContaining("moves-per-node is named twice")]);
    const dry = await onar(["settings", "--dry-run", "-e", "127.0.0.1:1"]);
    expect([dry.code, dry.error]).toEqual([2, expect.stringContaining("--dry-run goes with NAME=VALUE")]);
  });
});
