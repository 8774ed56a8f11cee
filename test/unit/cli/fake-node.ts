/** A node that answers as a test says, and a process to run commands in: both in memory. */
import { Readable } from "node:stream";
import { ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import { type CallContext, createServer, type Server, ServerError, type Status } from "nice-grpc";
import { ErrorInfo } from "../../../gen/ts/google/rpc/error_details.js";
import { Status as RpcStatus } from "../../../gen/ts/google/rpc/status.js";
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthDefinition,
} from "../../../gen/ts/grpc/health/v1/health.js";
import { Consistency } from "../../../gen/ts/onar/kv/v1/common.js";
import { type Execution, Outcome } from "../../../gen/ts/onar/kv/v1/error.js";
import { KeyValueServiceDefinition, type KeyValueServiceImplementation } from "../../../gen/ts/onar/kv/v1/kv.js";
import {
  MemberState,
  ReconfigurationServiceDefinition,
  type ReconfigurationServiceImplementation,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { run } from "../../../src/cli/program.js";
import type { Io } from "../../../src/cli/terminal/io.js";

export interface FakeNode {
  readonly address: string;
  /** Milliseconds left by the deadline on the wire, of each call as it arrived, with the name of its method. */
  readonly deadlines: readonly (readonly [string, number])[];
  /** Breaks every connection at once. */
  crash(): void;
}

/** Without a handler for them the node tells a view of one partition, and answers local reads with a header only. */
export type Handlers = Partial<KeyValueServiceImplementation> &
  Partial<ReconfigurationServiceImplementation> & {
    readonly check?: (request: HealthCheckRequest) => Promise<HealthCheckResponse>;
  };

export const CLUSTER_ID = Buffer.alloc(16, 7);
export const NODE_ID = 5;

const unexpected = (): never => {
  throw new Error("not expected by this test");
};

const headerOf = (clusterId: Buffer) => ({
  clusterId,
  nodeId: NODE_ID,
  viewEpoch: 1n,
  revision: { partition: 0, revision: 1n },
  groupEpoch: 1n,
  writerNodeId: NODE_ID,
});

export const viewOf = (clusterId: Buffer) => ({
  header: headerOf(clusterId),
  view: {
    clusterId,
    epoch: 1n,
    members: [{ id: NODE_ID, clientAddress: "", peerAddress: "", zone: "", state: MemberState.ACTIVE }],
    partitionCount: 1,
    partitions: [{ partition: 0, replicas: [NODE_ID], groupEpoch: 1n }],
  },
});

const servers: Server[] = [];

export async function fakeNode(handlers: Handlers, atPort = 0): Promise<FakeNode> {
  const deadlines: (readonly [string, number])[] = [];
  const watch: ServerInterceptor = (method, call) => {
    const deadline = call.getDeadline();
    const name = method.path.slice(method.path.lastIndexOf("/") + 1);
    deadlines.push([name, (typeof deadline === "number" ? deadline : deadline.getTime()) - Date.now()]);
    return new ServerInterceptingCall(call);
  };
  const server = createServer({ interceptors: [watch] });
  const { status, getView, check, locate, ...rest } = handlers;
  const { watchView, join, leave, transferWriter, getOperation, listOperations, watchOperation, ...others } = rest;
  const { drain, replace, remove, rebalance, setReplication, changeSettings, ...kv } = others;
  server.add(KeyValueServiceDefinition, {
    // How the client learns a partition's revision before it writes.
    get: async ({ consistency }) =>
      consistency === Consistency.LOCAL ? { header: headerOf(CLUSTER_ID), consistency } : unexpected(),
    put: unexpected,
    compareAndSet: unexpected,
    delete: unexpected,
    add: unexpected,
    pipeline: unexpected,
    ...kv,
  });
  server.add(ReconfigurationServiceDefinition, {
    getView: getView ?? (async () => viewOf(CLUSTER_ID)),
    locate: locate ?? unexpected,
    status: status ?? unexpected,
    watchView: watchView ?? unexpected,
    join: join ?? unexpected,
    leave: leave ?? unexpected,
    drain: drain ?? unexpected,
    replace: replace ?? unexpected,
    remove: remove ?? unexpected,
    rebalance: rebalance ?? unexpected,
    setReplication: setReplication ?? unexpected,
    changeSettings: changeSettings ?? unexpected,
    transferWriter: transferWriter ?? unexpected,
    getOperation: getOperation ?? unexpected,
    listOperations: listOperations ?? unexpected,
    watchOperation: watchOperation ?? unexpected,
  });
  server.add(HealthDefinition, { check: check ?? unexpected, list: unexpected, watch: unexpected });
  const port = await server.listen(`127.0.0.1:${atPort}`);
  servers.push(server);
  return { address: `127.0.0.1:${port}`, deadlines, crash: () => server.forceShutdown() };
}

export function stopFakeNodes(): void {
  for (const server of servers.splice(0)) server.forceShutdown();
}

export interface OnarFailure {
  readonly code: Status;
  readonly reason: string;
  /** Left out: the error carries no Outcome. */
  readonly execution?: Execution;
  readonly domain?: string;
}

/** An error as Onar makes it: with ErrorInfo and, for writes, Outcome. */
export function fail(context: CallContext, { code, reason, execution, domain = "onar" }: OnarFailure): never {
  const info = ErrorInfo.encode(ErrorInfo.fromPartial({ domain, reason })).finish();
  const details = [{ typeUrl: "type.googleapis.com/google.rpc.ErrorInfo", value: Buffer.from(info) }];
  if (execution !== undefined) {
    const value = Outcome.encode(Outcome.fromPartial({ execution })).finish();
    details.push({ typeUrl: "type.googleapis.com/onar.kv.v1.Outcome", value: Buffer.from(value) });
  }
  const status = RpcStatus.encode(RpcStatus.fromPartial({ code, message: reason, details })).finish();
  context.trailer.set("grpc-status-details-bin", status);
  throw new ServerError(code, `because of ${reason}`);
}

export interface Ran {
  readonly code: number;
  /** Standard output, as text and as bytes. */
  readonly out: string;
  readonly bytes: Buffer;
  readonly error: string;
}

export interface RunOptions {
  readonly stdin?: string | Buffer;
  readonly terminal?: boolean;
  /** Columns of the terminal. */
  readonly columns?: number;
  readonly env?: Record<string, string>;
}

export async function onar(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const chunks: Buffer[] = [];
  const errors: string[] = [];
  const io: Io = {
    out: (chunk) => void chunks.push(Buffer.from(chunk as Uint8Array)),
    error: (line) => void errors.push(line),
    onReaderGone: () => {},
    terminal: options.terminal ?? false,
    stdin: Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)]),
    env: options.env ?? {},
    ...(options.columns === undefined ? {} : { columns: () => options.columns ?? 0 }),
  };
  const code = await run(args, io, "main.js");
  const bytes = Buffer.concat(chunks);
  return { code, bytes, out: bytes.toString("utf8"), error: errors.join("\n") };
}
