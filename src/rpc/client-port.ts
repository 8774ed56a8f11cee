/** The client port: all services that people and programs call. */
import { createServer } from "nice-grpc";
import { HealthDefinition } from "../../gen/ts/grpc/health/v1/health.js";
import { BackupServiceDefinition } from "../../gen/ts/onar/backup/v1/backup.js";
import { KeyValueServiceDefinition } from "../../gen/ts/onar/kv/v1/kv.js";
import { ReconfigurationServiceDefinition } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { TextServiceDefinition } from "../../gen/ts/onar/text/v1/text.js";
import type { ClientPortConfig, Limits } from "../config/config.js";
import { decodePipelineRequest } from "../wire/pipeline.js";
import { bounded, boundedDecode, refusing } from "./call/bounded-requests.js";
import { deadlineInterceptor, thrown } from "./call/call.js";
import { type CallObserver, observing } from "./call/call-observer.js";
import { type CallTracer, tracing } from "./call/call-tracer.js";
import { serveDirectly } from "./call/direct.js";
import { endingStreams } from "./call/ending-streams.js";
import { servePipelines } from "./call/pipeline.js";
import { backupService } from "./services/backup-service.js";
import { Health } from "./services/health.js";
import { KeyValueHandlers } from "./services/key-value.js";
import {
  answerPipelined,
  keyValueCalls,
  keyValueService,
  PIPELINE_PATH,
  pathOfRequest,
} from "./services/key-value-service.js";
import { type OwnStatus, reconfigurationService } from "./services/reconfiguration-service.js";
import { addReflection } from "./services/reflection.js";
import type { Serving } from "./services/serving.js";
import { textService } from "./services/text-service.js";
import { withResetLimits } from "./transport/http2-options.js";

/** Calls of one connection under way at a time. */
const MAX_CONCURRENT_STREAMS = 2_048;
/** A connection is asked this often whether it is still there. One that was ended for resetting too many streams never
 * says that it is not. */
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;

const SERVICES = [
  KeyValueServiceDefinition.fullName,
  TextServiceDefinition.fullName,
  ReconfigurationServiceDefinition.fullName,
  BackupServiceDefinition.fullName,
];

export interface ClientServer {
  readonly health: Health;
  /** Resolves with the port taken. */
  listen(address: string): Promise<number>;
  /** Takes no more connections; resolves when all calls have ended. */
  shutdown(): Promise<void>;
  forceShutdown(): void;
}

/** `observer`: is told of every call. `tracer`: says which are traced; null: none. */
export function makeClientServer(
  serving: Serving,
  limits: Limits,
  port: ClientPortConfig,
  own: OwnStatus,
  observer: CallObserver | null,
  tracer: CallTracer | null,
): ClientServer {
  const handlers = new KeyValueHandlers(serving, limits);
  const server = createServer({
    "grpc.max_receive_message_length": limits.maxMessageBytes,
    "grpc.max_concurrent_streams": MAX_CONCURRENT_STREAMS,
    "grpc-node.max_session_memory": port.connectionMemory,
    ...(port.maxConnectionAgeMs === null
      ? {}
      : {
          "grpc.max_connection_age_ms": port.maxConnectionAgeMs,
          "grpc.max_connection_age_grace_ms": port.connectionAgeGraceMs,
        }),
    "grpc.keepalive_time_ms": KEEPALIVE_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    // Nobody reads these books, and each call would be entered in them.
    "grpc.enable_channelz": 0,
    interceptors: [
      ...(observer === null ? [] : [observing(observer)]),
      ...(tracer === null ? [] : [tracing(tracer, new Set([PIPELINE_PATH]))]),
      servePipelines(PIPELINE_PATH, {
        handle: (request, call, answered) => answerPipelined(handlers, request, call, answered),
        decode: boundedDecode(PIPELINE_PATH, decodePipelineRequest, "read"),
        pathOf: pathOfRequest,
        tracer,
        stopping: serving.whenStopping,
        maxMessageBytes: limits.maxMessageBytes,
      }),
      serveDirectly(keyValueCalls(handlers), deadlineInterceptor, tracer !== null),
    ],
  })
    .use(refusing(thrown))
    .use(endingStreams(serving.whenStopping));
  const health = new Health(SERVICES);
  server.add(bounded(KeyValueServiceDefinition), keyValueService);
  server.add(bounded(TextServiceDefinition), textService(handlers));
  server.add(bounded(ReconfigurationServiceDefinition), reconfigurationService(serving, limits, own));
  server.add(bounded(BackupServiceDefinition), backupService(serving, port.backup));
  server.add(bounded(HealthDefinition), health.service());
  if (port.reflection) addReflection(server, [...SERVICES, HealthDefinition.fullName]);
  return {
    health,
    listen: (address) => withResetLimits(port, () => server.listen(address)),
    shutdown: () => server.shutdown(),
    forceShutdown: () => server.forceShutdown(),
  };
}
