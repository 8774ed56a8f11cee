/**
 * Clients of one node as any program would have them: generated code on nice-grpc, deadlines on the wire, errors with
 * their details.
 */
import { type CallOptions, type Channel, ChannelCredentials, createChannel, createClient, Metadata } from "nice-grpc";
import { ClientError, Status } from "nice-grpc-common";
import { ErrorInfo, RetryInfo } from "../../gen/ts/google/rpc/error_details.js";
import { Status as RpcStatus } from "../../gen/ts/google/rpc/status.js";
import { type HealthClient, HealthDefinition } from "../../gen/ts/grpc/health/v1/health.js";
import { Outcome } from "../../gen/ts/onar/kv/v1/error.js";
import { type KeyValueServiceClient, KeyValueServiceDefinition } from "../../gen/ts/onar/kv/v1/kv.js";
import {
  type ReconfigurationServiceClient,
  ReconfigurationServiceDefinition,
} from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { type TextServiceClient, TextServiceDefinition } from "../../gen/ts/onar/text/v1/text.js";

/** A channel with a connection of its own that comes back soon after the node does. */
const openChannel = (address: string): Channel =>
  createChannel(address, ChannelCredentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_http_proxy": 0,
    "grpc.enable_retries": 0,
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.initial_reconnect_backoff_ms": 100,
    // How long one attempt to connect may take.
    "grpc.min_reconnect_backoff_ms": 10_000,
    "grpc.max_reconnect_backoff_ms": 500,
  });

export class NodeClients {
  readonly channel: Channel;
  readonly kv: KeyValueServiceClient;
  readonly text: TextServiceClient;
  readonly cluster: ReconfigurationServiceClient;
  readonly health: HealthClient;

  constructor(address: string) {
    this.channel = openChannel(address);
    this.kv = createClient(KeyValueServiceDefinition, this.channel);
    this.text = createClient(TextServiceDefinition, this.channel);
    this.cluster = createClient(ReconfigurationServiceDefinition, this.channel);
    this.health = createClient(HealthDefinition, this.channel);
  }

  close(): void {
    this.channel.close();
  }
}

/** The error of a call that did not succeed. */
export interface CallError {
  /** gRPC status by name; "SILENCE" when no answer came although the deadline is well past. */
  readonly status: string;
  readonly message: string;
  /** With domain "onar"; null when the error is not Onar's own. */
  readonly info: ErrorInfo | null;
  readonly outcome: Outcome | null;
  readonly retry: RetryInfo | null;
  /** Milliseconds from the call to the error. */
  readonly afterMs: number;
}

export type Attempted<Answer> = { readonly answer: Answer } | { readonly error: CallError };

/** How much longer than its deadline a call is waited for. */
const GRACE_MS = 1_500;

/**
 * Makes one call with the deadline in its metadata, where the server sees it; no timer on this side comes before the
 * server's answer.
 */
export async function attempt<Answer>(
  deadlineMs: number | null,
  call: (options: CallOptions) => Promise<Answer>,
): Promise<Attempted<Answer>> {
  const started = performance.now();
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), (deadlineMs ?? 10_000) + GRACE_MS);
  const metadata = Metadata();
  if (deadlineMs !== null) metadata.set("grpc-timeout", `${Math.max(1, Math.round(deadlineMs))}m`);
  let trailer: Metadata | null = null;
  try {
    const onTrailer = (received: Metadata): void => {
      trailer = received;
    };
    return { answer: await call({ metadata, signal: abort.signal, onTrailer }) };
  } catch (error) {
    const afterMs = performance.now() - started;
    if (error instanceof ClientError) {
      const status = Status[error.code] ?? String(error.code);
      return { error: { status, message: error.details, afterMs, ...detailsOf(trailer) } };
    }
    if (!abort.signal.aborted) throw error;
    return { error: { status: "SILENCE", message: "", info: null, outcome: null, retry: null, afterMs } };
  } finally {
    clearTimeout(timer);
  }
}

/** The error of a call that has to fail. */
export async function errorOf(
  call: (options: CallOptions) => Promise<unknown>,
  deadlineMs: number | null = null,
): Promise<CallError> {
  const tried = await attempt(deadlineMs, call);
  if ("error" in tried) return tried.error;
  throw new Error(`the call succeeded: ${String(tried.answer)}`);
}

/** The answer of a call that has to succeed. */
export async function answerOf<Answer>(
  call: (options: CallOptions) => Promise<Answer>,
  deadlineMs = 5_000,
): Promise<Answer> {
  const tried = await attempt(deadlineMs, call);
  if ("answer" in tried) return tried.answer;
  throw new Error(`the call failed: ${inWords(tried.error)}`);
}

export const inWords = ({ status, info, message, afterMs }: CallError): string =>
  `${status} ${info?.reason ?? "(bare)"} after ${Math.round(afterMs)} ms: ${message}`;

type Details = Pick<CallError, "info" | "outcome" | "retry">;

function detailsOf(trailer: Metadata | null): Details {
  const bytes = trailer?.get("grpc-status-details-bin");
  return bytes instanceof Uint8Array
    ? decodeDetails(RpcStatus.decode(bytes))
    : { info: null, outcome: null, retry: null };
}

export function decodeDetails(status: RpcStatus): Details {
  let info: ErrorInfo | null = null;
  let outcome: Outcome | null = null;
  let retry: RetryInfo | null = null;
  for (const { typeUrl, value } of status.details) {
    if (typeUrl.endsWith("/google.rpc.ErrorInfo")) {
      const found = ErrorInfo.decode(value);
      if (found.domain === "onar") info = found;
    } else if (typeUrl.endsWith("/onar.kv.v1.Outcome")) outcome = Outcome.decode(value);
    else if (typeUrl.endsWith("/google.rpc.RetryInfo")) retry = RetryInfo.decode(value);
  }
  return { info, outcome, retry };
}
