/**
 * `onar leave`, `drain`, `replace`, `remove`, `rebalance`, `set-replication` and `transfer-writer`: commands that
 * change the view. Each attempt draws an id, so that it runs at most once wherever it is sent. An attempt that another
 * operation superseded never runs, and is made anew on the newest view.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Operation,
  OperationState,
  ReconfigurationServiceDefinition,
  type View,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { jsonText, printable } from "../../base/printable.js";
import { MAX_REPLICAS } from "../../base/votes.js";
import { formatAddress, wholeNumber } from "../../config/values.js";
import type { CallOptions } from "../../grpc/client/method.js";
import { GrpcError, STATUS } from "../../grpc/status.js";
import { call, type Target } from "../calls/call.js";
import type { Channel } from "../calls/channel.js";
import { failureThrown } from "../calls/thrown.js";
import { CliError, EXIT, type ExitCode, messageOf, usage } from "../ending/exit.js";
import { type CommonOptions, formatOf, targetOf } from "../flags/target.js";
import type { Io } from "../terminal/io.js";
import { showProgress } from "../terminal/progress.js";
import { widthOf } from "../terminal/table.js";
import { wrapped } from "../terminal/wrap.js";
import { type Answer, type Told, tellDry } from "./dry-run.js";
import { askOperation, isSettled, MAX_COLUMNS, operationJson } from "./operations.js";
import { ProgressLines, progressBar, progressText } from "./progress-text.js";
import { askView, memberNamed, nodeName, shown } from "./view.js";

export interface ChangeOptions extends CommonOptions {
  readonly dryRun?: true;
}

export interface TransferOptions extends ChangeOptions {
  readonly to?: string;
  readonly all?: true;
}

export interface EmptyingOptions extends ChangeOptions {
  readonly wait?: true;
}

export type RebalanceOptions = EmptyingOptions;

export interface RemoveOptions extends EmptyingOptions {
  readonly force?: true;
}

const AGAIN_MS = 100;
/** As many stand behind a bar, for the time that has passed. */
const ELAPSED_COLUMNS = 10;
/** Partitions take a while to move. */
const MOVING_MS = 500;
const OPERATION_ID_BYTES = 16;
/** Answers of a node that did nothing with the operation, where no other node would either. */
const REFUSALS: ReadonlyMap<number, string> = new Map([
  [STATUS.invalidArgument, "INVALID_ARGUMENT"],
  [STATUS.failedPrecondition, "FAILED_PRECONDITION"],
  [STATUS.unimplemented, "UNIMPLEMENTED"],
]);

const SERVICE = ReconfigurationServiceDefinition;

interface Base {
  readonly operationId: Buffer;
  readonly epoch: bigint;
  readonly dryRun: boolean;
}

/** An operation on this view: how it is asked for, and what people call it. */
export interface Change extends Told {
  /** It goes on for long after a view carries it. Told what to say then; without it, the end is waited for. */
  readonly begun?: (operation: Operation) => string;
  readonly done: (operation: Operation) => string;
  ask(channel: Channel, base: Base, options: CallOptions): Promise<Answer>;
}

export function leave(node: string, options: ChangeOptions, io: Io): Promise<ExitCode> {
  return change(options, io, (newest) => {
    const member = memberNamed(newest, node);
    return {
      name: `node ${nodeName(member)} leaves`,
      about: "members",
      done: ({ doneEpoch }) =>
        `node ${nodeName(member)} has left: view ${doneEpoch} is without it. Its process ends by itself`,
      ask: (channel, base, callOptions) =>
        channel.unary(SERVICE, SERVICE.methods.leave, { ...base, nodeId: member.id }, callOptions),
    };
  });
}

export function drain(node: string, options: EmptyingOptions, io: Io): Promise<ExitCode> {
  return change(options, io, (newest) => {
    const member = memberNamed(newest, node);
    const name = `node ${nodeName(member)} gives its replicas to others`;
    return {
      name,
      about: "replicas",
      ...begunUnless(options.wait, name),
      done: ({ doneEpoch }) =>
        `node ${nodeName(member)} keeps no partition any more, since view ${doneEpoch}; onar leave makes it leave`,
      ask: (channel, base, callOptions) =>
        channel.unary(SERVICE, SERVICE.methods.drain, { ...base, nodeId: member.id }, callOptions),
    };
  });
}

export function replace(node: string, by: string, options: EmptyingOptions, io: Io): Promise<ExitCode> {
  return change(options, io, (newest) => {
    const member = memberNamed(newest, node);
    const other = memberNamed(newest, by);
    const name = `node ${nodeName(member)} gives its replicas to node ${nodeName(other)}`;
    return {
      name,
      about: "replicas",
      ...begunUnless(options.wait, name),
      done: ({ doneEpoch }) =>
        `node ${nodeName(other)} has all replicas of node ${nodeName(member)}, since view ${doneEpoch}`,
      ask: (channel, base, callOptions) =>
        channel.unary(
          SERVICE,
          SERVICE.methods.replace,
          { ...base, nodeId: member.id, byNodeId: other.id },
          callOptions,
        ),
    };
  });
}

export function remove(node: string, options: RemoveOptions, io: Io): Promise<ExitCode> {
  return change(options, io, (newest) => {
    const member = memberNamed(newest, node);
    const name = `node ${nodeName(member)} is removed`;
    return {
      name,
      about: "replicas",
      ...begunUnless(options.wait, name),
      done: ({ doneEpoch }) => `node ${nodeName(member)} is no member any more, since view ${doneEpoch}`,
      ask: (channel, base, callOptions) =>
        channel.unary(
          SERVICE,
          SERVICE.methods.remove,
          { ...base, nodeId: member.id, force: options.force === true },
          callOptions,
        ),
    };
  });
}

export function rebalance(options: RebalanceOptions, io: Io): Promise<ExitCode> {
  return change(options, io, () => {
    const name = "replicas are spread evenly";
    return {
      name,
      about: "replicas",
      ...begunUnless(options.wait, name),
      done: ({ doneEpoch }) => `replicas and offices are spread evenly, since view ${doneEpoch}`,
      ask: (channel, base, callOptions) => channel.unary(SERVICE, SERVICE.methods.rebalance, base, callOptions),
    };
  });
}

export function setReplication(text: string, options: EmptyingOptions, io: Io): Promise<ExitCode> {
  const replicas = wholeNumber("N", text, 1, MAX_REPLICAS);
  return change(options, io, () => {
    const many = replicas === 1 ? "one replica" : `${replicas} replicas`;
    const name = `each partition gets ${many}`;
    return {
      name,
      about: "replicas",
      ...begunUnless(options.wait, name),
      done: ({ doneEpoch }) => `each partition has ${many}, since view ${doneEpoch}`,
      ask: (channel, base, callOptions) =>
        channel.unary(SERVICE, SERVICE.methods.setReplication, { ...base, replicas }, callOptions),
    };
  });
}

function begunUnless(waits: true | undefined, name: string): Pick<Change, "begun"> {
  if (waits === true) return {};
  return {
    begun: ({ id, partitionsLeft }) =>
      `${name}: begun, ${partitionsLeft} partitions are to move. Watch it with: onar operations ${id.toString("hex")} --watch`,
  };
}

export function transferWriter(partition: string | undefined, options: TransferOptions, io: Io): Promise<ExitCode> {
  const { to, all = false } = options;
  if (all === (partition !== undefined)) throw usage("transfer-writer takes a PARTITION or --all, and not both");
  if (to === undefined) throw usage("transfer-writer must be told the node: --to NODE");
  return change(options, io, (newest) => {
    const member = memberNamed(newest, to);
    const partitions =
      partition === undefined ? [] : [wholeNumber("PARTITION", partition, 0, newest.partitionCount - 1)];
    const what = all ? "all partitions that it keeps" : `partition ${partition}`;
    return {
      name: `node ${nodeName(member)} becomes the writer of ${what}`,
      about: "writers",
      done: ({ doneEpoch }) =>
        `node ${nodeName(member)} is the preferred writer of ${what} since view ${doneEpoch}; writers follow within seconds`,
      ask: (channel, base, callOptions) =>
        channel.unary(
          SERVICE,
          SERVICE.methods.transferWriter,
          { ...base, nodeId: member.id, partitions, all },
          callOptions,
        ),
    };
  });
}

export async function change(options: ChangeOptions, io: Io, make: (newest: View) => Change): Promise<ExitCode> {
  const json = formatOf(options, io) === "json";
  const target = targetOf(options, io);
  const giveUp = performance.now() + target.timeoutMs;
  const left = (): number => Math.max(1, giveUp - performance.now());
  for (;;) {
    const { view: newest } = await shown(io, target, askView({ ...target, timeoutMs: left() }));
    const made = make(newest);
    const base = { operationId: randomBytes(OPERATION_ID_BYTES), epoch: newest.epoch, dryRun: options.dryRun === true };
    const asked = await shown(io, target, ask(made, base, { ...target, timeoutMs: left() }));
    if (base.dryRun) return tellDry(made, newest, asked, json, io);
    const patience: Patience = { left, endless: options.timeout === undefined };
    let doing = `waiting for ${target.endpoints.map(formatAddress).join(", ")}`;
    const lines = new ProgressLines(json ? null : io, made.name);
    const says = (operation: Operation): void => {
      if (!carried(operation)) return;
      const { progress } = operation;
      doing =
        progress === undefined
          ? printable(operation.explanation)
          : progressBar(progress, Math.min(MAX_COLUMNS, widthOf(io)) - ELAPSED_COLUMNS);
      lines.say(progress === undefined ? printable(operation.explanation) : progressText(progress));
    };
    const operation = await showProgress(io, () => doing, settled(made, asked, base, target, patience, says));
    if (operation.state === OperationState.PENDING && made.begun !== undefined && carried(operation)) {
      io.out(json ? `${jsonText(operationJson(operation))}\n` : `${wrapped(made.begun(operation), widthOf(io))}\n`);
      return EXIT.done;
    }
    if (operation.state === OperationState.DONE) {
      io.out(json ? `${jsonText(operationJson(operation))}\n` : `${wrapped(made.done(operation), widthOf(io))}\n`);
      return EXIT.done;
    }
    const again = operation.state === OperationState.SUPERSEDED && giveUp - performance.now() > AGAIN_MS;
    if (!again) throw notSettled(made, base, operation, target.timeoutMs);
  }
}

async function ask(made: Change, base: Base, target: Target): Promise<Answer> {
  const answer = await call(target, async (channel, options) => {
    try {
      return await made.ask(channel, base, options);
    } catch (error) {
      const status = error instanceof GrpcError ? REFUSALS.get(error.code) : undefined;
      if (status === undefined) throw error;
      return new CliError(EXIT.notDone, printable(messageOf(error)), {
        status,
        reason: failureThrown(error).reason,
      });
    }
  }).catch((error: unknown): Answer => {
    const sent = error instanceof CliError && error.exitCode === EXIT.notDone && error.facts.reason !== "UNREACHABLE";
    if (base.dryRun || !sent) throw error;
    // It may have been passed on: the views tell.
    return {};
  });
  if (answer instanceof CliError) throw answer;
  return answer;
}

/** A view carries it: nobody has to ask for it again. */
const carried = ({ partitionsLeft }: Operation): boolean => partitionsLeft > 0;

interface Patience {
  /** Milliseconds. */
  readonly left: () => number;
  /** Nobody gave a time: an operation that a view carries is waited for, however long it takes. */
  readonly endless: boolean;
}

/** Asks what became of it, at any node, until that is known or the time is over. */
async function settled(
  { begun }: Change,
  asked: Answer,
  base: Base,
  target: Target,
  { left, endless }: Patience,
  says: (operation: Operation) => void,
): Promise<Operation> {
  let { operation } = asked;
  while (operation === undefined || !isSettled(operation)) {
    const moves = operation !== undefined && carried(operation);
    if (moves && begun !== undefined) break;
    if (operation !== undefined) says(operation);
    const timeIsOver = left() <= AGAIN_MS && !(moves && endless);
    if (target.interrupt?.aborted === true || timeIsOver) break;
    await sleep(operation === undefined ? 0 : moves ? MOVING_MS : AGAIN_MS);
    const timeoutMs = moves && endless ? target.timeoutMs : left();
    try {
      operation = await askOperation(base, { ...target, timeoutMs });
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      if (left() <= AGAIN_MS && !(moves && endless)) break;
      await sleep(AGAIN_MS);
    }
  }
  return operation ?? unheardOf(base);
}

const unheardOf = ({ operationId: id, epoch }: Base): Operation => ({
  id,
  epoch,
  kind: 0,
  nodeId: 0,
  state: OperationState.UNKNOWN,
  doneEpoch: 0n,
  explanation: "no node has told what became of it",
  partitionsLeft: 0,
  partitionsMoving: 0,
  byNodeId: 0,
  progress: undefined,
  replicas: 0,
});

function notSettled({ name }: Change, base: Base, operation: Operation, timeoutMs: number): CliError {
  const id = base.operationId.toString("hex");
  if (operation.state === OperationState.SUPERSEDED) {
    const text = `${name}: others changed the view again and again, within ${timeoutMs / 1_000} s; nothing of this was done`;
    return new CliError(EXIT.notDone, text, { status: "", reason: "SUPERSEDED" });
  }
  if (operation.state === OperationState.OVERTAKEN)
    return new CliError(EXIT.notDone, `${name}: ${printable(operation.explanation)}`, {
      status: "",
      reason: "OVERTAKEN",
    });
  if (carried(operation)) {
    const text = `${name}: still under way (${printable(operation.explanation)}); watch it with: onar operations ${id} --watch`;
    return new CliError(EXIT.unknown, text, { status: "", reason: "OUTCOME_UNKNOWN" });
  }
  const text =
    `${name}: not known to be done within ${timeoutMs / 1_000} s (${printable(operation.explanation)}); ` +
    `ask again with: onar operations ${id} --epoch ${base.epoch}`;
  return new CliError(EXIT.unknown, text, { status: "", reason: "OUTCOME_UNKNOWN" });
}
