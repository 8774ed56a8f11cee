/**
 * `onar status`: the cluster, asked of one node and then of all the nodes that it names. Nodes see the cluster differently and know less of
 * partitions that they have no replica of, so each partition's writer is taken from whoever knows the highest ballot of it.
 */

import Table from "cli-table3";
import { createClient } from "nice-grpc";
import {
  type NodeStatus,
  type PartitionStatus,
  ReconfigurationServiceDefinition,
  StatusResponse,
} from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { type Address, address } from "./arguments.js";
import { call } from "./call.js";
import { type CommonOptions, formatOf, targetOf } from "./commands.js";
import { EXIT, type ExitCode, messageOf } from "./exit.js";
import type { Io } from "./io.js";

/** Nodes other than the first are asked all at once and not waited for longer. */
const OTHERS_MS = 2_000;

export const askStatus = (endpoints: readonly Address[], timeoutMs: number): Promise<StatusResponse> =>
  call("read", { endpoints, timeoutMs }, (channel, options) =>
    createClient(ReconfigurationServiceDefinition, channel).status({}, options),
  );

export interface NodeRow {
  readonly node: NodeStatus;
  /** Whether it answered this command. */
  readonly answers: boolean;
  /** Partitions whose writer it is. */
  readonly writes: number;
  /** Partitions that it keeps a replica of. */
  readonly keeps: number;
}

export interface Summary {
  /** The node that was asked first. */
  readonly askedNodeId: number;
  readonly clusterId: string;
  readonly viewEpoch: bigint;
  readonly nodes: readonly NodeRow[];
  readonly partitions: number;
  readonly withWriter: number;
  /** Partitions without a writer, in order. */
  readonly withoutWriter: readonly number[];
}

export async function status(options: CommonOptions, io: Io): Promise<ExitCode> {
  const format = formatOf(options);
  const target = targetOf(options, io);
  const first = await askStatus(target.endpoints, target.timeoutMs);
  const answers = [first, ...(await askOthers(first, Math.min(OTHERS_MS, target.timeoutMs)))];
  const summary = summarize(answers);
  io.out(format === "json" ? `${JSON.stringify(asJson(summary, answers))}\n` : asTable(summary));
  return EXIT.done;
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
  for (const partition of [...newest.keys()].sort((a, b) => a - b)) {
    const status = newest.get(partition)?.status;
    if (status === undefined) continue;
    if (status.writerNodeId === 0) withoutWriter.push(partition);
    else writes.set(status.writerNodeId, (writes.get(status.writerNodeId) ?? 0) + 1);
    for (const replica of status.replicas) keeps.set(replica.nodeId, (keeps.get(replica.nodeId) ?? 0) + 1);
  }
  const answered = new Set(answers.map((answer) => answer.header?.nodeId ?? 0));
  return {
    askedNodeId: first.header?.nodeId ?? 0,
    clusterId: first.header?.clusterId.toString("hex") ?? "",
    viewEpoch: first.header?.viewEpoch ?? 0n,
    nodes: [...first.nodes].sort(byAddress).map((node) => ({
      node,
      answers: node.id !== 0 && answered.has(node.id),
      writes: writes.get(node.id) ?? 0,
      keeps: keeps.get(node.id) ?? 0,
    })),
    partitions: newest.size,
    withWriter: newest.size - withoutWriter.length,
    withoutWriter,
  };
}

/** People know nodes by where they are; ids are drawn at random. */
const byAddress = (a: NodeStatus, b: NodeStatus): number =>
  a.clientAddress.localeCompare(b.clientAddress, "en", { numeric: true }) || a.id - b.id;

/** A writer knows its own office best; otherwise the higher ballot is the later one, and knowing a writer beats knowing none. */
function knowsBetter(a: PartitionStatus, aBy: number, b: PartitionStatus, bBy: number): boolean {
  if (a.groupEpoch !== b.groupEpoch) return a.groupEpoch > b.groupEpoch;
  if (a.ballotRound !== b.ballotRound) return a.ballotRound > b.ballotRound;
  const own = (status: PartitionStatus, by: number): number =>
    status.writerNodeId === 0 ? 0 : status.writerNodeId === by ? 2 : 1;
  return own(a, aBy) > own(b, bBy);
}

export function asTable(summary: Summary): string {
  const table = new Table({
    head: ["node", "clients", "peers", "zone", "heard", "answers", "writer of", "replica of", "version"],
    style: { head: [], border: [], compact: true },
    colAligns: ["right", "left", "left", "left", "left", "left", "right", "right", "left"],
  });
  for (const { node, answers, writes, keeps } of summary.nodes) {
    table.push([
      node.id === 0 ? "?" : String(node.id),
      node.clientAddress || "-",
      node.peerAddress || "-",
      node.zone || "-",
      node.heard ? "yes" : "NO",
      answers ? "yes" : "NO",
      String(writes),
      String(keeps),
      node.softwareVersion || "-",
    ]);
  }
  const lines = table.length === 0 ? [] : [table.toString()];
  if (summary.viewEpoch === 0n) {
    const missing = summary.nodes.filter((row) => !row.node.heard).map((row) => row.node.peerAddress);
    lines.push(`there is no cluster yet${missing.length === 0 ? "" : `: waiting for ${missing.join(", ")}`}`);
  } else {
    lines.push(
      `${summary.partitions} partitions: ${summary.withWriter} with a writer, ${summary.withoutWriter.length} without${listed(summary.withoutWriter)}`,
    );
    lines.push(
      `cluster ${summary.clusterId}, view ${summary.viewEpoch}; "heard" is as node ${summary.askedNodeId} sees it`,
    );
  }
  return `${lines.join("\n")}\n`;
}

function listed(partitions: readonly number[]): string {
  if (partitions.length === 0) return "";
  return ` (${partitions.slice(0, 12).join(", ")}${partitions.length > 12 ? ", …" : ""})`;
}

/** The summary, and everything that each node answered, in the protobuf JSON form (64-bit numbers as strings, bytes as base64). */
export function asJson(summary: Summary, answers: readonly StatusResponse[]): object {
  return {
    clusterId: summary.clusterId,
    viewEpoch: summary.viewEpoch.toString(),
    askedNodeId: summary.askedNodeId,
    nodes: summary.nodes.map(({ node, answers: answering, writes, keeps }) => ({
      id: node.id,
      clientAddress: node.clientAddress,
      peerAddress: node.peerAddress,
      zone: node.zone,
      heard: node.heard,
      answers: answering,
      writerOf: writes,
      replicaOf: keeps,
      softwareVersion: node.softwareVersion,
    })),
    partitions: { count: summary.partitions, withWriter: summary.withWriter, withoutWriter: summary.withoutWriter },
    answers: answers.map((answer) => StatusResponse.toJSON(answer)),
  };
}
