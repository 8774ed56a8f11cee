/** `onar inspect`: what a stopped node's directory holds. Nothing in it is changed. */

import { jsonText } from "../../base/printable.js";
import { oneOf, wholeNumber } from "../../config/values.js";
import {
  InspectError,
  type InspectedKey,
  type InspectedNode,
  type InspectedPartition,
  inspecting,
  registerOf,
  type StoppedNode,
} from "../../server/inspecting.js";
import { count, size } from "../backup/operation.js";
import { CliError, EXIT, type ExitCode, usage } from "../ending/exit.js";
import { onStopSignals } from "../ending/signals.js";
import { decode, ENCODINGS, type Encoding, encode, encodeForJson, isShowable } from "../keys/encoding.js";
import type { Io } from "../terminal/io.js";
import { showProgress } from "../terminal/progress.js";
import { type Column, tableLines, widthOf } from "../terminal/table.js";

export interface InspectOptions {
  readonly output?: string;
  readonly partitions?: true;
  readonly partition?: string;
  readonly keys?: true;
  readonly key?: string;
  readonly keyEncoding: string;
  readonly valueEncoding: string;
}

interface Shown {
  readonly io: Io;
  readonly json: boolean;
  readonly keyEncoding: Encoding;
  readonly valueEncoding: Encoding;
}

export async function inspect(path: string, options: InspectOptions, io: Io): Promise<ExitCode> {
  const format = oneOf("--output", options.output ?? io.env.ONAR_OUTPUT ?? "text", ["text", "json"]);
  const keyEncoding = oneOf("--key-encoding", options.keyEncoding, ENCODINGS);
  const valueEncoding = oneOf("--value-encoding", options.valueEncoding, ENCODINGS);
  if (options.key !== undefined && options.keys === true) throw usage("--key and --keys cannot be given together");
  const key = options.key === undefined ? null : decode("--key", options.key, keyEncoding, "--key-encoding");
  if (key?.length === 0) throw usage("--key must have at least one byte; it is empty");
  const shown: Shown = { io, json: format === "json", keyEncoding, valueEncoding };
  // Nothing is written but temporary files, which go at the end of the process.
  onStopSignals(() => process.exit(EXIT.interrupted), { interrupt: "stop" });
  try {
    return await inspecting(path, async (node) => {
      const partitions = wanted(node, options.partition);
      if (key !== null) return showKey(node, key, shown);
      if (options.keys === true) return showKeys(node, partitions, shown);
      await showAll(node, partitions, options.partitions === true || options.partition !== undefined, shown);
      return EXIT.done;
    });
  } catch (error) {
    if (error instanceof InspectError) throw new CliError(EXIT.notDone, error.message);
    throw error;
  }
}

function wanted(node: StoppedNode, partition: string | undefined): StoppedNode["partitions"] {
  if (partition === undefined) return node.partitions;
  const most = (node.facts.view?.partitions.length ?? 1) - 1;
  const number = wholeNumber("--partition", partition, 0, most);
  const found = node.partitions.filter((one) => one === number);
  if (found.length === 0) throw usage(`--partition: this node keeps no copy of partition ${number}`);
  return found;
}

async function showAll(
  node: StoppedNode,
  partitions: StoppedNode["partitions"],
  each: boolean,
  { io, json }: Shown,
): Promise<void> {
  const inspected: InspectedPartition[] = [];
  const work = async (): Promise<void> => {
    for (const partition of partitions) inspected.push(await node.partition(partition));
  };
  await showProgress(io, () => `reading: ${inspected.length} of ${count(partitions.length, "partition")}`, work());
  io.out(
    json ? `${jsonText(asJson(node.facts, inspected))}\n` : asText(node.facts, inspected, each ? widthOf(io) : null),
  );
}

/** `width`: of a line for each partition; null: none is shown. */
function asText(facts: InspectedNode, partitions: readonly InspectedPartition[], width: number | null): string {
  const { view, node, segments, checkpoint } = facts;
  const self = view?.members.find(({ id }) => id === node);
  const sum = (of: (partition: InspectedPartition) => number): number =>
    partitions.reduce((total, partition) => total + of(partition), 0);
  const lines = [
    view === null
      ? `node ${node}: it has not been in a cluster yet`
      : `node ${node} of cluster ${view.clusterId}, view ${view.epoch}`,
  ];
  if (self !== undefined) {
    lines.push(
      `  clients ${self.clientAddress}, peers ${self.peerAddress}, zone ${self.zone === "" ? "-" : self.zone}`,
    );
  }
  if (view !== null) {
    lines.push(
      `copies: ${partitions.length} of ${count(view.partitions.length, "partition")}, ${count(
        sum(({ keys }) => keys),
        "key",
      )}, ${size(sum(({ bytes }) => bytes))}, ${count(
        sum(({ tombstones }) => tombstones),
        "tombstone",
      )}, ${count(
        sum(({ bad }) => bad),
        "bad register",
      )}`,
    );
  }
  for (const { partition, copy, table, dropped } of facts.otherCopies) {
    const what = dropped ? "dropped copy" : "older copy";
    lines.push(`  ${what} of partition ${partition}, of group epoch ${copy}, in table ${table}`);
  }
  const logBytes = segments.reduce((total, { bytes }) => total + bytes, 0);
  lines.push(`log: ends with record ${facts.lastRecord}; ${count(segments.length, "segment")}, ${size(logBytes)}`);
  for (const { name, firstRecord, lastRecord, bytes } of segments) {
    const records = lastRecord < firstRecord ? "no records" : `records ${firstRecord} to ${lastRecord}`;
    lines.push(`  ${name}: ${records}, ${size(bytes)}`);
  }
  lines.push(
    checkpoint.lastRecord === 0
      ? "checkpoint: nothing is in it yet"
      : `checkpoint: complete up to record ${checkpoint.lastRecord}, ${size(checkpoint.bytes)}`,
  );
  for (const notice of facts.notices) lines.push(`a node that starts here will say: ${notice}`);
  if (width !== null && partitions.length > 0) {
    lines.push(...tableLines({ columns: COLUMNS, rows: partitions, leftOut: LEFT_OUT, width }));
  }
  return `${lines.join("\n")}\n`;
}

const COLUMNS: readonly Column<InspectedPartition>[] = [
  { name: "partition", align: "right", text: ({ partition }) => `${partition}` },
  { name: "copy", align: "right", text: ({ copy }) => `${copy}` },
  { name: "table", align: "right", text: ({ table }) => `${table}` },
  { name: "keys", align: "right", text: ({ keys }) => `${keys}` },
  { name: "tombstones", align: "right", text: ({ tombstones }) => `${tombstones}` },
  { name: "bad", align: "right", text: ({ bad }) => `${bad}` },
  { name: "bytes", align: "right", text: ({ bytes }) => `${bytes}` },
  { name: "changes", align: "right", text: ({ lastChange }) => `${lastChange}` },
  { name: "promised", align: "left", text: ({ promise }) => ballotText(promise) },
  { name: "reserved", align: "right", text: ({ reservation }) => `${reservation}` },
  { name: "floor", align: "right", text: ({ floor }) => `${floor}` },
  { name: "settled", align: "left", text: ({ settled }) => timestampText(settled) },
];
const LEFT_OUT = ["table", "copy", "settled", "reserved", "floor", "promised", "changes", "tombstones"];

type BallotFacts = NonNullable<InspectedPartition["promise"]>;
type TimestampFacts = NonNullable<InspectedPartition["settled"]>;

/** "1.7 of node 4711": group epoch, round. */
const ballotText = (ballot: BallotFacts | null): string =>
  ballot === null ? "-" : `${ballot.groupEpoch}.${ballot.round} of node ${ballot.node}`;
const timestampText = (timestamp: TimestampFacts | null): string =>
  timestamp === null ? "-" : `${ballotText(timestamp.ballot)}, seq ${timestamp.seq}`;

const ballotJson = (ballot: BallotFacts | null): object | null =>
  ballot === null ? null : { groupEpoch: ballot.groupEpoch, round: ballot.round, nodeId: ballot.node };
const timestampJson = (timestamp: TimestampFacts | null): object | null =>
  timestamp === null ? null : { ballot: ballotJson(timestamp.ballot), seq: timestamp.seq };

function asJson(facts: InspectedNode, partitions: readonly InspectedPartition[]): object {
  const { path, format, node, view, segments, lastRecord, checkpoint, notices } = facts;
  return {
    path,
    format,
    nodeId: node,
    clusterId: view?.clusterId ?? null,
    viewEpoch: view === null ? null : String(view.epoch),
    partitionCount: view?.partitions.length ?? null,
    replicationFactor: view?.replicationFactor ?? null,
    members: view?.members ?? [],
    log: { lastRecord, segments },
    checkpoint,
    notices,
    otherCopies: facts.otherCopies,
    partitions: partitions.map(({ promise, settled, reservation, floor, ...rest }) => ({
      ...rest,
      promise: ballotJson(promise),
      reservation: String(reservation),
      floor: String(floor),
      settled: timestampJson(settled),
    })),
  };
}

async function showKeys(node: StoppedNode, partitions: StoppedNode["partitions"], shown: Shown): Promise<ExitCode> {
  const { io, json, keyEncoding } = shown;
  let gone = false;
  io.onReaderGone(() => {
    gone = true;
  });
  let bad = 0;
  for (const partition of partitions) {
    for await (const found of node.registers(partition)) {
      if (gone) return EXIT.done;
      const register = registerOf(found);
      if (register === null) bad++;
      if (json) io.out(`${jsonText(keyJson(found, shown))}\n`);
      else if (register === null || !register.tombstone) io.out(`${keyText(found.key, keyEncoding)}\n`);
    }
  }
  if (bad > 0) io.error(`(${count(bad, "register")} of these fail their checksum: a node that runs gets them mended)`);
  return EXIT.done;
}

function showKey(node: StoppedNode, key: Buffer, shown: Shown): ExitCode {
  const { io, json, valueEncoding } = shown;
  const found = node.register(key.toString("latin1") as InspectedKey["key"]);
  if (found === null) {
    io.error("this copy holds nothing of that key");
    return EXIT.condition;
  }
  const register = registerOf(found);
  if (json) {
    io.out(`${jsonText({ ...keyJson(found, shown), ...registerJson(register, valueEncoding) })}\n`);
  } else if (register === null) {
    io.out(`partition ${found.partition}\nits register fails its checksum: nothing is known of it here\n`);
  } else {
    const { value, version, revision, floor, timestamp, records } = register;
    const lines = [
      `partition ${found.partition}`,
      value === null ? "deleted" : `value (${count(value.length, "byte")}): ${valueText(value, valueEncoding)}`,
      `version ${version}, revision ${revision}, floor ${floor}`,
      `written in ballot ${timestampText(timestamp)}`,
      count(records.length, "completion record"),
    ];
    for (const { requestId, outcome, revision: at } of records) {
      lines.push(`  ${Buffer.from(requestId, "latin1").toString("hex")}: ${outcome}, revision ${at}`);
    }
    io.out(`${lines.join("\n")}\n`);
  }
  return EXIT.done;
}

function keyJson(found: InspectedKey, { keyEncoding }: Shown): object {
  const { text, encoding } = encodeForJson(Buffer.from(found.key, "latin1"), keyEncoding);
  const register = registerOf(found);
  return {
    key: text,
    keyEncoding: encoding,
    partition: found.partition,
    ...(register === null
      ? { bad: true }
      : { deleted: register.tombstone, version: String(register.version), bytes: register.value?.length ?? 0 }),
  };
}

function registerJson(register: ReturnType<typeof registerOf>, valueEncoding: Encoding): object {
  if (register === null) return {};
  const { value, revision, floor, timestamp, records } = register;
  const shown = value === null ? null : encodeForJson(value, valueEncoding);
  return {
    value: shown?.text ?? null,
    valueEncoding: shown?.encoding ?? null,
    revision: String(revision),
    floor: String(floor),
    timestamp: timestampJson(timestamp),
    records: [...records].map((record) => ({
      requestId: Buffer.from(record.requestId, "latin1").toString("hex"),
      outcome: record.outcome,
      revision: String(record.revision),
      version: String(record.version),
    })),
  };
}

/** As text, what is none is escaped: one key is one line. */
function keyText(key: string, encoding: Encoding): string {
  const bytes = Buffer.from(key, "latin1");
  if (encoding !== "text") return bytes.toString(encoding);
  if (isShowable(bytes) && !/[\n\r\t\\]/.test(key)) return bytes.toString("utf8");
  return escaped(bytes);
}

function valueText(value: Uint8Array, encoding: Encoding): string {
  if (encoding !== "text") return encode(value, encoding) as string;
  return isShowable(value) ? Buffer.from(value).toString("utf8") : escaped(value);
}

const escaped = (bytes: Uint8Array): string =>
  [...bytes]
    .map((byte) => {
      if (byte === 0x5c) return "\\\\";
      return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
    })
    .join("");
