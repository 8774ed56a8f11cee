/**
 * A client of the simulated cluster: one request after the other at nodes of its choice. Now and then it makes a second
 * copy by a proxy, a retry at another node under the same id, or a sudden end. It writes down what it asked and what it
 * was told, as a history for src/check.
 *
 * The only request that may be called failed: every copy of it was definitely not executed. All else without an answer
 * is unknown, and the client goes on under a new process id. A request with an id but without `after` may run again
 * once its record was forgotten. So every further copy of it is an operation of its own in the history, of unknown
 * outcome.
 */
import type { Prng } from "../../src/base/prng.js";
import { duration } from "../../src/base/time.js";
import type { Answer as HistoryAnswer, Operation, Outcome } from "../../src/check/history.js";
import { fingerprintOf } from "../../src/codec/api/fingerprint.js";
import { type Key, type Partition, type Revision, revision, UNKNOWN_REVISION } from "../../src/core/model/ids.js";
import type { Request } from "../../src/core/model/node-message.js";
import type { Answer, ReadRequest, RequestId, WriteOperation, WriteRequest } from "../../src/core/model/operation.js";
import type { Ticket } from "../../src/core/model/outbox.js";
import type { Verdict } from "../../src/node/outgoing.js";
import { renderRequest, renderVerdict, textOf } from "../scripts/render.js";
import { answerFor, callOf, countVerdict, drawWrite, type Seen } from "./calls.js";
import type { Chance } from "./dice.js";
import type { SimNode } from "./node.js";
import type { PlannedOperation } from "./plan.js";
import type { World } from "./world.js";

/** Copies that a client itself sends of a request with an id. */
const MAX_TRIES = 4;
/** Rounds that a client waits for an answer once the faults are over. */
const FINAL_TIMEOUT_ROUNDS = 30;

/** Share of operations that a client which has begun anew precedes by asking for a revision. */
const ASKING_FIRST = 0.7;

interface Undertaking {
  readonly key: Key;
  readonly partition: Partition;
  readonly request: Request;
  readonly invoked: number;
  readonly process: number;
  /** Decides on everything about it. */
  readonly chance: Chance;
  tries: number;
  /** Sent so far, those of a proxy included. */
  copies: number;
  /** Some copy may have run or may still run. */
  mayHaveRun: boolean;
  /** The outcome that the client was told; null: still waiting. */
  outcome: Outcome | null;
  /** The version answered, for all copies the same. */
  version: number | null;
}

interface Copy {
  readonly undertaking: Undertaking;
  readonly node: SimNode;
  readonly life: number;
  readonly byProxy: boolean;
  ticket: Ticket | null;
  /** The client went away. */
  gone: boolean;
  ended: boolean;
  answered: boolean;
}

export class Client {
  private readonly seen = new Map<Key, Seen>();
  private readonly revisions = new Map<Partition, Revision>();
  private begunAnew = false;
  /** Its next request is on its way to be drawn. */
  private thinking = false;
  private current: Undertaking | null = null;
  private generation = 0;
  private made = 0;
  /** Operations of the liveness phase so far. */
  private finals = 0;
  /** By plan: operations whose time has come while another was under way. */
  private readonly due: PlannedOperation[] = [];

  constructor(
    private readonly world: World,
    private readonly index: number,
    private readonly chance: Prng,
  ) {}

  /** Another client takes its place, which knows nothing. */
  beginAnew(): void {
    this.begunAnew = true;
    this.seen.clear();
    this.revisions.clear();
  }

  get idle(): boolean {
    return this.current === null;
  }

  start(): void {
    const { plan } = this.world.source;
    if (plan === null) return this.think();
    for (const operation of plan.operations) {
      if (operation.client !== this.index) continue;
      this.world.schedule.at(operation.at, () => {
        this.due.push(operation);
        this.think();
      });
    }
  }

  private think(): void {
    if (this.world.source.plan !== null) return this.nextDue();
    this.thinking = true;
    this.world.schedule.after(-Math.log(1 - this.chance.fraction()) * this.world.thinkMs, () => this.ask());
  }

  /** There are operations to make again. */
  goOn(): void {
    if (this.current === null && !this.thinking) this.think();
  }

  private nextDue(): void {
    if (this.current !== null) return;
    const next = this.world.calm ? undefined : this.due.shift();
    if (next !== undefined) this.begin(this.world.source.planned(next));
  }

  private ask(): void {
    const { world } = this;
    this.thinking = false;
    if (world.takeOperation()) this.begin(world.source.operation(world.schedule.now, this.index, this.chance));
  }

  private begin(chance: Chance): void {
    const { world } = this;
    const { load } = world.swarm;
    const drawn = chance.pick(world.keys);
    const key = load.hot > 0 && chance.chance(load.hot) ? (world.keys[0] ?? drawn) : drawn;
    // As the client libraries do: the first thing that a new one asks for is a revision, until it is told one.
    const asks = this.begunAnew && !this.revisions.has(this.world.partitionOf(key)) && chance.chance(ASKING_FIRST);
    if (asks) return this.undertake(key, { kind: "read", read: { key, consistency: "local" } }, chance);
    if (chance.chance(load.gets)) {
      const read: ReadRequest = { key, consistency: chance.chance(load.locals) ? "local" : "linearizable" };
      return this.undertake(key, { kind: "read", read }, chance);
    }
    this.made++;
    const operation = drawWrite(chance, key, this.seen.get(key) ?? null, `${this.index}.${this.made}`, load.deletes);
    this.undertake(key, { kind: "write", write: this.writeRequest(operation, chance) }, chance);
  }

  /** Reads a key at a given node, in the end, when everything must work; false: the plan leaves it out. */
  readAt(node: SimNode, key: Key): boolean {
    const chance = this.finalChance();
    if (chance === null) return false;
    this.undertake(key, { kind: "read", read: { key, consistency: "linearizable" } }, chance, node);
    return true;
  }

  writeAt(node: SimNode, key: Key): void {
    const chance = this.finalChance();
    if (chance === null) return;
    this.made++;
    const operation: WriteOperation = drawWrite(chance, key, null, `${this.index}.${this.made}`, 0);
    this.undertake(key, { kind: "write", write: this.writeRequest(operation, chance) }, chance, node);
  }

  private finalChance(): Chance | null {
    this.finals++;
    return this.world.source.final(this.finals, this.chance);
  }

  private writeRequest(operation: WriteOperation, chance: Chance): WriteRequest {
    const { load } = this.world.swarm;
    const partition = this.world.partitionOf(operation.key);
    if (!chance.chance(load.ids)) return { operation, requestId: null, after: null, fingerprint: 0 };
    const requestId = `${this.index}.${this.made}`.padEnd(16, ".") as RequestId;
    const known = this.revisions.get(partition);
    // Now and then a client is wrong about what it has seen: it must be told so, and nothing may run.
    const wrong = known !== undefined && chance.chance(load.wrongAfters) ? 1_000_000 : 0;
    const after = known === undefined || !chance.chance(load.afters) ? null : revision(known + wrong);
    if (after !== null) this.world.checks.bound(partition, requestId, after);
    else this.world.checks.sentOnce(partition, requestId);
    return { operation, requestId, after, fingerprint: fingerprintOf(operation) };
  }

  private undertake(key: Key, request: Request, chance: Chance, at: SimNode | null = null): void {
    const { world } = this;
    const { load } = world.swarm;
    const undertaking: Undertaking = {
      key,
      partition: world.partitionOf(key),
      request,
      invoked: world.tick(),
      process: this.index + 1_000 * this.generation,
      chance,
      tries: 0,
      copies: 0,
      mayHaveRun: false,
      outcome: null,
      version: null,
    };
    this.current = undertaking;
    if (world.trace.keeping) world.trace.note(world.schedule.now, `client ${this.index}: ${renderRequest(request)}`);
    const withId = request.kind === "write" && request.write.requestId !== null;
    if (withId && at === null && chance.chance(load.copies)) {
      undertaking.mayHaveRun = true;
      const late = chance.fraction() * load.copyLateMs;
      world.schedule.after(late, () => this.send(undertaking, chance.pick(world.nodes), true));
    }
    this.attempt(undertaking, at);
  }

  private attempt(undertaking: Undertaking, at: SimNode | null = null): void {
    if (undertaking.outcome !== null) return;
    undertaking.tries++;
    const node = at ?? undertaking.chance.pick(this.world.nodes);
    if (!this.send(undertaking, node, false)) this.again(undertaking, at);
  }

  /** After a copy that gave no answer: another try, or the end. */
  private again(undertaking: Undertaking, at: SimNode | null = null): void {
    const { request } = undertaking;
    const harmless = request.kind === "read" || request.write.requestId !== null || !undertaking.mayHaveRun;
    if (harmless && undertaking.tries < MAX_TRIES) {
      const pause = undertaking.chance.fraction() * this.world.swarm.roundMs;
      this.world.schedule.after(pause, () => this.attempt(undertaking, at));
    } else {
      this.finish(undertaking, { status: undertaking.mayHaveRun ? "unknown" : "failed" });
    }
  }

  private send(undertaking: Undertaking, node: SimNode, byProxy: boolean): boolean {
    const { world } = this;
    const { chance } = undertaking;
    const { load } = world.swarm;
    const copy: Copy = {
      undertaking,
      node,
      life: node.life,
      byProxy,
      ticket: null,
      gone: false,
      ended: false,
      answered: false,
    };
    const timeout = world.calm
      ? FINAL_TIMEOUT_ROUNDS * world.swarm.roundMs
      : load.timeoutMs * (0.5 + chance.fraction());
    const { partition, request } = undertaking;
    if (world.trace.keeping && node.up)
      world.trace.command(
        world.schedule.now,
        `${renderRequest(request)} at n${node.id}${byProxy ? " (a copy)" : ""}`,
        partition,
      );
    const sent = node.request(partition, request, duration(timeout), {
      ticket: (ticket) => {
        copy.ticket = ticket;
      },
      verdict: (verdict) => this.answered(copy, verdict),
    });
    if (!sent) return false;
    if (node.running) world.expectVerdict(node, timeout, () => copy.answered || copy.gone);
    const again = undertaking.copies++ > 0;
    if (request.kind === "write" && again) this.copied(undertaking);
    // A client that gets no answer gives up by itself, a little later than the node should have.
    world.schedule.after(timeout * 1.5 + world.slackMs, () => this.lost(copy));
    if (!byProxy && !world.calm && chance.chance(load.vanish))
      world.schedule.after(chance.fraction() * timeout, () => this.vanish(copy));
    world.onCrash(node, () => this.lost(copy));
    return true;
  }

  /**
   * Any copy may be the one that runs first. One that comes later may be answered, when the record of the first is gone
   * by then.
   */
  private copied({ key, partition, request, invoked }: Undertaking): void {
    this.world.sometimes.hit("a copy of a request was sent");
    if (request.kind === "write" && request.write.requestId !== null)
      this.world.checks.sentAgain(partition, request.write.requestId);
    if (request.kind !== "write" || request.write.after !== null) return;
    this.generation++;
    this.world.record({
      process: this.index + 1_000 * this.generation,
      key,
      call: callOf(request, false),
      invoked,
      returned: null,
      outcome: { status: "unknown" },
    });
    this.generation++;
  }

  private vanish(copy: Copy): void {
    if (copy.answered || copy.ticket === null || copy.gone || copy.node.life !== copy.life) return;
    this.world.sometimes.hit("a client went away");
    copy.gone = true;
    copy.undertaking.tries = MAX_TRIES;
    this.lost(copy);
  }

  private lost(copy: Copy): void {
    if (copy.ended) return;
    copy.ended = true;
    if (copy.undertaking.request.kind === "write") copy.undertaking.mayHaveRun = true;
    if (!copy.byProxy && copy.undertaking.outcome === null) this.again(copy.undertaking);
  }

  private answered(copy: Copy, verdict: Verdict): void {
    const { world } = this;
    const { undertaking } = copy;
    world.trace.note(
      world.schedule.now,
      `client ${this.index} at n${copy.node.id}: ${renderRequest(undertaking.request)} → ${renderVerdict(verdict)}`,
    );
    if (world.trace.keeping)
      world.trace.said(
        world.schedule.now,
        `n${copy.node.id}: ${renderRequest(undertaking.request)} ⇒ ${renderVerdict(verdict)}`,
      );
    if (copy.answered)
      world.violate(
        "one verdict by the deadline",
        `two verdicts for one request, the second ${renderVerdict(verdict)}`,
      );
    copy.answered = true;
    const unknown = verdict.status === "unknown" || (verdict.status === "deadline" && verdict.mayHaveRun);
    if (unknown && undertaking.request.kind === "write" && !copy.node.hasLeft(undertaking.request))
      world.violate(
        "unknown is only what was sent",
        `n${copy.node.id} gave ${renderRequest(undertaking.request)} to nobody and calls it ${renderVerdict(verdict)}`,
      );
    countVerdict(world.sometimes, verdict);
    if (verdict.status === "done") this.look(undertaking, verdict.answer);
    if (copy.ended) return;
    copy.ended = true;
    if (copy.byProxy || undertaking.outcome !== null) return;
    switch (verdict.status) {
      case "done": {
        this.hear(undertaking, verdict.standing.revision);
        const answer = answerFor(verdict.answer);
        return this.finish(undertaking, answer === null ? { status: "unknown" } : { status: "done", answer });
      }
      case "unknown":
        undertaking.mayHaveRun = true;
        return this.again(undertaking);
      case "deadline":
        if (verdict.mayHaveRun && undertaking.request.kind === "write") undertaking.mayHaveRun = true;
        return this.again(undertaking);
      case "refused":
        if (undertaking.mayHaveRun) return this.again(undertaking);
        return this.finish(undertaking, { status: "failed" });
      case "unserved":
        return this.again(undertaking);
    }
  }

  /** Claims that hold for every answer, also for one that the client does not wait for any more. */
  private look(undertaking: Undertaking, answer: Answer): void {
    const { world } = this;
    const { key, partition, request } = undertaking;
    const how = renderRequest(request);
    switch (answer.kind) {
      case "get":
        world.checks.shown(partition, key, answer.entry?.version ?? 0, how);
        if (answer.consistency === "local") world.sometimes.hit("a local read was answered locally");
        break;
      case "put":
      case "add":
      case "cas":
        world.checks.shown(partition, key, answer.version, how);
        break;
      case "delete":
        world.checks.shown(partition, key, answer.versionFound, how);
        break;
    }
    const failed = (answer.kind === "cas" && !answer.swapped) || (answer.kind === "delete" && !answer.deleted);
    if (failed) world.sometimes.hit("a failed condition was answered");
    if (request.kind !== "write" || request.write.requestId === null) return;
    if (failed) world.sometimes.hit("a condition failed with a request id");
    const version = answer.kind === "delete" ? answer.versionFound : answer.kind === "get" ? 0 : answer.version;
    if (request.write.after !== null && undertaking.version !== null && undertaking.version !== version) {
      world.violate(
        "a completion is applied once",
        `${how} was answered version ${undertaking.version} and version ${version}`,
      );
    }
    if (undertaking.version !== null) world.sometimes.hit("an answer was repeated from its record");
    undertaking.version = version;
  }

  private finish(undertaking: Undertaking, outcome: Outcome): void {
    const { world } = this;
    undertaking.outcome = outcome;
    const { request, key, process, invoked } = undertaking;
    if (outcome.status === "done") this.remember(key, outcome.answer, request);
    if (outcome.status === "unknown") this.generation++;
    const local =
      outcome.status === "done" &&
      undertaking.request.kind === "read" &&
      undertaking.request.read.consistency === "local";
    const operation: Operation = {
      process,
      key,
      call: callOf(request, local),
      invoked,
      returned: outcome.status === "unknown" ? null : world.tick(),
      outcome,
    };
    world.record(operation);
    this.current = null;
    if (!world.calm) this.think();
  }

  private hear({ partition, request }: Undertaking, told: Revision): void {
    if (told === UNKNOWN_REVISION) return this.world.sometimes.hit("an answer told no revision");
    this.world.checks.toldRevision(partition, told, renderRequest(request));
    const known = this.revisions.get(partition);
    if (known === undefined || told > known) this.revisions.set(partition, told);
  }

  private remember(key: Key, answer: HistoryAnswer, request: Request): void {
    if (answer.kind === "get") {
      this.seen.set(key, answer.present ? { version: answer.version, value: answer.value } : { version: 0, value: "" });
    } else if (answer.kind === "put" || (answer.kind === "cas" && answer.swapped)) {
      const value =
        request.kind === "write" && "value" in request.write.operation ? textOf(request.write.operation.value) : "";
      this.seen.set(key, { version: answer.version, value });
    } else if (answer.kind === "cas" && !answer.swapped && answer.found !== null) {
      this.seen.set(key, { version: answer.found.version, value: answer.found.value ?? "" });
    }
  }
}
