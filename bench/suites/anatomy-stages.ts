/** The stages that the suite `anatomy` tells apart, by the files and functions that do their work. */

/** In the order of the table. */
export const STAGES = [
  "http2: frames, headers, streams",
  "socket writes",
  "grpc: calls in and out",
  "entry: checks, request, answer",
  "router: forward, answers of others",
  "loop: turns, timers",
  "plausible: messages of peers",
  "core: dispatch",
  "writer: decision",
  "writer: acknowledgements",
  "replica: taking a write, post",
  "reader",
  "elections, views, moves",
  "peers: codec of messages",
  "peers: codec of registers",
  "peers: links, streams",
  "storage: tables, folds",
  "storage: records",
  "storage: log, files",
  "metrics, logs, traces",
  "garbage collection",
  "outside of JavaScript: event loop, socket reads",
] as const;
export type Stage = (typeof STAGES)[number];

/** The first that fits counts. */
const FILES: readonly (readonly [prefix: string, stage: Stage])[] = [
  ["src/http2/", "http2: frames, headers, streams"],
  ["src/grpc/", "grpc: calls in and out"],
  ["src/rpc/peers/", "peers: links, streams"],
  ["src/rpc/", "entry: checks, request, answer"],
  ["src/server/", "entry: checks, request, answer"],
  ["src/codec/api/", "entry: checks, request, answer"],
  ["gen/ts/onar/kv/", "entry: checks, request, answer"],
  ["src/codec/peer/", "peers: codec of messages"],
  ["gen/ts/onar/replication/", "peers: codec of messages"],
  ["src/codec/register/", "peers: codec of registers"],
  ["src/codec/disk/", "storage: records"],
  ["src/node/router", "router: forward, answers of others"],
  ["src/node/pending", "router: forward, answers of others"],
  ["src/node/destinations", "router: forward, answers of others"],
  ["src/node/known-revisions", "router: forward, answers of others"],
  ["src/node/", "loop: turns, timers"],
  ["src/core/plausible", "plausible: messages of peers"],
  ["src/core/writer/", "writer: decision"],
  ["src/core/quorum/", "writer: decision"],
  ["src/core/reader/", "reader"],
  ["src/core/replica/", "replica: taking a write, post"],
  ["src/core/model/", "core: dispatch"],
  ["src/core/core", "core: dispatch"],
  ["src/core/copy", "core: dispatch"],
  ["src/core/partition", "core: dispatch"],
  ["src/core/", "elections, views, moves"],
  ["src/storage/log/", "storage: log, files"],
  ["src/storage/files", "storage: log, files"],
  ["src/storage/", "storage: tables, folds"],
  ["src/observe/", "metrics, logs, traces"],
];

const ACKNOWLEDGES: ReadonlySet<string> = new Set(["onWritten", "acknowledge", "land", "retire", "settledSeq"]);
const WRITES: ReadonlySet<string> = new Set(["writev", "writeBuffer", "writeUtf8String", "writeLatin1String"]);
const META: ReadonlyMap<string, Stage | "(idle)"> = new Map([
  ["(idle)", "(idle)"],
  ["(garbage collector)", "garbage collection"],
  ["(program)", "outside of JavaScript: event loop, socket reads"],
  ["(root)", "outside of JavaScript: event loop, socket reads"],
]);

/** null: whoever called it tells. The profiler's own work (`dispatch`) is no stage. */
export function stageOf(source: string, functionName: string): Stage | "(idle)" | null {
  const meta = META.get(functionName);
  if (meta !== undefined) return meta;
  if (source === "" && functionName === "dispatch") return "(idle)";
  if (source === "") return WRITES.has(functionName) ? "socket writes" : null;
  if (source.startsWith("src/core/writer/") && ACKNOWLEDGES.has(functionName)) return "writer: acknowledgements";
  return FILES.find(([prefix]) => source.startsWith(prefix))?.[1] ?? null;
}
