/**
 * The client port: all services that people and programs call, as one table of routes, and the transport that serves
 * it.
 */
import type { Socket } from "node:net";
import type { ConnectionInjector, Server as GrpcJsServer } from "@grpc/grpc-js";
import { HealthDefinition } from "../../gen/ts/grpc/health/v1/health.js";
import { BackupServiceDefinition } from "../../gen/ts/onar/backup/v1/backup.js";
import { KeyValueServiceDefinition } from "../../gen/ts/onar/kv/v1/kv.js";
import { ReconfigurationServiceDefinition } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { TextServiceDefinition } from "../../gen/ts/onar/text/v1/text.js";
import { AssertionError } from "../base/assert.js";
import { type ClientPortConfig, type Limits, MAX_CONNECTIONS } from "../config/config.js";
import type { Call as GrpcCall } from "../grpc/server/call.js";
import { RouteTable } from "../grpc/server/route.js";
import { type LimitName, SERVER_TIMING } from "../http2/connection/limits.js";
import { type Call, timeoutUntil } from "./call/call.js";
import { allOf, type CallObserver, observing } from "./call/call-observer.js";
import { type CallTracer, TracedCalls } from "./call/call-tracer.js";
import { pipelineRoute } from "./call/pipeline.js";
import { backupRoutes } from "./services/backup-service.js";
import { Health } from "./services/health.js";
import { KeyValueHandlers } from "./services/key-value.js";
import { answerPipelined, keyValueRoutes, PIPELINE_PATH, pathOfRequest } from "./services/key-value-service.js";
import { operationRoutes } from "./services/operations.js";
import { type OwnStatus, reconfigurationRoutes } from "./services/reconfiguration-service.js";
import { reflectionRoutes } from "./services/reflection.js";
import type { Serving } from "./services/serving.js";
import { textRoutes } from "./services/text-service.js";
import type { GrpcJsServing } from "./transport/grpc-js-call.js";
import { LeanServer } from "./transport/lean-server.js";
import type { LimitCounts } from "./transport/limit-counts.js";

const MIB = 1_048_576;
/** Limits of HTTP/2 are below 2 GiB. */
const MAX_UNSENT_BYTES = 2_047 * MIB;
/** Compressed, a header list is hardly longer than it counts; one that is too long is read to its end all the same. */
const MIN_HEADER_BLOCK_BYTES = 32_768;

const SERVICES = [
  KeyValueServiceDefinition.fullName,
  TextServiceDefinition.fullName,
  ReconfigurationServiceDefinition.fullName,
  BackupServiceDefinition.fullName,
];

interface RoutesOptions extends GrpcJsServing {
  readonly table: RouteTable;
  readonly maxRequestBytes: number;
  readonly onLimit: (limit: LimitName) => void;
}

/** A table of routes at a port. */
interface PortServer {
  /** Resolves with the port taken. */
  listen(address: string): Promise<number>;
  /** Serves a connection that somebody else has accepted, once it listens. */
  take(socket: Socket): void;
  /** Takes no more connections; resolves when all calls have ended. */
  shutdown(): Promise<void>;
  forceShutdown(): void;
}

export interface ClientServer extends PortServer {
  readonly health: Health;
}

/** `observer`: is told of every call. `tracer`: says which are traced; null: none. `counts`: of what limits do. */
export function makeClientServer(
  serving: Serving,
  limits: Limits,
  port: ClientPortConfig,
  own: OwnStatus,
  observer: CallObserver | null,
  tracer: CallTracer | null,
  counts: LimitCounts,
): ClientServer {
  const handlers = new KeyValueHandlers(serving, limits);
  const traced = tracer === null ? null : new TracedCalls(tracer, new Set([PIPELINE_PATH]));
  const callOf = (call: GrpcCall): Call => ({
    timeout: timeoutUntil(call.deadlineAt),
    trace: traced === null ? null : traced.traceOf(call),
  });
  const stopping = serving.whenStopping;
  const health = new Health(SERVICES);
  const table = new RouteTable([
    ...keyValueRoutes(handlers, callOf),
    pipelineRoute(PIPELINE_PATH, {
      handle: (request, call, answered) => answerPipelined(handlers, request, call, answered),
      pathOf: pathOfRequest,
      tracer,
      stopping,
    }),
    ...textRoutes(handlers, callOf),
    ...reconfigurationRoutes(serving, limits, own),
    ...operationRoutes(serving, callOf),
    ...backupRoutes(serving, port.backup),
    ...health.routes(stopping),
    ...(port.reflection ? reflectionRoutes([...SERVICES, HealthDefinition.fullName], stopping) : []),
  ]);
  const options: RoutesOptions = {
    table,
    maxRequestBytes: limits.maxMessageBytes,
    onLimit: (limit) => counts.count(limit),
    listener: allOf([observer === null ? null : observing(observer), traced]),
    onError: (error) => {
      // A broken invariant stops the node rather than spread.
      if (error instanceof AssertionError) throw error;
    },
  };
  const server = port.transport === "lean" ? onOwn(port, options) : onGrpcJs(port, options);
  return {
    health,
    listen: (address) => server.listen(address),
    take: (socket) => server.take(socket),
    shutdown: () => server.shutdown(),
    forceShutdown: () => server.forceShutdown(),
  };
}

function onOwn(port: ClientPortConfig, { listener, ...options }: RoutesOptions): PortServer {
  const maxUnsentBytes = Math.min(port.connectionMemory * MIB, MAX_UNSENT_BYTES);
  return new LeanServer({
    ...options,
    ...(listener === undefined ? {} : { listener }),
    // They are counted before they come to it.
    maxConnections: MAX_CONNECTIONS,
    limits: {
      maxConcurrentStreams: port.maxConcurrentStreams,
      maxHeaderListSize: port.maxHeaderListSize,
      maxHeaderBlockBytes: Math.max(MIN_HEADER_BLOCK_BYTES, 2 * port.maxHeaderListSize),
      maxUnsentBytes,
      maxStreamUnsentBytes: maxUnsentBytes,
      resetBurst: port.resetBurst,
      resetPerSecond: port.resetRate,
    },
    timing: {
      ...SERVER_TIMING,
      connectionTimeoutMs: port.connectionTimeoutMs,
      keepalive: {
        ...SERVER_TIMING.keepalive,
        timeMs: port.keepaliveTimeMs ?? 0,
        timeoutMs: port.keepaliveTimeoutMs,
        maxConnectionIdleMs: port.maxConnectionIdleMs ?? 0,
        maxConnectionAgeMs: port.maxConnectionAgeMs ?? 0,
        maxConnectionAgeGraceMs: port.maxConnectionAgeGraceMs,
      },
      enforcement: { minTimeMs: port.keepaliveMinTimeMs, permitWithoutStream: port.keepalivePermitWithoutStream },
    },
  });
}

/** Nodes that do not choose the library never load it. */
function onGrpcJs(port: ClientPortConfig, options: RoutesOptions): PortServer {
  let server: GrpcJsServer | null = null;
  let injector: ConnectionInjector | null = null;
  return {
    listen: async (address) => {
      const { grpcJsServer, injectorOf, listen } = await import("./transport/grpc-js-server.js");
      const { withResetLimits } = await import("./transport/http2-options.js");
      const made = grpcJsServer({
        ...options,
        channel: {
          "grpc.max_concurrent_streams": port.maxConcurrentStreams,
          "grpc-node.max_session_memory": port.connectionMemory,
          ...(port.maxConnectionIdleMs === null ? {} : { "grpc.max_connection_idle_ms": port.maxConnectionIdleMs }),
          ...(port.maxConnectionAgeMs === null
            ? {}
            : {
                "grpc.max_connection_age_ms": port.maxConnectionAgeMs,
                "grpc.max_connection_age_grace_ms": port.maxConnectionAgeGraceMs,
              }),
          ...(port.keepaliveTimeMs === null ? {} : { "grpc.keepalive_time_ms": port.keepaliveTimeMs }),
          "grpc.keepalive_timeout_ms": port.keepaliveTimeoutMs,
        },
      });
      server = made;
      injector = injectorOf(made);
      return withResetLimits(port, () => listen(made, address));
    },
    take: (socket) => {
      if (injector === null) socket.destroy();
      else injector.injectConnection(socket);
    },
    shutdown: () =>
      new Promise((resolve) => {
        if (server === null) resolve();
        else server.tryShutdown(() => resolve());
      }),
    forceShutdown: () => server?.forceShutdown(),
  };
}
