/**
 * Checks in every run, all the time, with eyes that no client has. They see every message sent, every entry that
 * reaches a disk, every office taken. The history of the clients is checked besides, at the end, by src/check.
 */
import { countVotes, majorityOf, voteOf } from "../../src/base/votes.js";
import {
  type Ballot,
  compareBallots,
  compareTimestamps,
  formatBallot,
  formatTimestamp,
  type Timestamp,
} from "../../src/core/model/ballot.js";
import type { CopyEntry } from "../../src/core/model/copy-entry.js";
import type { Entry } from "../../src/core/model/entry.js";
import {
  type GroupEpoch,
  type Key,
  NO_REVISION,
  type NodeId,
  type Partition,
  type Revision,
  UNKNOWN_REVISION,
  VOTERS,
} from "../../src/core/model/ids.js";
import { type GroupMessage, groupEpochOf } from "../../src/core/model/message.js";
import type { NodeMessage } from "../../src/core/model/node-message.js";
import type { RequestId } from "../../src/core/model/operation.js";
import type { Register } from "../../src/core/model/register.js";
import type { View } from "../../src/core/view/view.js";
import { renderRegister } from "../scripts/render.js";
import type { ViewCheck } from "../views/checks.js";
import { CopyChecks } from "./copies.js";
import type { Copy } from "./disk.js";
import { BallotFacts, idOf, sameState } from "./facts.js";
import type { Groups } from "./groups.js";
import type { SimNode } from "./node.js";
import type { Sometimes } from "./sometimes.js";

/** The rule that a violation violates; the mutants table names them. */
export type CheckName =
  | "linearizability"
  | "assertion in the core"
  | "one office a ballot"
  | "promises never fall"
  | "timestamps never fall"
  | "one value a timestamp"
  | "revisions are used once"
  | "shown is on a majority"
  | "settled is on a majority"
  | "a completion is applied once"
  | "a raise lets nothing of before in"
  | "a restart tells no less than was forgotten"
  | "the fence holds"
  | "a purge is rightful"
  | "what was purged stays away"
  | "the floor outlives what is purged"
  | "a cursor passes what is here"
  | "a bad register says nothing"
  | "a bad register is mended by what is as new"
  | "a hand-over tells what counts"
  | "who hands its office over decides nothing"
  | "nothing is told before it is durable"
  | "recovery finds what was durable"
  | "who was rolled back is refused"
  | "storage shows what was put"
  | "one verdict by the deadline"
  | "unknown is only what was sent"
  | "a full disk keeps no office"
  | "requests leave with their deadline"
  | "nothing is answered by a sealed or unready copy"
  | "moves lose no version"
  | "a merge hears sealed copies alone"
  | "ready is said once it is durable"
  | "no copy goes that others may need"
  | "liveness"
  | ViewCheck;

export type Violate = (check: CheckName, detail: string) => void;

export interface ChecksOptions {
  readonly view: View;
  readonly groups: Groups;
  readonly nodes: readonly SimNode[];
  readonly sometimes: Sometimes;
  readonly violate: Violate;
}

export class Checks {
  private readonly partitions: PartitionChecks[];
  /** By node, asker, partition and question: whether a copy that serves that epoch was ever there when it came. */
  private readonly asked = new Map<string, boolean>();

  constructor(private readonly options: ChecksOptions) {
    this.partitions = options.view.partitions.map((_, p) => new PartitionChecks(p as Partition, options));
  }

  /** The node was a ready replica of that group, durably. */
  hasServed(partition: Partition, node: NodeId, epoch: GroupEpoch): boolean {
    return this.of(partition).copies.hasServed(node, epoch);
  }

  /** States that count in a partition and that the node's copy lacks. */
  lacking(partition: Partition, node: NodeId): string[] {
    return this.of(partition).copies.lacking(node);
  }

  sent(from: NodeId, to: NodeId, message: NodeMessage): void {
    switch (message.kind) {
      case "heartbeat":
      case "forward":
      case "forwarded":
      // Membership watches over these.
      case "view-prepare":
      case "view-promised":
      case "view-accept":
      case "view-accepted":
      case "view-refused":
      case "view-wanted":
      case "view-news":
      case "view-held":
      case "join-wish":
      case "operation-wish":
        return;
      case "copies-ready":
        for (const copy of message.ready) this.of(copy.partition).copies.saysReady(from, copy);
        return;
      case "heartbeat-answer":
        for (const report of message.reports) {
          if (report.partition === VOTERS) continue;
          const checks = this.of(report.partition);
          checks.told(from, report.promise);
          if (report.settled !== null) checks.claimed(report.settled.ballot, report.settled.seq);
        }
        return;
      default:
        this.answered(from, to, message);
        this.of(message.partition).copies.sent(from, to, message);
        return this.of(message.partition).sent(from, message);
    }
  }

  /** A node has taken in a message: a question of an epoch that its copy does not serve is never answered. */
  took(node: SimNode, from: NodeId, message: NodeMessage): void {
    const asked = questionOf(message);
    if (asked === null || !("partition" in message)) return;
    const served = node.machine?.core.partitions.get(message.partition);
    const name = `${node.id} ${from} ${message.partition} ${asked}`;
    // It may be sent again, and an answer to the first be on its way.
    const isServing = served?.group.epoch === groupEpochOf(message as GroupMessage);
    this.asked.set(name, isServing || this.asked.get(name) === true);
  }

  private answered(from: NodeId, to: NodeId, message: NodeMessage): void {
    const answered = answeredBy(message);
    if (answered === null || !("partition" in message)) return;
    if (this.asked.get(`${from} ${to} ${message.partition} ${answered}`) !== false) return;
    this.options.violate(
      "nothing is answered by a sealed or unready copy",
      `n${from} sends ${message.kind} of epoch ${groupEpochOf(message as GroupMessage)} to n${to}`,
    );
  }

  /** A node is about to send that, and may crash before it does. */
  said(from: NodeId, message: NodeMessage): void {
    if (message.kind === "purge") this.of(message.partition).copies.decides(from, message);
  }

  appended(node: NodeId, entry: Entry): void {
    if (entry.kind === "register") this.of(entry.partition).appended(node, entry.register);
  }

  copyEntry(node: NodeId, entry: CopyEntry): void {
    if (entry.kind === "begun") this.of(entry.partition).beginsAnew(node);
    this.of(entry.partition).copies.copyEntry(node, entry);
  }

  /** `before`: what the disk held of the key until now. */
  durable(node: NodeId, entry: Entry, before: Copy): void {
    const checks = this.of(entry.partition);
    checks.copies.durable(node, entry, before);
    if (entry.kind === "register" && checks.copies.isReady(node)) checks.durable(node, entry.register);
    if (entry.kind === "ready") checks.becameReady(node);
    if (entry.kind === "register") checks.forgotten(entry.register.floor);
    if (entry.kind === "floor") checks.forgotten(entry.floor);
  }

  stepped(node: SimNode): void {
    const { machine } = node;
    if (machine === null) return;
    const { sometimes } = this.options;
    for (const [partition, { copy, upkeep, election }] of machine.core.partitions) {
      const { writer, replica } = copy;
      const { mending, catchUp } = upkeep;
      if (election.handingOver && writer.elected && !writer.paused)
        this.options.violate(
          "who hands its office over decides nothing",
          `n${node.id} offers its office in partition ${partition} and goes on deciding`,
        );
      this.of(partition).office(node.id, node.life, writer.ballot, writer.elected);
      if (replica.bad.size > 0) sometimes.hit("a bad register was found");
      if (mending.cleared > 0) sometimes.hit("a tombstone that passes left behind was removed");
      if (mending.mended > 0) sometimes.hit("a bad register was mended by the writer");
      if (catchUp.takenOver > 0) sometimes.hit("a register was taken over");
      if (catchUp.refused > 0) sometimes.hit("a takeover was refused by the fence");
    }
  }

  /** A client was shown this version of the key. */
  shown(partition: Partition, key: Key, version: number, how: string): void {
    this.of(partition).shown(key, version, how);
  }

  /** No node runs: what comes after is a total restart. */
  allDown(): void {
    for (const checks of this.partitions) checks.allDown();
  }

  /** A client was told this revision of the partition, to hand it back in `after`. */
  toldRevision(partition: Partition, revision: Revision, how: string): void {
    this.of(partition).toldRevision(revision, how);
  }

  /** Requests that took along what their client had seen: those run at most once, however late a copy comes. */
  bound(partition: Partition, requestId: RequestId, after: Revision): void {
    this.of(partition).bound.set(requestId, after);
  }

  /**
   * A request whose client told nothing of what it had seen, and sends it once: it runs at most once, however often
   * nodes repeat it.
   */
  sentOnce(partition: Partition, requestId: RequestId): void {
    this.of(partition).once.add(requestId);
  }

  /** Its client sends it again: that may be too late for its record. */
  sentAgain(partition: Partition, requestId: RequestId): void {
    this.of(partition).once.delete(requestId);
  }

  /** The writer is about to raise its revisions: from then on no request runs whose client had only seen lower ones. */
  raises(partition: Partition, ballot: Ballot, above: Revision): void {
    this.of(partition).raised = { ballot, above };
  }

  private of(partition: Partition): PartitionChecks {
    return this.partitions[partition] as PartitionChecks;
  }
}

/** A question to a replica, named so that its answer can be told. */
function questionOf(message: NodeMessage): string | null {
  switch (message.kind) {
    case "prepare":
      return `prepare ${formatBallot(message.ballot)}`;
    case "write":
      return `write ${formatTimestamp(message.register.timestamp)}`;
    case "recover":
    case "reserve":
    case "confirm":
    case "ask-tombstone":
    case "purge":
    case "read":
    case "impose":
    case "ask-changes":
      return `${message.kind} ${message.attempt}`;
    default:
      return null;
  }
}

const ASKED_BY = {
  recovered: "recover",
  reserved: "reserve",
  confirmed: "confirm",
  "tombstone-held": "ask-tombstone",
  purged: "purge",
  "read-answer": "read",
  imposed: "impose",
  changes: "ask-changes",
} as const;

function answeredBy(message: NodeMessage): string | null {
  switch (message.kind) {
    case "promised":
      return `prepare ${formatBallot(message.ballot)}`;
    case "written":
      return `write ${formatTimestamp({ ballot: message.ballot, seq: message.seq })}`;
    case "recovered":
    case "reserved":
    case "confirmed":
    case "tombstone-held":
    case "purged":
    case "read-answer":
    case "imposed":
    case "changes":
      return `${ASKED_BY[message.kind]} ${message.attempt}`;
    default:
      return null;
  }
}

class PartitionChecks {
  readonly copies: CopyChecks;
  /** The `after` of requests. */
  readonly bound = new Map<RequestId, Revision>();
  /** Requests without one, sent once. */
  readonly once = new Set<RequestId>();
  raised: { readonly ballot: Ballot; readonly above: Revision } | null = null;
  /** The highest floor that ever reached a disk: up to there records may be forgotten. */
  private highestFloor = NO_REVISION;
  /** The same when all nodes were last down. */
  private forgottenBefore = NO_REVISION;
  private readonly seen = new WeakSet<Register>();
  private readonly byBallot = new WeakMap<Ballot, BallotFacts>();
  private readonly byName = new Map<string, BallotFacts>();
  private readonly revisions = new Map<number, Register>();
  /** Those that some register was decided for. */
  private readonly keys = new Set<Key>();
  private readonly completions = new Map<RequestId, number>();
  private readonly promises = new Map<NodeId, Ballot>();
  private readonly timestamps = new Map<NodeId, Map<Key, Timestamp>>();
  private readonly offices = new Map<string, { readonly life: number; readonly ballot: Ballot }>();
  private readonly held = new Map<
    NodeId,
    { readonly ballot: Ballot | null; readonly elected: boolean; readonly life: number }
  >();

  constructor(
    private readonly partition: Partition,
    private readonly options: ChecksOptions,
  ) {
    this.copies = new CopyChecks({
      partition,
      groups: options.groups,
      node: (id) => options.nodes[id - 1] as SimNode,
      sometimes: options.sometimes,
      violate: options.violate,
    });
  }

  forgotten(floor: Revision): void {
    if (floor > this.highestFloor) this.highestFloor = floor;
  }

  allDown(): void {
    this.forgottenBefore = this.highestFloor;
  }

  /**
   * A client that begins after a total restart, and is told less than was forgotten before, has its first write refused
   * as expired (R9).
   */
  toldRevision(revision: Revision, how: string): void {
    if (revision === UNKNOWN_REVISION || revision >= this.forgottenBefore) return;
    this.options.violate(
      "a restart tells no less than was forgotten",
      `${how} told revision ${revision}, though records up to ${this.forgottenBefore} were forgotten before all nodes were down`,
    );
  }

  sent(
    from: NodeId,
    message: Exclude<NodeMessage, { kind: "heartbeat" | "heartbeat-answer" | "forward" | "forwarded" }>,
  ): void {
    switch (message.kind) {
      case "write":
        this.decided(message.register);
        return this.claimed(message.register.timestamp.ballot, message.settledSeq);
      case "written": {
        const register = this.factsOf(message.ballot).registers[message.seq];
        return this.copies.speaks(from, register?.key, message.kind);
      }
      case "impose":
        this.options.sometimes.hit("a read imposed");
        return this.decided(message.register);
      case "promised":
        return this.told(from, message.ballot);
      case "prepare":
        return this.entered(from, message.ballot);
      case "nack":
        this.refused(message.of);
        return this.told(from, message.promised);
      case "recovered":
        this.told(from, message.ballot);
        if (message.register === null) return;
        if (message.register.timestamp.ballot.node !== message.ballot.node)
          this.options.sometimes.hit("a key was recovered by another writer");
        return this.toldTimestamp(from, message.register.key, message.register.timestamp);
      case "read-answer":
        this.told(from, message.promised);
        if (message.register !== null) this.toldTimestamp(from, message.register.key, message.register.timestamp);
        if (message.settled && message.timestamp !== null) this.markedSettled(message.timestamp);
        return;
      case "changes":
        for (const { timestamp, settled } of message.changes) if (settled) this.markedSettled(timestamp);
        return;
      case "hand-over":
        return this.options.sometimes.hit("a read was handed over");
      case "handed-over":
        return this.options.sometimes.hit(message.done ? "a hand-over was answered" : "a hand-over was turned away");
      case "your-turn":
        return this.options.sometimes.hit("an office was handed over");
      default:
        return;
    }
  }

  /** A replica said to have promised that: it never says less again, whatever becomes of its process. */
  told(node: NodeId, promise: Ballot): void {
    const before = this.promises.get(node);
    if (before === promise) return;
    if (before !== undefined && compareBallots(promise, before) < 0) {
      this.options.violate(
        "promises never fall",
        `n${node} promised ${formatBallot(before)} and later says ${formatBallot(promise)}`,
      );
    }
    this.promises.set(node, promise);
  }

  /**
   * Somebody says that every register of the ballot up to that seq, or a later one of its key, is on a majority (R14).
   */
  claimed(ballot: Ballot, seq: number): void {
    const facts = this.factsOf(ballot);
    while (facts.settled < seq) {
      facts.settled++;
      const register = facts.registers[facts.settled];
      const name = `${formatBallot(ballot)}/${facts.settled}`;
      if (register === undefined) return this.options.violate("settled is on a majority", `${name} was never decided`);
      const isAtLeast = (held: { readonly timestamp: Timestamp }): boolean =>
        compareTimestamps(held.timestamp, register.timestamp) >= 0;
      if (!this.copies.onMajority(register.key, isAtLeast)) {
        return this.options.violate(
          "settled is on a majority",
          `${name} (${register.key}) is said to be settled and is durable on no majority`,
        );
      }
    }
  }

  /** Somebody says that this register, or a later one of its key, is on a majority, by whatever it knows that (H10). */
  private markedSettled({ ballot, seq }: Timestamp): void {
    const register = this.factsOf(ballot).registers[seq];
    // A tombstone may have been purged since at some of those that held it.
    if (register === undefined || register.tombstone) return;
    if (this.copies.onMajority(register.key, (held) => compareTimestamps(held.timestamp, { ballot, seq }) >= 0)) return;
    this.options.violate(
      "settled is on a majority",
      `${formatBallot(ballot)}/${seq} (${register.key}) is told as settled and is durable on no majority`,
    );
  }

  appended(node: NodeId, register: Register): void {
    this.decided(register);
    if (this.copies.isReady(node)) this.toldTimestamp(node, register.key, register.timestamp, "took");
  }

  /** A copy with nothing in it takes what the group before held, whatever an earlier copy told. */
  beginsAnew(node: NodeId): void {
    this.timestamps.delete(node);
  }

  /** Its copy's registers count from now on, as far as they are of this group. */
  becameReady(node: NodeId): void {
    for (const key of this.keys) {
      const { register, bad } = this.copies.copyAt(node, key);
      if (register !== null && !bad) this.durable(node, register);
    }
  }

  durable(node: NodeId, register: Register): void {
    const { ballot, seq } = register.timestamp;
    const facts = this.factsOf(ballot);
    const replicas = this.options.groups.of(this.partition, ballot.groupEpoch);
    const place = replicas.indexOf(node);
    // A newcomer to a later group holds it, too.
    if (place < 0) return;
    const majority = majorityOf(replicas.length);
    const before = facts.holders[seq] ?? 0;
    const after = before | voteOf(place);
    facts.holders[seq] = after;
    if (countVotes(before) < majority && countVotes(after) >= majority) this.effective(register);
  }

  shown(key: Key, version: number, how: string): void {
    if (version === 0) return;
    if (this.copies.onMajority(key, (held) => held.revision >= version)) return;
    this.options.violate(
      "shown is on a majority",
      `${how} shows version ${version} of ${key}, which is durable on no majority`,
    );
  }

  /**
   * The state that the node's writer holds now. A candidacy counts once its Prepare left: before, a crash may forget
   * it.
   */
  office(node: NodeId, life: number, ballot: Ballot | null, elected: boolean): void {
    const held = this.held.get(node);
    if (held?.ballot === ballot && held.elected === elected) return;
    if (held?.ballot && ballot && held.ballot !== ballot)
      this.options.sometimes.hit("a writer campaigned again in one life");
    this.held.set(node, { ballot, elected, life });
    if (ballot === null || !elected) return;
    this.entered(node, ballot);
    for (const [other, { elected: also }] of this.held) {
      if (also && other !== node) this.options.sometimes.hit("two offices of one partition at once");
    }
  }

  private entered(node: NodeId, ballot: Ballot): void {
    const name = formatBallot(ballot);
    const life = this.held.get(node)?.life ?? 0;
    const before = this.offices.get(name);
    if (before === undefined && ballot.node === node) {
      this.offices.set(name, { life, ballot });
    } else if (before === undefined || ballot.node !== node || before.life !== life || before.ballot !== ballot) {
      this.options.violate(
        "one office a ballot",
        `n${node} in its life ${life} takes ballot ${name}${before === undefined ? "" : " again"}`,
      );
    }
  }

  /** A register that a writer made: its timestamp names nothing else, its revision is its own (R6, R13). */
  private decided(register: Register): void {
    if (this.seen.has(register)) return;
    this.seen.add(register);
    const { ballot, seq } = register.timestamp;
    const facts = this.factsOf(ballot);
    const known = facts.registers[seq];
    if (known !== undefined) {
      if (!sameState(known, register) || known.revision !== register.revision) {
        this.options.violate(
          "one value a timestamp",
          `${formatTimestamp(register.timestamp)} is ${renderRegister(known)} and ${renderRegister(register)}`,
        );
      }
      return;
    }
    facts.registers[seq] = register;
    this.decidedAfterRaise(register);
    this.keys.add(register.key);
    const holder = this.revisions.get(register.revision);
    if (holder === undefined) {
      this.revisions.set(register.revision, register);
    } else if (!sameState(holder, register) || idOf(holder) !== idOf(register)) {
      this.options.violate(
        "revisions are used once",
        `${register.revision} is ${renderRegister(holder)} and ${renderRegister(register)}`,
      );
    } else {
      this.options.sometimes.hit("a register was imposed in a new ballot");
    }
  }

  /** In the office that raises its revisions no request runs on an absent key that was sent before (R9). */
  private decidedAfterRaise(register: Register): void {
    const { raised } = this;
    if (raised === null || register.revision <= raised.above || this.keys.has(register.key)) return;
    if (compareBallots(register.timestamp.ballot, raised.ballot) !== 0) return;
    const record = register.records.at(-1);
    if (record === undefined || record.revision !== register.revision || register.records.length > 1) return;
    const after = this.bound.get(record.requestId);
    if (after !== undefined && after < raised.above && register.floor === 0 && register.version === register.revision)
      this.options.violate(
        "a raise lets nothing of before in",
        `${record.requestId} ran at ${register.revision}, its client had seen ${after}, and the revisions are above ${raised.above}`,
      );
  }

  /** The register counts from now on, and with it every completion in it. */
  private effective(register: Register): void {
    for (const { requestId, revision } of register.records) {
      const after = this.bound.get(requestId);
      if (after === undefined && !this.once.has(requestId)) continue;
      if (after !== undefined && revision <= after) {
        this.options.violate(
          "a completion is applied once",
          `${requestId} was decided at ${revision}, its client had seen ${after}`,
        );
      }
      const before = this.completions.get(requestId);
      if (before === undefined) this.completions.set(requestId, revision);
      else if (before !== revision) {
        this.options.violate(
          "a completion is applied once",
          `${requestId} was decided at revision ${before} and at ${revision}`,
        );
      }
    }
  }

  private toldTimestamp(node: NodeId, key: Key, timestamp: Timestamp, verb = "tells of"): void {
    let told = this.timestamps.get(node);
    if (told === undefined) {
      told = new Map();
      this.timestamps.set(node, told);
    }
    const before = told.get(key);
    if (verb === "took") {
      // An entry that was taken may be lost with the tail of the log; one that was told may not.
      if (before === undefined || compareTimestamps(timestamp, before) >= 0) return;
    } else if (before === undefined || compareTimestamps(timestamp, before) > 0) {
      told.set(key, timestamp);
      return;
    }
    if (before === timestamp || compareTimestamps(timestamp, before) === 0) return;
    const after = formatTimestamp(timestamp);
    this.options.violate(
      "timestamps never fall",
      `n${node} had ${key} at ${formatTimestamp(before)} and then ${verb} ${after}`,
    );
  }

  private refused(of: string): void {
    const { sometimes } = this.options;
    if (of === "write") sometimes.hit("a write was refused by the fence");
    else if (of === "impose") sometimes.hit("an impose was refused by the fence");
    else if (of === "prepare") sometimes.hit("a prepare was refused by the fence");
    else if (of === "confirm") sometimes.hit("a confirm was refused by the fence");
    else if (of === "recover") sometimes.hit("a recover was refused by the fence");
    else if (of === "purge") sometimes.hit("a purge was refused by the fence");
  }

  private factsOf(ballot: Ballot): BallotFacts {
    let facts = this.byBallot.get(ballot);
    if (facts !== undefined) return facts;
    const name = formatBallot(ballot);
    facts = this.byName.get(name);
    if (facts === undefined) {
      facts = new BallotFacts();
      this.byName.set(name, facts);
    }
    this.byBallot.set(ballot, facts);
    return facts;
  }
}
