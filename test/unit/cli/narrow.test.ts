/** Tables and sentences of the command line on a terminal of 60 columns: no line is longer, and nothing is cut. */
import { afterEach, describe, expect, test } from "vitest";
import {
  MemberState,
  type Operation,
  OperationKind,
  OperationState,
  StatusResponse,
  StorageKind,
  View,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { wrapped } from "../../../src/cli/terminal/wrap.js";
import { CLUSTER_ID, fakeNode, onar, stopFakeNodes, viewOf } from "./fake-node.js";

afterEach(stopFakeNodes);

const COLUMNS = 60;
/** As long as the ids that nodes draw can be. */
const IDS = [4_294_967_295, 3_294_967_294, 2_294_967_293, 1_294_967_292, 1_094_967_291];
/** As long as addresses mostly are, and at this machine. */
const addressOf = (i: number, port: number): string => `127.168.112.${100 + i}:${port}`;
const { header } = viewOf(CLUSTER_ID);

const member = (id: number, i: number) => ({
  id,
  clientAddress: addressOf(i, 46_000),
  peerAddress: addressOf(i, 47_000),
  zone: `europe-west-${i}`,
});

const VIEW = View.fromPartial({
  clusterId: CLUSTER_ID,
  epoch: 1_234_567n,
  replicationFactor: 5,
  partitionCount: 3,
  members: IDS.map((id, i) => ({ ...member(id, i), state: i === 0 ? MemberState.DRAINING : MemberState.ACTIVE })),
  partitions: [0, 1, 4_095].map((partition) => ({
    partition,
    replicas: IDS,
    groupEpoch: 1_234_567n,
    preferredNodeId: IDS[1] as number,
  })),
  voters: IDS,
});

const STATUS = StatusResponse.fromPartial({
  header: { nodeId: IDS[0] as number, viewEpoch: 1_234_567n, clusterId: CLUSTER_ID },
  nodes: IDS.map((id, i) => ({
    ...member(id, i),
    heard: i < 3,
    uptimeMs: 86_400_000n * 30n,
    storage: StorageKind.LOG,
    softwareVersion: "0.1.0",
    trouble: i === 4 ? "its cluster secret and that of this node differ, so that it is refused again and again" : "",
  })),
  partitions: Array.from({ length: 20 }, (_, partition) => ({
    partition,
    writerNodeId: partition < 5 ? (IDS[0] as number) : 0,
    ballotRound: 1n,
    groupEpoch: 1n,
    replicas: IDS.map((nodeId) => ({ nodeId })),
    behind: 123_456_789n,
    keys: 123_456n,
    bytes: 12_345_678_901n,
  })),
  diskFreeBytes: 123_456_789_012n,
  diskRoomBytes: 123_456_789_012n,
});

const OPERATIONS: readonly Operation[] = [
  [OperationKind.TRANSFER_WRITER, OperationState.DONE, "view 1234567 did it"],
  [
    OperationKind.LEAVE,
    OperationState.PENDING,
    `node ${IDS[0]} is leaving, and its partitions are given to others first`,
  ],
].map(([kind, state, explanation], i) => ({
  id: Buffer.alloc(16, 0xab),
  kind: kind as OperationKind,
  nodeId: IDS[i] as number,
  epoch: 1_234_566n,
  state: state as OperationState,
  doneEpoch: 1_234_567n,
  explanation: explanation as string,
  partitionsLeft: 4_096,
  partitionsMoving: 64,
  byNodeId: 0,
  progress: undefined,
  replicas: 0,
}));
const ID = "ab".repeat(16);

const COMMANDS: readonly (readonly string[])[] = [
  ["status"],
  ["nodes"],
  ["view"],
  ["view", "--partitions"],
  ["operations"],
  ["operations", ID],
  ["doctor"],
  ["leave", String(IDS[4]), "--dry-run"],
  ["transfer-writer", "2", "--to", String(IDS[4]), "--dry-run"],
];

async function shownAt(columns: number, command: readonly string[]): Promise<string[]> {
  const dry = async () => ({ header, operation: OPERATIONS[0], view: VIEW });
  const { address } = await fakeNode({
    status: async () => STATUS,
    getView: async () => ({ header, view: VIEW, digest: Buffer.alloc(32, 9) }),
    listOperations: async () => ({ header, operations: [...OPERATIONS], forgottenEpoch: 1_230_000n }),
    getOperation: async () => ({ header, operation: OPERATIONS[1] }),
    leave: dry,
    transferWriter: dry,
  });
  const { out } = await onar([...command, "--endpoint", address, "--timeout", "3"], { columns });
  return out.trimEnd().split("\n");
}

const isTable = (line: string): boolean => /^[┌├│└]/.test(line);
/** The words below and above tables, in order, however lines are broken. Times and ports differ. */
const wordsOf = (lines: readonly string[]): string =>
  lines
    .filter((line) => !isTable(line))
    .join(" ")
    .replaceAll(/\(a wider terminal.*?\)/g, "")
    .replaceAll(/\d+(\.\d+)?/g, "0")
    .replaceAll(/\s+/g, " ")
    .trim();
/** Cells by table and name of their column: those of a row that goes on below are put together. */
function cellsOf(lines: readonly string[]): Map<string, string> {
  const cells = new Map<string, string>();
  let names: readonly string[] = [];
  let table = 0;
  for (const [at, line] of lines.entries()) {
    if (line.startsWith("┌")) table += 1;
    if (!line.startsWith("│")) continue;
    const row = line.split("│").slice(1, -1);
    if (lines[at - 1]?.startsWith("┌") === true) names = row.map((cell) => `${table} ${cell.trim()}`);
    else for (const [i, name] of names.entries()) cells.set(name, `${cells.get(name) ?? ""} ${row[i]?.trim()}`.trim());
  }
  return cells;
}

describe("on a terminal of 60 columns", () => {
  test.each(COMMANDS.map((command) => [command.join(" "), command] as const))(
    "onar %s cuts nothing",
    async (_, command) => {
      const wide = await shownAt(1_000, command);
      const narrow = await shownAt(COLUMNS, command);
      expect(narrow.filter((line) => line.length > COLUMNS)).toEqual([]);
      if (command[0] !== "doctor") expect(wordsOf(narrow)).toBe(wordsOf(wide));
      // Each column of a table is whole, or is said to be left out.
      const [all, kept] = [cellsOf(wide), cellsOf(narrow)];
      const said = [...narrow.join(" ").matchAll(/\(a wider terminal shows (.*?), too;/g)].flatMap(([, names]) =>
        (names ?? "").replaceAll(/\s+/g, " ").split(", "),
      );
      for (const [name, cell] of all) {
        if (kept.has(name)) expect(kept.get(name), name).toBe(cell);
        else expect(said).toContain(name.slice(2));
      }
    },
  );

  test("sentences end between words, and longer words stay whole", () => {
    expect(wrapped("one two three", 7)).toBe("one two\nthree");
    expect(wrapped("one two three", 7, 2)).toBe("one two\n  three");
    expect(wrapped("  → one two", 7, 4)).toBe("  → one\n    two");
    expect(wrapped("see https://example.org now", 8)).toBe("see\nhttps://example.org\nnow");
    expect(wrapped("short", Number.POSITIVE_INFINITY)).toBe("short");
  });
});
