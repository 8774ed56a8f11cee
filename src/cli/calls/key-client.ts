/**
 * The commands' way to keys: the TypeScript client. So writes are sent again, applied once and honestly unknown here as
 * in every program. Three things are the commands' own:
 *
 *   1. Only the endpoints that people named are called, not the addresses that nodes advertise.
 *   2. While no write was sent, a call ends as soon as none of the endpoints could be connected. People wait for an
 *      answer, not for a node that is to be started.
 *   3. Facts of answers and errors besides the outcome are kept for `-o json`: their header, the status.
 *
 * One call at a time.
 */
import type { Header } from "../../../gen/ts/onar/kv/v1/common.js";
import type { CallOptions, Outcome, OutcomeCalls } from "../../client/client.js";
import { ClientOver } from "../../client/client-over.js";
import type { Failure } from "../../client/failure.js";
import { type Address, formatAddress } from "../../config/values.js";
import { CliError, EXIT } from "../ending/exit.js";
import { type Heard, KeyConnection } from "./key-connection.js";

/**
 * One connection is enough for most commands, and the other nodes' views would take longer to read than all the rest.
 */
const HEAD_START_MS = 100;

export interface KeyCallOptions {
  /** For everything: connecting, all attempts, their answers. */
  readonly timeoutMs: number;
  /** Gives the call up: a write that was sent is unknown then. */
  readonly interrupt?: AbortSignal | undefined;
  /** Waits for nodes, too, that cannot be connected. */
  readonly patient?: boolean;
}

/** An answer, and the header that it came with. */
export interface Answered<O extends Outcome> {
  readonly answer: Extract<O, { readonly outcome: "done" }>;
  readonly header: Header | undefined;
}

export class KeyClient {
  private readonly client: ClientOver;
  private readonly addresses: readonly string[];
  private current: Current | null = null;

  constructor(endpoints: readonly Address[]) {
    this.addresses = endpoints.map(formatAddress);
    const heard: Heard = {
      leftMs: () => this.current?.leftMs ?? 0,
      wrote: () => this.current?.write(),
      replied: (reply) => this.current?.hear(reply),
      unreachable: (address, why, failure) => this.current?.miss(address, why, failure),
    };
    this.client = new ClientOver(
      { endpoints: this.addresses, direct: false },
      (address) => new KeyConnection(address, heard),
      HEAD_START_MS,
    );
  }

  /** The answer, or a CliError with exit code 1 (not done) or, for writes only, 4 (unknown). */
  async call<O extends Outcome>(
    run: (calls: OutcomeCalls, options: CallOptions) => Promise<O>,
    { timeoutMs, interrupt, patient = false }: KeyCallOptions,
  ): Promise<Answered<O>> {
    const current = new Current(patient ? [] : this.addresses, timeoutMs);
    this.current = current;
    const signal = interrupt === undefined ? current.giveUp : AbortSignal.any([current.giveUp, interrupt]);
    const outcome: Outcome = await run(this.client.outcome, { timeoutMs, signal });
    this.current = null;
    if (outcome.outcome === "done") return { answer: outcome as Answered<O>["answer"], header: current.header };
    const { reason } = outcome;
    const interrupted = interrupt?.aborted === true;
    if (current.unreachable !== null && reason === "CANCELLED" && !interrupted) {
      throw new CliError(EXIT.notDone, current.unreachable.message, current.unreachable.facts);
    }
    const late = reason === "DEADLINE_EXCEEDED" ? `no answer within ${timeoutMs / 1_000} s` : outcome.message;
    const message = interrupted ? "interrupted" : late;
    const facts = { status: current.failure?.reason === reason ? current.failure.status : "", reason };
    if (outcome.outcome === "notDone") throw new CliError(EXIT.notDone, message, facts);
    const text = `it is not known whether the write was executed: ${message}. Read the key to find out`;
    throw new CliError(EXIT.unknown, text, facts);
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

/** Facts heard while one call goes on. */
class Current {
  header: Header | undefined;
  failure: Failure | null = null;
  unreachable: { readonly message: string; readonly facts: CliError["facts"] } | null = null;
  private written = false;
  private readonly troubles = new Map<string, string>();
  private readonly until: number;
  private readonly abort = new AbortController();

  /** Gives up when none of `needed` can be connected; never when that is empty. */
  constructor(
    private readonly needed: readonly string[],
    timeoutMs: number,
  ) {
    this.until = performance.now() + timeoutMs;
  }

  get leftMs(): number {
    return Math.max(0, this.until - performance.now());
  }

  get giveUp(): AbortSignal {
    return this.abort.signal;
  }

  write(): void {
    this.written = true;
  }

  hear(reply: { readonly header: Header | undefined } | Failure): void {
    if ("$case" in reply) this.failure = reply;
    else this.header = reply.header;
  }

  miss(address: string, why: string, failure: Failure | null): void {
    this.troubles.set(address, why);
    if (this.written || this.needed.length === 0 || !this.needed.every((one) => this.troubles.has(one))) return;
    const facts = { status: failure?.status ?? "", reason: failure?.reason ?? "UNREACHABLE" };
    this.unreachable ??= { message: [...this.troubles.values()].join("; "), facts };
    this.abort.abort();
  }
}
