/**
 * Records what clients asked and were told, as a history for the checkers of src/check.
 *
 * The times are milliseconds of this process's monotonic clock: taken before a request leaves and after its answer is
 * here. So two operations are in order in the history only if they were. An error of a write is taken strictly. It was
 * not executed only if Onar's own details say so of every copy that was sent. Everything else, a broken connection
 * above all, is unknown.
 */
import { randomBytes } from "node:crypto";
import {
  Consistency,
  Presence,
  type Revision,
  type Condition as WireCondition,
} from "../../gen/ts/onar/kv/v1/common.js";
import { Execution } from "../../gen/ts/onar/kv/v1/error.js";
import type { KeyValueServiceClient } from "../../gen/ts/onar/kv/v1/kv.js";
import type { Call, Condition, Operation, Outcome } from "../../src/check/history.js";
import { attempt, type CallError } from "./clients.js";
import type { Node } from "./harness.js";

/** An operation with what the tests want to know besides. */
export interface Recorded extends Operation {
  /** Where it was sent first; the tests' own name of it. */
  readonly at: string;
  /** Answered by this node; 0 when not answered. */
  readonly nodeId: number;
  readonly attempts: number;
  /** The last error; null when it was answered. */
  readonly error: CallError | null;
}

export interface Asking {
  readonly process: string;
  readonly key: string;
  readonly call: Call;
  /** Tried in turn; only a request with an id goes to the second. */
  readonly nodes: readonly Node[];
  readonly deadlineMs: number;
  /** With a request id, and `after` where a revision is known. */
  readonly safe: boolean;
}

type Client = KeyValueServiceClient;
interface Answered {
  readonly outcome: Outcome;
  readonly nodeId: number;
  readonly revision: Revision | undefined;
  /** A read that was served from the replica's own copy. */
  readonly local?: boolean;
}

/** A retry follows no sooner. */
const PAUSE_MS = 30;
const MIN_ATTEMPT_MS = 150;

export class Recorder {
  readonly operations: Recorded[] = [];
  private readonly origin = performance.now();
  /** Highest revision seen, by key: what `after` hands back. */
  private readonly revisions = new Map<string, Revision>();
  private readonly incarnations = new Map<string, number>();

  /** Milliseconds on the clock of the history. */
  now(): number {
    return performance.now() - this.origin;
  }

  /** Makes the call, with retries if it is safe, and records it. */
  async ask(asking: Asking): Promise<Recorded> {
    const { key, call, nodes, deadlineMs, safe } = asking;
    const incarnation = this.incarnations.get(asking.process) ?? 0;
    const process = incarnation === 0 ? asking.process : `${asking.process}.${incarnation}`;
    const invoked = this.now();
    const requestId = safe && call.kind !== "get" ? randomBytes(16) : Buffer.alloc(0);
    const after = requestId.length > 0 ? this.revisions.get(key) : undefined;
    let attempts = 0;
    let mayHaveRun = false;
    let error: CallError | null = null;
    let answered: Answered | null = null;
    while (answered === null) {
      const left = deadlineMs - (this.now() - invoked);
      if (attempts > 0 && left < MIN_ATTEMPT_MS) break;
      const node = nodes[attempts % nodes.length] as Node;
      attempts++;
      const tried = await attempt(left, (options) => send(node.clients.kv, { key, call, requestId, after }, options));
      if ("answer" in tried) {
        answered = tried.answer;
        break;
      }
      error = tried.error;
      if (error.outcome?.execution !== Execution.NOT_EXECUTED) mayHaveRun = true;
      const again = call.kind === "get" || (requestId.length > 0 && error.info?.reason !== "REQUEST_EXPIRED");
      if (!safe || !again) break;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    if (answered !== null) this.learn(key, answered.revision);
    const status = mayHaveRun && call.kind !== "get" ? "unknown" : "failed";
    const outcome: Outcome = answered?.outcome ?? { status };
    // A client that does not know goes on as somebody else.
    if (outcome.status === "unknown") this.incarnations.set(asking.process, incarnation + 1);
    const recorded: Recorded = {
      process,
      key,
      call: answered === null ? call : asServed(call, answered),
      invoked,
      returned: outcome.status === "unknown" ? null : this.now(),
      outcome,
      at: (nodes[0] as Node).address,
      nodeId: answered?.nodeId ?? 0,
      attempts,
      error: answered === null ? error : null,
    };
    this.operations.push(recorded);
    return recorded;
  }

  /** As the checkers and files want them: nothing but the fields of an operation. */
  history(): Operation[] {
    return this.operations.map(({ process, key, call, invoked, returned, outcome }) => ({
      process,
      key,
      call,
      invoked,
      returned,
      outcome,
    }));
  }

  private learn(key: string, revision: Revision | undefined): void {
    const known = this.revisions.get(key);
    if (revision !== undefined && (known === undefined || revision.revision > known.revision))
      this.revisions.set(key, revision);
  }
}

interface Sending {
  readonly key: string;
  readonly call: Call;
  readonly requestId: Buffer;
  readonly after: Revision | undefined;
}

async function send(client: Client, sending: Sending, options: Parameters<Client["get"]>[1]): Promise<Answered> {
  const { call, requestId } = sending;
  const key = Buffer.from(sending.key);
  const base = { key, requestId, ...(sending.after === undefined ? {} : { after: sending.after }) };
  switch (call.kind) {
    case "get": {
      const consistency = call.consistency === "local" ? Consistency.LOCAL : Consistency.LINEARIZABLE;
      const { header, entry, consistency: served } = await client.get({ key, consistency }, options);
      const answer =
        entry === undefined
          ? ({ kind: "get", present: false } as const)
          : ({ kind: "get", present: true, value: entry.value.toString(), version: Number(entry.version) } as const);
      const local = served === Consistency.LOCAL;
      if (local && consistency !== Consistency.LOCAL) throw new Error("a linearizable read was served locally");
      return { ...of(header, { status: "done", answer }), local };
    }
    case "put": {
      const { header, version } = await client.put({ ...base, value: Buffer.from(call.value) }, options);
      return of(header, { status: "done", answer: { kind: "put", version: Number(version) } });
    }
    case "cas": {
      const request = { ...base, value: Buffer.from(call.value), condition: toWire(call.condition) };
      const { header, swapped, version, found } = await client.compareAndSet(request, options);
      if (swapped)
        return of(header, { status: "done", answer: { kind: "cas", swapped: true, version: Number(version) } });
      return of(header, { status: "done", answer: { kind: "cas", swapped: false, found: foundOf(version, found) } });
    }
    case "delete": {
      const request = call.condition === undefined ? base : { ...base, condition: toWire(call.condition) };
      const { header, deleted, version, found } = await client.delete(request, options);
      const answer = { kind: "delete", deleted, versionFound: Number(version) } as const;
      const conditional = call.condition !== undefined && !deleted;
      return of(header, {
        status: "done",
        answer: conditional ? { ...answer, found: foundOf(version, found) } : answer,
      });
    }
    case "add": {
      const { header, version, number } = await client.add({ ...base, delta: BigInt(call.delta) }, options);
      // A repeated request whose key was written since is told no number: that it ran is known, what it made is not.
      if (number === undefined) return of(header, { status: "unknown" });
      return of(header, { status: "done", answer: { kind: "add", version: Number(version), number: String(number) } });
    }
  }
}

type Header = Awaited<ReturnType<Client["get"]>>["header"];

const of = (header: Header, outcome: Outcome): Answered => ({
  outcome,
  nodeId: header?.nodeId ?? 0,
  revision: header?.revision,
});

const foundOf = (version: bigint, found: { readonly value: Buffer } | undefined) => {
  if (version === 0n) return null;
  return found === undefined
    ? { version: Number(version) }
    : { version: Number(version), value: found.value.toString() };
};

/** A local read that was served as a linearizable one is checked as one. */
function asServed(call: Call, answered: Answered): Call {
  return call.kind === "get" && call.consistency === "local" && answered.local !== true ? { kind: "get" } : call;
}

function toWire(condition: Condition): WireCondition {
  switch (condition.kind) {
    case "version":
      return { expected: { $case: "version", value: BigInt(condition.version) } };
    case "value":
      return { expected: { $case: "value", value: Buffer.from(condition.value) } };
    case "absent":
      return { expected: { $case: "presence", value: Presence.ABSENT } };
    case "present":
      return { expected: { $case: "presence", value: Presence.PRESENT } };
  }
}
