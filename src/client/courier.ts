/**
 * Carries one call to an answer. It chooses a node, sends, and sends again where that is allowed, until there is an
 * answer or the patience is over.
 *
 * The intuition: an attempt that failed says one of two things, "not executed" or "unknown". Once an attempt of a write
 * was unknown, only two things can make the call anything else. They are an answer to the same request, and the
 * cluster's decision on its id. Refusals speak for their own copy.
 *
 * Invariants:
 *   C1  All attempts of a write carry the same bytes: request id, `after`, arguments.
 *   C2  `after` was told to this client before the first attempt.
 *   C3  A call is "notDone" only if no attempt of it can have been executed.
 *
 * Source: docs/api.md, What may be retried.
 */
import type { Header } from "../../gen/ts/onar/kv/v1/common.js";
import { Consistency } from "../../gen/ts/onar/kv/v1/common.js";
import type { Endpoint } from "./endpoint.js";
import { codeOf, type Failure, ownFailure } from "./failure.js";
import { NONE, type Nodes } from "./nodes.js";
import type { NotDone, Reason, Unknown } from "./outcome.js";
import type { Patience } from "./patience.js";
import { partitionOf } from "./placement.js";
import type { Revisions } from "./revisions.js";
import type { Reply, Request, Response } from "./transport.js";
import type { Turns } from "./writes-per-key.js";

/**
 * A node that says nothing for so long is given up for another one. A write may be held for three seconds while there
 * is no writer.
 */
const READ_ATTEMPT_MS = 1_500;
const WRITE_ATTEMPT_MS = 4_000;
const MIN_ATTEMPT_MS = 500;
const FIRST_PAUSE_MS = 10;
const MAX_PAUSE_MS = 500;

/** The calls that a node executes at most once by their id. */
type WriteRequest = Exclude<Request, { $case: "get" }>;
type ReadRequest = Extract<Request, { $case: "get" }>;

export type Ended = Response | NotDone | Unknown;

interface Job {
  readonly request: Request;
  readonly kind: "read" | "write";
  readonly partition: number;
  readonly patience: Patience;
}

interface FailedAttempt {
  readonly endpoint: Endpoint;
  readonly failure: Failure;
}

export class Courier {
  /** Partitions whose revision is being asked for. */
  private readonly asking = new Map<number, Promise<Ended>>();

  constructor(
    private readonly nodes: Nodes,
    private readonly revisions: Revisions,
    private readonly turns: Turns,
  ) {}

  async read(request: ReadRequest, patience: Patience): Promise<Exclude<Ended, Unknown>> {
    const { key } = request.value;
    const partition = this.partitionNow(key, patience) ?? (await this.partitionOf(key, patience));
    if (typeof partition !== "number") return partition;
    const ended = await this.carry({ request, kind: "read", partition, patience });
    // A read changes nothing, so it is never unknown.
    return "outcome" in ended && ended.outcome === "unknown" ? { ...ended, outcome: "notDone" } : ended;
  }

  async write(request: WriteRequest, patience: Patience): Promise<Ended> {
    const { key } = request.value;
    const partition = this.partitionNow(key, patience) ?? (await this.partitionOf(key, patience));
    if (typeof partition !== "number") return partition;
    const name = key.toString("latin1");
    if (!this.turns.takeNow(name)) {
      const taken = await patience.wait<true>((settle) => this.turns.take(name, () => settle(true)));
      if (taken === null) return this.over(patience);
    }
    try {
      if (!this.revisions.fresh(partition, performance.now())) {
        const refused = await this.learnRevision(partition, request, patience);
        if (refused !== null) return refused;
      }
      request.value.after = this.revisions.after(partition);
      const ended = await this.carry({ request, kind: "write", partition, patience });
      if ("outcome" in ended && ended.reason === "REQUEST_EXPIRED") this.turns.expired(name);
      return ended;
    } finally {
      this.turns.pass(name);
    }
  }

  /** The key's partition, if that needs no waiting; otherwise null. */
  private partitionNow(key: Uint8Array, patience: Patience): number | null {
    const { view } = this.nodes;
    return view === null || patience.over !== null ? null : partitionOf(key, view.partitionCount);
  }

  /** The key's partition; why not, when nobody tells how many there are. */
  private async partitionOf(key: Uint8Array, patience: Patience): Promise<number | NotDone> {
    if (patience.over === null) await this.nodes.known(patience);
    return this.partitionNow(key, patience) ?? this.over(patience);
  }

  /**
   * Asks for the partition's revision if none is known, or only an old one; what speaks against the call, if anything.
   */
  private async learnRevision(
    partition: number,
    { value: { key } }: WriteRequest,
    patience: Patience,
  ): Promise<NotDone | null> {
    while (!this.revisions.fresh(partition, performance.now())) {
      const other = this.asking.get(partition);
      if (other !== undefined) {
        const answer = await patience.for(other);
        if (answer === null && patience.over !== null) return this.over(patience);
        const told = answer === null || "outcome" in answer || tellsRevision(answer);
        if (told && this.revisions.after(partition) !== undefined) return null;
        continue;
      }
      const request: ReadRequest = { $case: "get", value: { key, consistency: Consistency.LOCAL, keySpace: "" } };
      // Asked as a write is, of the writer: no other node knows the newest one.
      const asked = this.carry({ request, kind: "write", partition, patience });
      this.asking.set(partition, asked);
      const ended = await asked;
      this.asking.delete(partition);
      if ("outcome" in ended) return { ...ended, outcome: "notDone" };
      if (tellsRevision(ended)) return null;
      // All its nodes have just started: a writer tells it as soon as there is one.
      await patience.pause(UNTOLD_PAUSE_MS);
      if (patience.over !== null) return this.over(patience);
    }
    return null;
  }

  /** Nearly always the first answer is the end of it: what further attempts need is made only when it is not. */
  private carry(job: Job): Promise<Ended> {
    const endpoint = this.nodes.best(job.partition, job.kind, NONE);
    if (endpoint === null) return this.insist(job, null);
    return this.attempt(job, endpoint).then((reply) => {
      if (reply === null || reply.$case === "failure") return this.insist(job, failedAt(endpoint, reply, job));
      this.hear(reply.value.header, endpoint);
      return reply;
    });
  }

  /** Attempts until there is an answer or the patience is over; `first` was made already. */
  private async insist(job: Job, first: FailedAttempt | null): Promise<Ended> {
    const { kind, partition, patience, request } = job;
    let tried = NONE;
    let last: FailedAttempt | null = null;
    let unknown: FailedAttempt | null = null;
    let next = first;
    for (let attempt = 0; ; attempt++) {
      let failed = next;
      next = null;
      if (failed === null) {
        const endpoint = await this.nodes.choose(partition, kind, tried, patience);
        if (endpoint === null) break;
        // A request that cannot be answered any more is not sent: it would only make unknown what is not done.
        if (last !== null && patience.leftMs <= patience.tooShortMs) break;
        const reply = await this.attempt(job, endpoint);
        if (reply !== null && reply.$case !== "failure") {
          this.hear(reply.value.header, endpoint);
          return reply;
        }
        failed = failedAt(endpoint, reply, job);
      }
      const { endpoint, failure } = failed;
      last = failed;
      if (request.$case !== "get" && failure.execution === "unknown") unknown = failed;
      this.hearFailure(failure, endpoint, partition);
      if (failure.decided) return { outcome: "notDone", ...toldBy(failed) };
      if (!failure.retryable) break;
      tried = new Set([...tried, endpoint]);
      // Time for one more attempt is kept, once.
      const { leftMs, tooShortMs } = patience;
      const longestMs = leftMs > 2 * tooShortMs ? leftMs - 2 * tooShortMs : leftMs - tooShortMs;
      await patience.pause(Math.max(0, Math.min(pauseBefore(attempt, failure), longestMs)));
    }
    if (unknown !== null) return this.unknown(unknown, last, patience);
    if (last === null || patience.over === "CANCELLED" || patience.over === "CLOSED") return this.over(patience);
    return { outcome: "notDone", ...toldBy(last) };
  }

  /** null: the patience was over before an answer came. */
  private attempt({ request, kind, patience }: Job, endpoint: Endpoint): Promise<Reply | null> {
    const left = patience.leftMs;
    const longest = kind === "read" ? READ_ATTEMPT_MS : WRITE_ATTEMPT_MS;
    const within = Math.ceil(Math.min(left, longest, Math.max(left / 2, MIN_ATTEMPT_MS)));
    return patience.wait<Reply>((settle) => {
      let stop: () => void = () => {};
      const timer = setTimeout(() => {
        stop();
        endpoint.rest();
        settle(ownFailure("unknown", "DEADLINE_EXCEEDED", `${endpoint.address} did not answer within ${within} ms`));
      }, within + GRACE_MS);
      stop = endpoint.connection.send(request, within, (answer) => {
        clearTimeout(timer);
        settle(answer);
      });
      return () => {
        clearTimeout(timer);
        stop();
      };
    });
  }

  private hear(header: Header | undefined, from: Endpoint): void {
    this.revisions.hear(header?.revision, performance.now());
    this.nodes.hear(header, from);
  }

  private hearFailure(failure: Failure, from: Endpoint, partition: number): void {
    const now = performance.now();
    this.revisions.hear(failure.told, now);
    if (failure.reason === "REQUEST_EXPIRED") this.revisions.expired(partition, now);
    this.nodes.failed(from, failure, partition);
  }

  /** Nothing was executed, and the time is over or nobody can be asked. */
  private over(patience: Patience): NotDone {
    const { over } = patience;
    if (over === "CANCELLED" || over === "CLOSED") return notDone(over, END_TEXTS[over]);
    if (!this.nodes.someoneUsable && patience.lasted) {
      const { reason, message, addresses } = this.nodes.trouble;
      return notDone(reason, message, addresses);
    }
    return notDone("DEADLINE_EXCEEDED", END_TEXTS.DEADLINE_EXCEEDED);
  }

  private unknown(unknown: FailedAttempt, last: FailedAttempt | null, patience: Patience): Unknown {
    const { over } = patience;
    if (over === "CANCELLED" || over === "CLOSED") {
      const { address, message } = toldBy(unknown);
      const text = `${END_TEXTS[over]}; before that: ${message}`;
      return { outcome: "unknown", reason: over, code: codeOf(over), address, message: text };
    }
    return { outcome: "unknown", ...toldBy(last !== null && last.failure.execution === "unknown" ? last : unknown) };
  }
}

/** Between two questions for a revision that nobody can tell yet. */
const UNTOLD_PAUSE_MS = 50;

const tellsRevision = (answer: Response): boolean => answer.value.header?.revision !== undefined;

/** How much longer than the server an attempt waits, so that its answer "too late" still arrives. */
const GRACE_MS = 50;

const END_TEXTS = {
  DEADLINE_EXCEEDED: "the time for the call is over",
  CANCELLED: "the call was cancelled",
  CLOSED: "the client is closed",
} as const;

function failedAt(endpoint: Endpoint, reply: Failure | null, { patience }: Job): FailedAttempt {
  const why = patience.over ?? "CANCELLED";
  return { endpoint, failure: reply ?? ownFailure("unknown", why, END_TEXTS[why], false) };
}

const notDone = (reason: Reason, message: string, address = ""): NotDone => ({
  outcome: "notDone",
  reason,
  code: codeOf(reason),
  address,
  message,
});

/** An attempt's word about its call. */
const toldBy = ({ endpoint: { address }, failure: { reason, status, message } }: FailedAttempt) => ({
  reason,
  code: status === "" ? codeOf(reason) : status,
  address,
  message,
});

/** Before another attempt: longer each time, by chance, and at least what the server asked for. */
function pauseBefore(attempt: number, failure: Failure): number {
  // Another node may be asked at once when this one is the trouble.
  if (attempt === 0 && failure.nodeUnwell) return 0;
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** attempt, MAX_PAUSE_MS) * (0.5 + Math.random() / 2);
  // Not all callers at the same moment.
  return Math.max(pause, Math.min(failure.retryAfterMs, MAX_PAUSE_MS) * (1 + Math.random() / 4));
}
