/**
 * `onar view` and `onar nodes`: the newest view that a node knows, and its members. Nodes are called by id or by one of
 * their addresses.
 */
import {
  type Member,
  MemberState,
  type PartitionPlacement,
  ReconfigurationServiceDefinition,
  type View,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { compareNaturally } from "../../base/natural-order.js";
import { jsonText, printable } from "../../base/printable.js";
import { formatAddress, quote } from "../../config/values.js";
import { call, type Target } from "../calls/call.js";
import { watch } from "../calls/watch.js";
import { EXIT, type ExitCode, usage } from "../ending/exit.js";
import { type CommonOptions, formatOf, targetOf } from "../flags/target.js";
import type { Io } from "../terminal/io.js";
import { showProgress } from "../terminal/progress.js";
import { type Column, tableLines, widthOf } from "../terminal/table.js";
import { wrapped } from "../terminal/wrap.js";
import { settingsJson } from "./settings-text.js";

const SERVICE = ReconfigurationServiceDefinition;

export interface ViewOptions extends CommonOptions {
  readonly partitions?: true;
  readonly watch?: true;
}

/** A view, and its SHA-256. */
export interface Told {
  readonly view: View;
  readonly digest: Buffer;
}

/** Characters of an address or a zone. */
const MAX_TEXT = 300;

export async function view(options: ViewOptions, io: Io): Promise<ExitCode> {
  const format = formatOf(options, io);
  const target = targetOf(options, io);
  const show = (told: Told): void =>
    io.out(format === "json" ? `${jsonText(viewJson(told))}\n` : viewText(told, options.partitions === true, io));
  if (options.watch !== true) {
    show(await shown(io, target, askView(target)));
    return EXIT.done;
  }
  let last = 0n;
  await watch(
    target,
    (channel, signal) => channel.many(SERVICE, SERVICE.methods.watchView, {}, { signal }),
    (answer) => {
      const told = toldBy(answer);
      // The next node that is asked may be behind.
      if (told.view.epoch > last) show(told);
      if (told.view.epoch > last) last = told.view.epoch;
      return false;
    },
  );
  return EXIT.done;
}

export async function nodes(options: CommonOptions, io: Io): Promise<ExitCode> {
  const format = formatOf(options, io);
  const target = targetOf(options, io);
  const { view: newest } = await shown(io, target, askView(target));
  if (format === "json") {
    const { clusterId, epoch } = newest;
    io.out(
      `${jsonText({ clusterId: clusterId.toString("hex"), viewEpoch: String(epoch), nodes: newest.members.map((member) => memberJson(newest, member)) })}\n`,
    );
    return EXIT.done;
  }
  io.out(`${membersTable(newest, widthOf(io)).join("\n")}\n`);
  return EXIT.done;
}

/** Progress while nodes are waited for. */
export const shown = <T>(io: Io, target: Target, work: Promise<T>): Promise<T> =>
  showProgress(io, () => `waiting for ${target.endpoints.map(formatAddress).join(", ")}`, work);

export const askView = (target: Target): Promise<Told> =>
  call(target, async (channel, options) => toldBy(await channel.unary(SERVICE, SERVICE.methods.getView, {}, options)));

function toldBy({ view: newest, digest }: { readonly view: View | undefined; readonly digest: Buffer }): Told {
  if (newest === undefined) throw new Error("a node answered without its view");
  return { view: readable(newest), digest };
}

/** As people may see it: addresses and zones are what nodes say of themselves. */
export function readable(newest: View): View {
  const members = newest.members.map((member) => ({
    ...member,
    clientAddress: printable(member.clientAddress, MAX_TEXT),
    peerAddress: printable(member.peerAddress, MAX_TEXT),
    zone: printable(member.zone, MAX_TEXT),
  }));
  return { ...newest, members: members.toSorted(byAddress) };
}

/** People know nodes by where they are; ids are drawn at random. */
const byAddress = (a: Member, b: Member): number => compareNaturally(a.clientAddress, b.clientAddress) || a.id - b.id;

/** The member that people mean: by its id, or by an address at which it serves. */
export function memberNamed(newest: View, text: string): Member {
  const found = newest.members.find(
    ({ id, clientAddress, peerAddress }) => String(id) === text || clientAddress === text || peerAddress === text,
  );
  if (found !== undefined) return found;
  const known = newest.members.map(nodeName).join(", ");
  throw usage(
    `NODE must be the id or the address of a member; it is ${quote(text)}, and view ${newest.epoch} has ${known}`,
  );
}

export const nodeName = ({ id, clientAddress }: Member): string => `${id} (${clientAddress})`;

export const preferredOf = ({ replicas, preferredNodeId }: PartitionPlacement): number =>
  preferredNodeId === 0 ? (replicas[0] ?? 0) : preferredNodeId;

const keeps = (newest: View, { id }: Member): number =>
  newest.partitions.filter(({ replicas }) => replicas.includes(id)).length;
const prefers = (newest: View, { id }: Member): number =>
  newest.partitions.filter((placement) => preferredOf(placement) === id).length;

const STATES: Readonly<Partial<Record<MemberState, string>>> = {
  [MemberState.ACTIVE]: "active",
  [MemberState.DRAINING]: "draining",
  [MemberState.LEAVING]: "leaving",
  [MemberState.LOST]: "lost",
};
const stateOf = ({ state }: Member): string => STATES[state] ?? "unknown";

/** Left out first where a terminal is too narrow for a line of it. */
const LEFT_OUT = ["zone", "peers", "node", "replica of"];

export function membersTable(newest: View, width: number): string[] {
  const columns: Column<Member>[] = [
    { name: "node", align: "right", text: ({ id }) => String(id) },
    { name: "clients", align: "left", text: ({ clientAddress }) => clientAddress || "-" },
    { name: "peers", align: "left", text: ({ peerAddress }) => peerAddress || "-" },
    { name: "zone", align: "left", text: ({ zone }) => zone || "-" },
    { name: "state", align: "left", text: stateOf },
    { name: "voter", align: "left", text: ({ id }) => (newest.voters.includes(id) ? "yes" : "no") },
    { name: "preferred", align: "right", text: (member) => String(prefers(newest, member)) },
    { name: "replica of", align: "right", text: (member) => String(keeps(newest, member)) },
  ];
  return tableLines({ columns, rows: newest.members, leftOut: LEFT_OUT, width });
}

function viewText({ view: newest, digest }: Told, partitions: boolean, io: Io): string {
  const { epoch, clusterId, members, voters, wishes, operations } = newest;
  const width = widthOf(io);
  const sentences = [
    `view ${epoch} of cluster ${clusterId.toString("hex")}`,
    `digest ${digest.toString("hex").slice(0, 16)}… (-o json has all of it)`,
    `${members.length} nodes, ${voters.length} of them vote`,
    `${newest.partitionCount} partitions, ${newest.replicationFactor} replicas each`,
    `operations: ${wishes.length} under way, ${operations.length} done and remembered`,
  ];
  const lines = [...sentences.map((sentence) => wrapped(sentence, width)), ...membersTable(newest, width)];
  if (partitions) {
    const columns: Column<PartitionPlacement>[] = [
      { name: "partition", align: "right", text: ({ partition }) => String(partition) },
      { name: "preferred", align: "right", text: (placement) => String(preferredOf(placement)) },
      { name: "replicas", align: "left", text: ({ replicas }) => replicas.join(" ") },
      { name: "group epoch", align: "right", text: ({ groupEpoch }) => String(groupEpoch) },
    ];
    lines.push(...tableLines({ columns, rows: newest.partitions, leftOut: ["group epoch"], width }));
  }
  return `${lines.join("\n")}\n`;
}

const memberJson = (newest: View, member: Member): object => ({
  id: member.id,
  clientAddress: member.clientAddress,
  peerAddress: member.peerAddress,
  zone: member.zone,
  state: stateOf(member),
  voter: newest.voters.includes(member.id),
  preferredOf: prefers(newest, member),
  replicaOf: keeps(newest, member),
});

export const viewJson = ({ view: newest, digest }: Told): object => ({
  clusterId: newest.clusterId.toString("hex"),
  viewEpoch: String(newest.epoch),
  digest: digest.toString("hex"),
  replicationFactor: newest.replicationFactor,
  partitionCount: newest.partitionCount,
  settings: settingsJson(newest.settings),
  voters: newest.voters,
  nodes: newest.members.map((member) => memberJson(newest, member)),
  partitions: newest.partitions.map((placement) => ({
    partition: placement.partition,
    preferredNodeId: preferredOf(placement),
    replicas: placement.replicas,
    groupEpoch: String(placement.groupEpoch),
  })),
});
