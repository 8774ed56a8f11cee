/** Tells what would come of a change, as its dry run answered. Nothing was changed. */
import type { Operation, ReplicaMove, View } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { byteText } from "../../base/byte-text.js";
import { jsonText, printable } from "../../base/printable.js";
import { CliError, EXIT, type ExitCode } from "../ending/exit.js";
import type { Io } from "../terminal/io.js";
import { widthOf } from "../terminal/table.js";
import { wrapped } from "../terminal/wrap.js";
import { operationJson } from "./operations.js";
import { settingsJson, settingsLines } from "./settings-text.js";
import { membersTable, nodeName, preferredOf, readable } from "./view.js";

/** The change, as people call it. */
export interface Told {
  readonly name: string;
  /** A dry run tells of these. */
  readonly about: "members" | "replicas" | "writers" | "settings";
}

export interface Answer {
  readonly operation?: Operation | undefined;
  readonly view?: View | undefined;
  readonly moves?: readonly ReplicaMove[];
}

/** Tells the view and the moves that the change would lead to. */
export function tellDry(
  { name, about }: Told,
  newest: View,
  { operation, view: next, moves = [] }: Answer,
  json: boolean,
  io: Io,
): ExitCode {
  if (operation === undefined || next === undefined) {
    throw new CliError(EXIT.notDone, `${name}: ${printable(operation?.explanation ?? "the view changed meanwhile")}`);
  }
  const shownNext = readable(next);
  const moved = next.partitions.filter((placement, i) => {
    const now = newest.partitions[i];
    return now !== undefined && preferredOf(now) !== preferredOf(placement);
  });
  if (json) {
    const facts = {
      dryRun: true,
      viewEpoch: String(next.epoch),
      nodes: next.members.map(({ id }) => id),
      voters: next.voters,
      preferenceChanges: moved.map((placement) => ({
        partition: placement.partition,
        preferredNodeId: preferredOf(placement),
      })),
      moves: moves.map(({ keys, bytes, ...move }) => ({
        ...move,
        ...(keys === undefined ? {} : { keys: String(keys), bytes: String(bytes) }),
      })),
      ...(about === "settings" ? { settings: settingsJson(next.settings) } : {}),
    };
    io.out(`${jsonText({ ...operationJson(operation), ...facts })}\n`);
    return EXIT.done;
  }
  const width = widthOf(io);
  if (about === "settings") {
    const said = wrapped(`${name}: possible. Nothing was changed (--dry-run)`, width);
    io.out(`${[said, ...settingsLines(next, width)].join("\n")}\n`);
    return EXIT.done;
  }
  const sentences = [
    `${name}: possible. Nothing was changed (--dry-run)`,
    ...(about === "replicas" ? movesTold(moves, next) : []),
    ...(about === "writers" || moved.length > 0 ? [writersTold(moved.length, next)] : []),
    `the nodes of view ${next.epoch}:`,
  ];
  const lines = [...sentences.map((sentence) => wrapped(sentence, width)), ...membersTable(shownNext, width)];
  io.out(`${lines.join("\n")}\n`);
  return EXIT.done;
}

const writersTold = (count: number, { epoch }: View): string =>
  count === 0
    ? "no other writer would be preferred"
    : `view ${epoch} would prefer other writers for ${count} ${count === 1 ? "partition" : "partitions"}`;

/** How many replicas would go from where to where, with what they hold. */
function movesTold(moves: readonly ReplicaMove[], view: View): string[] {
  if (moves.length === 0) return ["no replica would move"];
  const ways = new Map<string, { readonly from: number; readonly to: number; readonly moved: ReplicaMove[] }>();
  for (const move of moves) {
    const { fromNodeId: from, toNodeId: to } = move;
    const way = ways.get(`${from} ${to}`) ?? { from, to, moved: [] };
    way.moved.push(move);
    ways.set(`${from} ${to}`, way);
  }
  const nameOf = (id: number): string => {
    const member = view.members.find((one) => one.id === id);
    return member === undefined ? String(id) : nodeName(member);
  };
  const lines = [...ways.values()]
    .sort((a, b) => a.to - b.to || a.from - b.from)
    .map(
      ({ from, to, moved }) =>
        `  ${moved.length}${from === 0 ? " more" : ` from node ${nameOf(from)}`}` +
        `${to === 0 ? " less" : ` to node ${nameOf(to)}`}${heldTold(moved)}`,
    );
  const isResizing = moves.some(({ fromNodeId, toNodeId }) => fromNodeId === 0 || toNodeId === 0);
  const title = isResizing ? "replicas that would come, go or move" : "replicas that would move";
  return [`${title}: ${moves.length}${heldTold(moves)}`, ...lines];
}

/** Nothing when a node did not tell. */
function heldTold(moves: readonly ReplicaMove[]): string {
  let [keys, bytes] = [0, 0];
  for (const move of moves) {
    if (move.keys === undefined || move.bytes === undefined) return "";
    keys += Number(move.keys);
    bytes += Number(move.bytes);
  }
  return `: ${keys} keys, about ${byteText(bytes)}`;
}
