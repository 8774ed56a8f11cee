/** `onar operations`: what is under way, what was done, and what became of one operation. */
import {
  type Operation,
  OperationKind,
  OperationState,
  ReconfigurationServiceDefinition,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { jsonText, printable } from "../../base/printable.js";
import { quote, wholeNumber } from "../../config/values.js";
import { call, type Target } from "../calls/call.js";
import { watch } from "../calls/watch.js";
import { EXIT, type ExitCode, usage } from "../ending/exit.js";
import { type CommonOptions, formatOf, targetOf } from "../flags/target.js";
import type { Io } from "../terminal/io.js";
import { type Column, tableLines, widthOf } from "../terminal/table.js";
import { wrapped } from "../terminal/wrap.js";
import { percentOf, progressBar, progressJson, progressText } from "./progress-text.js";
import { shown } from "./view.js";

/** Where it is not known how wide a terminal is. */
export const MAX_COLUMNS = 100;

export interface OperationsOptions extends CommonOptions {
  readonly watch?: true;
  readonly epoch?: string;
}

const SERVICE = ReconfigurationServiceDefinition;

export async function operations(idText: string | undefined, options: OperationsOptions, io: Io): Promise<ExitCode> {
  const format = formatOf(options, io);
  const target = targetOf(options, io);
  if (idText === undefined && options.epoch !== undefined) throw usage("--epoch goes with the ID of an operation");
  if (idText !== undefined) {
    const epoch = BigInt(
      options.epoch === undefined ? 0 : wholeNumber("--epoch", options.epoch, 1, Number.MAX_SAFE_INTEGER),
    );
    return one({ operationId: operationId(idText), epoch }, options.watch === true, target, format === "json", io);
  }
  if (options.watch === true) {
    await watchAll(target, format === "json", io);
    return EXIT.done;
  }
  const { found, forgottenEpoch } = await shown(io, target, listed(target));
  if (format === "json") {
    io.out(`${jsonText({ operations: found.map(operationJson), forgottenEpoch: String(forgottenEpoch) })}\n`);
    return EXIT.done;
  }
  const lines = found.length === 0 ? ["no operation yet"] : operationsTable(found, widthOf(io));
  const forgotten = `(operations done by views up to ${forgottenEpoch} may be forgotten)`;
  if (forgottenEpoch > 0n) lines.push(wrapped(forgotten, widthOf(io)));
  io.out(`${lines.join("\n")}\n`);
  return EXIT.done;
}

interface Asked {
  readonly operationId: Buffer;
  /** 0: not known. */
  readonly epoch: bigint;
}

async function one(asked: Asked, watching: boolean, target: Target, json: boolean, io: Io): Promise<ExitCode> {
  const last: { state: OperationState } = { state: OperationState.UNSPECIFIED };
  const show = (operation: Operation): void => {
    last.state = operation.state;
    if (watching && !json && drawn(operation, io)) return;
    io.out(json ? `${jsonText(operationJson(operation))}\n` : `${wrapped(operationLine(operation), widthOf(io))}\n`);
  };
  if (watching) {
    await watch(
      target,
      (channel, signal) => channel.many(SERVICE, SERVICE.methods.watchOperation, asked, { signal }),
      ({ operation }) => {
        if (operation !== undefined) show(operation);
        return isSettled(last);
      },
    );
  } else show(await shown(io, target, askOperation(asked, target)));
  if (last.state === OperationState.DONE) return EXIT.done;
  return isSettled(last) ? EXIT.notDone : EXIT.unknown;
}

/** On a terminal a bar is drawn while replicas move, always in the same line. */
function drawn({ progress, state }: Operation, io: Io): boolean {
  if (io.errorTerminal !== true || io.progress === undefined) return false;
  if (state === OperationState.PENDING && progress !== undefined) {
    io.progress(progressBar(progress, Math.min(MAX_COLUMNS, widthOf(io))));
    return true;
  }
  io.progress("");
  return false;
}

/** Each operation is shown again when its state or its progress has changed. The views tell when to ask. */
async function watchAll(target: Target, json: boolean, io: Io): Promise<void> {
  const known = new Map<string, string>();
  let asking: Promise<void> = Promise.resolve();
  const look = async (): Promise<void> => {
    const { found } = await listed(target);
    for (const operation of found) {
      const id = operation.id.toString("hex");
      const { state, partitionsLeft, partitionsMoving, progress } = operation;
      const now = `${state} ${partitionsLeft} ${partitionsMoving} ${progress?.bytesMoved ?? ""}`;
      if (known.get(id) === now) continue;
      known.set(id, now);
      io.out(json ? `${jsonText(operationJson(operation))}\n` : `${wrapped(operationLine(operation), widthOf(io))}\n`);
    }
    // As many as a view holds, and none that it holds is shown twice.
    for (const id of known.keys()) if (!found.some((each) => each.id.toString("hex") === id)) known.delete(id);
  };
  await watch(
    target,
    (channel, signal) => channel.many(SERVICE, SERVICE.methods.watchView, {}, { signal }),
    () => {
      // A node that fails in between is asked again with the next view, or ends the stream.
      asking = asking.then(look).catch(() => {});
      return false;
    },
  );
  await asking;
}

const listed = (target: Target): Promise<{ readonly found: readonly Operation[]; readonly forgottenEpoch: bigint }> =>
  call(target, async (channel, options) => {
    const { operations: found, forgottenEpoch } = await channel.unary(
      SERVICE,
      SERVICE.methods.listOperations,
      {},
      options,
    );
    return { found, forgottenEpoch };
  });

export const askOperation = (asked: Asked, target: Target): Promise<Operation> =>
  call(target, async (channel, options) => {
    const { operation } = await channel.unary(SERVICE, SERVICE.methods.getOperation, asked, options);
    if (operation === undefined) throw new Error("a node answered without the operation");
    return operation;
  });

function operationId(text: string): Buffer {
  if (!/^[0-9a-f]{32}$/i.test(text)) {
    throw usage(`ID must have 32 hexadecimal digits, as onar operations shows it; it is ${quote(text)}`);
  }
  return Buffer.from(text, "hex");
}

/** Nothing more will become of it. */
export const isSettled = ({ state }: Pick<Operation, "state">): boolean =>
  state === OperationState.DONE || state === OperationState.SUPERSEDED || state === OperationState.OVERTAKEN;

const KINDS: Readonly<Partial<Record<OperationKind, string>>> = {
  [OperationKind.JOIN]: "join",
  [OperationKind.LEAVE]: "leave",
  [OperationKind.TRANSFER_WRITER]: "transfer-writer",
  [OperationKind.DRAIN]: "drain",
  [OperationKind.REPLACE]: "replace",
  [OperationKind.REMOVE]: "remove",
  [OperationKind.REBALANCE]: "rebalance",
  [OperationKind.HEAL]: "heal",
  [OperationKind.SET_REPLICATION]: "set-replication",
  [OperationKind.CHANGE_SETTINGS]: "change-settings",
};
const STATES: Readonly<Partial<Record<OperationState, string>>> = {
  [OperationState.PENDING]: "pending",
  [OperationState.DONE]: "done",
  [OperationState.SUPERSEDED]: "superseded",
  [OperationState.OVERTAKEN]: "overtaken",
  [OperationState.UNKNOWN]: "unknown",
  [OperationState.POSSIBLE]: "possible",
};
const kindOf = ({ kind }: Operation): string => KINDS[kind] ?? "unknown";
const stateOf = ({ state }: Operation): string => STATES[state] ?? "unknown";
const orDash = (number: bigint | number): string => (Number(number) === 0 ? "-" : String(number));

function operationsTable(found: readonly Operation[], width: number): string[] {
  const columns: Column<Operation>[] = [
    { name: "operation", align: "left", text: ({ id }) => id.toString("hex") },
    { name: "what", align: "left", text: kindOf },
    { name: "node", align: "right", text: ({ nodeId }) => orDash(nodeId) },
    { name: "state", align: "left", text: stateOf },
    { name: "done", align: "right", text: ({ progress }) => (progress === undefined ? "-" : percentOf(progress)) },
    { name: "asked on view", align: "right", text: ({ epoch }) => orDash(epoch) },
    { name: "done in view", align: "right", text: ({ doneEpoch }) => orDash(doneEpoch) },
  ];
  return tableLines({ columns, rows: found, leftOut: ["asked on view", "done in view", "operation"], width });
}

const operationLine = (operation: Operation): string => {
  const { id, nodeId, explanation } = operation;
  // A node that does not know the operation does not know its kind either.
  const known = operation.kind === OperationKind.UNSPECIFIED ? "" : ` ${kindOf(operation)}`;
  const about = nodeId === 0 ? "" : ` of node ${nodeId}`;
  const far = operation.progress === undefined ? "" : `; ${progressText(operation.progress)}`;
  return `${id.toString("hex")}${known}${about}: ${stateOf(operation)}; ${printable(explanation)}${far}`;
};

export const operationJson = (operation: Operation): object => ({
  operationId: operation.id.toString("hex"),
  kind: kindOf(operation),
  nodeId: operation.nodeId,
  epoch: String(operation.epoch),
  state: stateOf(operation),
  doneEpoch: String(operation.doneEpoch),
  explanation: operation.explanation,
  ...(operation.partitionsLeft === 0
    ? {}
    : { partitionsLeft: operation.partitionsLeft, partitionsMoving: operation.partitionsMoving }),
  ...(operation.byNodeId === 0 ? {} : { byNodeId: operation.byNodeId }),
  ...progressJson(operation),
  ...(operation.replicas === 0 ? {} : { replicas: operation.replicas }),
});
