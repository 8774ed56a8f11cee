/**
 * `onar status`: the cluster, asked of one node and then of all the nodes that it names. Nodes see the cluster
 * differently and know less of partitions that they have no replica of. So each partition's writer is taken from the
 * node that knows the highest ballot of it.
 */

import {
  type NodeStatus,
  type PartitionStatus,
  ReconfigurationServiceDefinition,
  StatusResponse,
  StorageKind,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { unreachable } from "../../base/assert.js";
import { byteText } from "../../base/byte-text.js";
import { compareNaturally } from "../../base/natural-order.js";
import { jsonText, printable } from "../../base/printable.js";
import { type Address, address, formatAddress } from "../../config/values.js";
import { call, type Target } from "../calls/call.js";
import { EXIT, type ExitCode, messageOf } from "../ending/exit.js";
import { type CommonOptions, formatOf, targetOf } from "../flags/target.js";
import { headerFields } from "../keys/print.js";
import type { Io } from "../terminal/io.js";
import { type Paint, paintOf } from "../terminal/paint.js";
import { showProgress } from "../terminal/progress.js";
import { type Column, tableLines } from "../terminal/table.js";
import { wrapped } from "../terminal/wrap.js";
import { judge } from "./judgement.js";
import { shortageOf } from "./shortage.js";
import { type NodeRow, nameOf, type Summary } from "./summary.js";

const SERVICE = ReconfigurationServiceDefinition;
/** Nodes other than the first are asked all at once and not waited for longer. */
const OTHERS_MS = 2_000;

export const askStatus = (
  endpoints: readonly Address[],
  timeoutMs: number,
  target: Partial<Target> = {},
): Promise<StatusResponse> =>
  call({ ...target, endpoints, timeoutMs }, async (channel, options) =>
    printableStatus(await channel.unary(SERVICE, SERVICE.methods.status, { partitions: [] }, options)),
  );

/** Characters of an address, a zone, a version. */
const MAX_TEXT = 300;

/** The texts in it are what nodes say of themselves and of others. */
export const printableStatus = (answer: StatusResponse): StatusResponse => ({
  ...answer,
  nodes: answer.nodes.map((node) => ({
    ...node,
    clientAddress: printable(node.clientAddress, MAX_TEXT),
    peerAddress: printable(node.peerAddress, MAX_TEXT),
    trouble: printable(node.trouble, 4 * MAX_TEXT),
    zone: printable(node.zone, MAX_TEXT),
    softwareVersion: printable(node.softwareVersion, MAX_TEXT),
  })),
});

export async function status(options: CommonOptions, io: Io): Promise<ExitCode> {
  const format = formatOf(options, io);
  const target = targetOf(options, io);
  const asking = () => `waiting for ${target.endpoints.map(formatAddress).join(", ")}`;
  const answers = await askAll(target, (first) => showProgress(io, asking, first));
  const summary = summarize(answers);
  io.out(format === "json" ? `${jsonText(asJson(summary, answers))}\n` : asTable(summary, paintOf(io), io.columns?.()));
  return judge(summary).verdict === "not-well" ? EXIT.notDone : EXIT.done;
}

/**
 * The answer of the node that is asked first, then those of the nodes that it names. `shown`: what people see while the
 * first is waited for.
 */
export async function askAll(
  target: Target,
  shown: (first: Promise<StatusResponse>) => Promise<StatusResponse> = (first) => first,
): Promise<StatusResponse[]> {
  const { endpoints, timeoutMs } = target;
  const first = await shown(askStatus(endpoints, timeoutMs, target));
  return [first, ...(await askOthers(first, Math.min(OTHERS_MS, timeoutMs)))];
}

async function askOthers(first: StatusResponse, timeoutMs: number): Promise<StatusResponse[]> {
  const others = first.nodes.filter(
    (node) => node.id !== 0 && node.id !== first.header?.nodeId && node.clientAddress !== "",
  );
  const asked = await Promise.all(
    others.map(async (node) => {
      try {
        return await askStatus([address("client address", node.clientAddress, 1)], timeoutMs);
      } catch (error) {
        // Advertised for other networks than ours, or gone: the table says so.
        void messageOf(error);
        return null;
      }
    }),
  );
  const cluster = first.header?.clusterId.toString("hex");
  return asked.filter(
    (answer): answer is StatusResponse => answer !== null && answer.header?.clusterId.toString("hex") === cluster,
  );
}

/** Puts together what several nodes say; the first answer decides who is in the cluster and who is heard. */
export function summarize(answers: readonly StatusResponse[]): Summary {
  const first = answers[0] ?? StatusResponse.create();
  const newest = new Map<number, { readonly status: PartitionStatus; readonly by: number }>();
  for (const answer of answers) {
    const by = answer.header?.nodeId ?? 0;
    for (const status of answer.partitions) {
      const known = newest.get(status.partition);
      if (known === undefined || knowsBetter(status, by, known.status, known.by))
        newest.set(status.partition, { status, by });
    }
  }
  const writes = new Map<number, number>();
  const keeps = new Map<number, number>();
  const withoutWriter: number[] = [];
  const moving: number[] = [];
  const statuses = [...newest.values()].map(({ status }) => status).sort((a, b) => a.partition - b.partition);
  for (const status of statuses) {
    if (status.moving) moving.push(status.partition);
    if (status.writerNodeId === 0) withoutWriter.push(status.partition);
    else writes.set(status.writerNodeId, (writes.get(status.writerNodeId) ?? 0) + 1);
    for (const { nodeId } of status.replicas) keeps.set(nodeId, (keeps.get(nodeId) ?? 0) + 1);
  }
  const answered = new Map(answers.map((answer) => [answer.header?.nodeId ?? 0, answer]));
  const nodes = [...first.nodes].sort(byAddress).map((node) => ({
    node,
    answers: node.id !== 0 && answered.has(node.id),
    writes: writes.get(node.id) ?? 0,
    keeps: keeps.get(node.id) ?? 0,
    behind: behindOf(answered.get(node.id)),
    held: heldBy(answered.get(node.id)),
    diskFree: numberOf(answered.get(node.id)?.diskFreeBytes),
    diskFull: answered.get(node.id)?.diskFull === true,
    diskStandingMs: Number(answered.get(node.id)?.diskStandingMs ?? 0n),
    descriptorsShortMs: Number(answered.get(node.id)?.descriptorsShortMs ?? 0n),
  }));
  return {
    askedNodeId: first.header?.nodeId ?? 0,
    clusterId: first.header?.clusterId.toString("hex") ?? "",
    viewEpoch: first.header?.viewEpoch ?? 0n,
    nodes,
    partitions: newest.size,
    withWriter: newest.size - withoutWriter.length,
    withoutWriter,
    moving,
    ...shortageOf(nodes, statuses),
  };
}

/**
 * Revisions would not do: they jump when a writer changes, and a node that comes back knows the latest long before it
 * has the keys.
 */
function behindOf(answer: StatusResponse | undefined): number | null {
  const told = (answer?.partitions ?? []).flatMap(({ behind }) => (behind === undefined ? [] : [Number(behind)]));
  return told.length === 0 ? null : told.reduce((sum, one) => sum + one, 0);
}

function heldBy(answer: StatusResponse | undefined): NodeRow["held"] {
  const told = (answer?.partitions ?? []).filter(({ keys }) => keys !== undefined);
  if (told.length === 0) return null;
  const sum = (numbers: readonly (bigint | undefined)[]): number =>
    numbers.reduce((all: number, one) => all + Number(one ?? 0n), 0);
  return { keys: sum(told.map(({ keys }) => keys)), bytes: sum(told.map(({ bytes }) => bytes)) };
}

const numberOf = (value: bigint | undefined): number | null => (value === undefined ? null : Number(value));

/** People know nodes by where they are; ids are drawn at random. */
const byAddress = (a: NodeStatus, b: NodeStatus): number =>
  compareNaturally(a.clientAddress, b.clientAddress) || a.id - b.id;

/**
 * A writer knows its own office best; otherwise the higher ballot is the later one, and knowing a writer beats knowing
 * none.
 */
function knowsBetter(a: PartitionStatus, aBy: number, b: PartitionStatus, bBy: number): boolean {
  if (a.groupEpoch !== b.groupEpoch) return a.groupEpoch > b.groupEpoch;
  if (a.ballotRound !== b.ballotRound) return a.ballotRound > b.ballotRound;
  const own = (status: PartitionStatus, by: number): number =>
    status.writerNodeId === 0 ? 0 : status.writerNodeId === by ? 2 : 1;
  return own(a, aBy) > own(b, bBy);
}

/** Left out first where a terminal is too narrow for a line of it. */
const LEFT_OUT = ["version", "storage", "keys", "up", "zone", "peers", "free", "data", "node", "replica of", "behind"];

/** `columns`: how wide a line may be, if that is known. */
export function asTable(summary: Summary, paint: Paint, columns = Number.POSITIVE_INFINITY): string {
  const table = { columns: columnsOf(paint), rows: summary.nodes, leftOut: LEFT_OUT, width: columns };
  const rows = summary.nodes.length === 0 ? [] : tableLines(table);
  if (summary.viewEpoch === 0n) return `${[verdictLine(summary, paint, columns), ...rows].join("\n")}\n`;
  const lines = [verdictLine(summary, paint, columns), ...rows];
  for (const { node } of summary.nodes) {
    if (node.trouble !== "")
      lines.push(paint.bad(wrapped(`node ${node.id} at ${node.peerAddress}: ${node.trouble}`, columns)));
  }
  const below = [
    `${summary.partitions} partitions: ${summary.withWriter} with a writer, ${summary.withoutWriter.length} without${listed(summary.withoutWriter)}${shortTold(summary)}${movingTold(summary)}`,
    `cluster ${summary.clusterId}, view ${summary.viewEpoch}; "heard" is as ${askedName(summary)} sees it, "behind" counts changes still to come`,
  ];
  for (const sentence of below) lines.push(wrapped(sentence, columns));
  return `${lines.join("\n")}\n`;
}

function askedName({ askedNodeId, nodes }: Summary): string {
  const asked = nodes.find(({ node }) => node.id === askedNodeId);
  return asked === undefined ? `node ${askedNodeId}` : nameOf(asked.node);
}

const columnsOf = ({ good, bad }: Paint): Column<NodeRow>[] => {
  const yes = (is: boolean): string => (is ? good("yes") : bad("NO"));
  return [
    { name: "node", align: "right", text: ({ node }) => (node.id === 0 ? "?" : String(node.id)) },
    { name: "clients", align: "left", text: ({ node }) => node.clientAddress || "-" },
    { name: "peers", align: "left", text: ({ node }) => node.peerAddress || "-" },
    { name: "zone", align: "left", text: ({ node }) => node.zone || "-" },
    { name: "heard", align: "left", text: ({ node }) => yes(node.heard) },
    { name: "answers", align: "left", text: ({ answers }) => yes(answers) },
    { name: "writer of", align: "right", text: ({ writes }) => String(writes) },
    { name: "replica of", align: "right", text: ({ keeps }) => String(keeps) },
    { name: "behind", align: "right", text: ({ behind }) => (behind === null ? "-" : String(behind)) },
    { name: "keys", align: "right", text: ({ held }) => (held === null ? "-" : String(held.keys)) },
    { name: "data", align: "right", text: ({ held }) => (held === null ? "-" : byteText(held.bytes)) },
    { name: "free", align: "right", text: ({ diskFree }) => (diskFree === null ? "-" : byteText(diskFree)) },
    { name: "up", align: "right", text: ({ node }) => (node.heard ? span(node.uptimeMs) : "-") },
    { name: "storage", align: "left", text: ({ node }) => storageName(node.storage) },
    { name: "version", align: "left", text: ({ node }) => node.softwareVersion || "-" },
  ];
};

const movingTold = ({ moving }: Summary): string =>
  moving.length === 0
    ? ""
    : `; ${moving.length} move: they have fewer ready copies than they should for now (onar operations tells how far)`;

function shortTold({ underReplicated, withoutQuorum }: Summary): string {
  const short = underReplicated.length === 0 ? "" : `; ${underReplicated.length} lack a replica`;
  return withoutQuorum.length === 0 ? short : `${short}, ${withoutQuorum.length} a majority${listed(withoutQuorum)}`;
}

/** The first line, for those who read no further. */
function verdictLine(summary: Summary, { good, bad, doubtful, strong }: Paint, columns: number): string {
  const { verdict, reasons } = judge(summary);
  switch (verdict) {
    case "not-well":
      return strong(
        bad(wrapped(summary.viewEpoch === 0n ? reasons.join("; ") : `NOT WELL: ${reasons.join("; ")}`, columns)),
      );
    case "look":
      return strong(doubtful(wrapped(`look: ${reasons.join("; ")}`, columns)));
    case "well":
      return strong(
        good(wrapped(`well: all ${summary.nodes.length} nodes are there, every partition has a writer`, columns)),
      );
    default:
      return unreachable(verdict);
  }
}

function storageName(kind: StorageKind): string {
  if (kind === StorageKind.MEMORY) return "memory";
  return kind === StorageKind.LOG ? "disk" : "-";
}

/** "3 min": for people, one unit. */
export function span(ms: bigint | undefined): string {
  if (ms === undefined) return "-";
  const seconds = Number(ms) / 1_000;
  const units: readonly [string, number][] = [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
  ];
  for (const [unit, length] of units) if (seconds >= 2 * length) return `${Math.floor(seconds / length)} ${unit}`;
  return `${Math.floor(seconds)} s`;
}

function listed(partitions: readonly number[]): string {
  if (partitions.length === 0) return "";
  return ` (${partitions.slice(0, 12).join(", ")}${partitions.length > 12 ? ", …" : ""})`;
}

/**
 * The summary, and everything that each node answered, in the protobuf JSON form: 64-bit numbers as strings, zeros left
 * out.
 */
function asJson(summary: Summary, answers: readonly StatusResponse[]): object {
  return {
    clusterId: summary.clusterId,
    viewEpoch: summary.viewEpoch.toString(),
    askedNodeId: summary.askedNodeId,
    nodes: summary.nodes.map(({ node, answers: answering, writes, keeps, ...told }) => ({
      id: node.id,
      clientAddress: node.clientAddress,
      peerAddress: node.peerAddress,
      zone: node.zone,
      heard: node.heard,
      answers: answering,
      writerOf: writes,
      replicaOf: keeps,
      behind: told.behind,
      keys: told.held?.keys ?? null,
      bytes: told.held?.bytes ?? null,
      diskFreeBytes: told.diskFree,
      diskFull: told.diskFull,
      diskStandingMs: told.diskStandingMs,
      descriptorsShortMs: told.descriptorsShortMs,
      softwareVersion: node.softwareVersion,
    })),
    ...judge(summary),
    partitions: {
      count: summary.partitions,
      withWriter: summary.withWriter,
      withoutWriter: summary.withoutWriter,
      moving: summary.moving,
      underReplicated: summary.underReplicated,
      withoutQuorum: summary.withoutQuorum,
    },
    waitingFor: summary.waitingFor,
    answers: answers.map((answer) => ({
      ...Object(StatusResponse.toJSON(answer)),
      header: headerFields(answer.header),
    })),
  };
}
