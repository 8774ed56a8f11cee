/**
 * One real writer and the real replicas of its group. The test works the post between them by hand: messages wait until
 * the test delivers them. The writer is at place 0; its own replica is asked like any other, as if its disk took as
 * long as the network.
 */
import { type Instant, instant, never } from "../../../../src/base/time.js";
import { voteOf } from "../../../../src/base/votes.js";
import { attempt, type Key, revision } from "../../../../src/core/model/ids.js";
import type { CoreMessage } from "../../../../src/core/model/message.js";
import type { Answer, Result, WriteRequest } from "../../../../src/core/model/operation.js";
import type { Register } from "../../../../src/core/model/register.js";
import { MemoryTable } from "../../../../src/core/model/table.js";
import { Attempts } from "../../../../src/core/quorum/attempts.js";
import { Replica } from "../../../../src/core/replica/replica.js";
import { Writer } from "../../../../src/core/writer/writer.js";
import { b, epoch, groupOf, heldIn, hold, K, type KindOf, nodeAt, P, PATIENCE, TestOutbox } from "./harness.js";

interface Letter {
  /** Whose message to the writer, or whom the writer sends it to. */
  readonly place: number;
  readonly message: CoreMessage;
}

export class Office {
  readonly out = new TestOutbox();
  readonly replicas: Replica[];
  readonly writer: Writer;
  now: Instant = instant(0);
  /** From the writer to replicas, not delivered yet. */
  mail: Letter[] = [];
  private lastTicket = 0;
  private readonly everyone: number[];

  constructor(readonly size = 3) {
    this.everyone = Array.from({ length: size }, (_, place) => place);
    this.replicas = this.everyone.map((place) => new Replica(groupOf(size, place), new MemoryTable()));
    const send = (places: number, message: CoreMessage): void => {
      for (const place of this.everyone) if ((places & voteOf(place)) !== 0) this.mail.push({ place, message });
    };
    this.writer = new Writer({
      group: groupOf(size),
      replica: this.replica(0),
      attempts: new Attempts(100),
      multicast: { send },
    });
  }

  replica(place: number): Replica {
    return this.replicas[place] as Replica;
  }

  /** Earlier writers had reserved so much. */
  reservedBefore(upTo: number): this {
    for (const replica of this.replicas) replica.revisions.reservation = revision(upTo);
    return this;
  }

  /** Takes office in a round with everybody's promise and reservation. */
  elect(round = 1): this {
    this.campaign(round);
    this.settle();
    return this;
  }

  campaign(round = 1): this {
    this.writer.campaign(b(round), this.out);
    return this;
  }

  /** Somebody else gets these replicas' promises. */
  depose(round: number, ...places: number[]): this {
    const aside = new TestOutbox();
    for (const place of places) {
      this.replica(place).onPrepare(nodeAt(1), { kind: "prepare", partition: P, ballot: b(round, 1) }, aside);
    }
    return this;
  }

  /** The replica holds it, whoever wrote it. */
  plant(held: Register, ...places: number[]): this {
    for (const place of places) hold(this.replica(place).table, held);
    // Nothing was ever decided beyond what was reserved (R13).
    for (const replica of this.replicas)
      if (held.revision > replica.revisions.reservation) replica.revisions.reservation = revision(held.revision);
    return this;
  }

  submit(request: WriteRequest, deadline: Instant = never): number {
    this.lastTicket++;
    this.writer.write(this.now, this.lastTicket, request, deadline, this.out);
    return this.lastTicket;
  }

  /** Submits, and delivers everything until nothing is under way. */
  ask(request: WriteRequest): Result | undefined {
    const ticket = this.submit(request);
    this.settle();
    return this.result(ticket);
  }

  handOver(k: Key = K, of = 500): void {
    const message: KindOf<"hand-over"> = {
      kind: "hand-over",
      partition: P,
      groupEpoch: epoch,
      attempt: attempt(of),
      key: k,
    };
    this.writer.onHandOver(this.now, nodeAt(2), message, this.out);
  }

  /** The answers to readers since the last call. */
  told(): KindOf<"handed-over">[] {
    this.collect();
    return this.readers.splice(0);
  }

  result(ticket: number): Result | undefined {
    return this.out.outcomes.find((outcome) => outcome.ticket === ticket)?.result;
  }

  /** The answer to a request, if it was done. */
  answer(ticket: number): Answer | undefined {
    const result = this.result(ticket);
    return result?.status === "done" ? result.answer : undefined;
  }

  /** Messages that wait for these replicas reach them in order, and their answers reach the writer. */
  deliver(...places: number[]): this {
    for (const { place, message } of this.pick(places)) {
      for (const answer of this.take(place, message)) this.toWriter(place, answer);
    }
    return this;
  }

  /** As `deliver`, but the answers wait with the caller. */
  answersOf(...places: number[]): Letter[] {
    const answers: Letter[] = [];
    for (const { place, message } of this.pick(places)) {
      for (const answer of this.take(place, message)) answers.push({ place, message: answer });
    }
    return answers;
  }

  arrive(letters: readonly Letter[]): void {
    for (const { place, message } of letters) this.toWriter(place, message);
  }

  /** Messages that wait for these replicas never arrive. */
  lose(...places: number[]): this {
    this.pick(places);
    return this;
  }

  settle(): this {
    this.collect();
    while (this.mail.length > 0) this.deliver(...this.everyone);
    return this;
  }

  /** Kinds of what waits for a replica. */
  waiting(place: number): string[] {
    this.collect();
    return this.mail.filter((letter) => letter.place === place).map((letter) => letter.message.kind);
  }

  /** The messages of a kind that wait for a replica. */
  waitingOf<Kind extends CoreMessage["kind"]>(place: number, kind: Kind): KindOf<Kind>[] {
    this.collect();
    return this.mail
      .filter((letter) => letter.place === place && letter.message.kind === kind)
      .map((letter) => letter.message as KindOf<Kind>);
  }

  private heardBefore = 0;

  resend(afterMs: number, heard = 2 ** this.size - 1): this {
    this.now = instant(this.now + afterMs);
    const returned = heard & ~this.heardBefore;
    this.heardBefore = heard;
    this.writer.resend(this.now, heard, { ...PATIENCE, returned }, this.out);
    return this;
  }

  held(place: number, k: Key = K): Register | null {
    return heldIn(this.replica(place).table, k);
  }

  private readonly readers: KindOf<"handed-over">[] = [];

  /** Sorts what the writer left in its outbox: Prepares and its own promise to the post, the rest to readers. */
  private collect(): void {
    for (const { to, message } of this.out.sendDurable.take()) {
      const place = to - nodeAt(0);
      if (message.kind === "handed-over") this.readers.push(message);
      else if (message.kind === "promised") this.toWriter(0, message);
      else this.mail.push({ place, message });
    }
  }

  private pick(places: readonly number[]): Letter[] {
    this.collect();
    const picked = this.mail.filter((letter) => places.includes(letter.place));
    this.mail = this.mail.filter((letter) => !places.includes(letter.place));
    return picked;
  }

  private take(place: number, message: CoreMessage): CoreMessage[] {
    const replica = this.replica(place);
    const out = new TestOutbox();
    const writer = nodeAt(0);
    switch (message.kind) {
      case "prepare":
        replica.onPrepare(writer, message, out);
        break;
      case "recover":
        replica.onRecover(writer, message, out);
        break;
      case "reserve":
        replica.onReserve(writer, message, out);
        break;
      case "confirm":
        replica.onConfirm(writer, message, out);
        break;
      case "write":
        replica.onWrite(writer, message, out);
        break;
      case "ask-tombstone":
        replica.onAskTombstone(writer, message, out);
        break;
      case "purge":
        replica.onPurge(writer, message, out);
        break;
      default:
        throw new Error(`a writer does not send ${message.kind}`);
    }
    return out.sendDurable.take().map((sent) => sent.message);
  }

  private toWriter(place: number, message: CoreMessage): void {
    switch (message.kind) {
      case "promised":
        return this.writer.onPromised(this.now, place, message, this.out);
      case "recovered":
        return this.writer.onRecovered(this.now, place, message, this.out);
      case "reserved":
        return this.writer.onReserved(this.now, place, message, this.out);
      case "confirmed":
        return this.writer.onConfirmed(this.now, place, message, this.out);
      case "written":
        return this.writer.onWritten(this.now, place, message, this.out);
      case "tombstone-held":
        return this.writer.onTombstoneHeld(this.now, place, message, this.out);
      case "purged":
        return this.writer.onPurged(this.now, place, message, this.out);
      case "nack":
        return;
      default:
        throw new Error(`a replica does not answer ${message.kind}`);
    }
  }
}
