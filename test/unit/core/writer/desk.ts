/**
 * One real reader at place 0 and the real replicas of its group, with a post between them that the test works by hand.
 * The writer it may hand reads over to is played by the test.
 */
import { type Instant, instant } from "../../../../src/base/time.js";
import { voteOf } from "../../../../src/base/votes.js";
import { type Attempt, type Key, revision } from "../../../../src/core/model/ids.js";
import type { CoreMessage } from "../../../../src/core/model/message.js";
import type { Consistency, KeyEntry, Result } from "../../../../src/core/model/operation.js";
import type { Register } from "../../../../src/core/model/register.js";
import { MemoryTable, type RegisterTable } from "../../../../src/core/model/table.js";
import { Attempts } from "../../../../src/core/quorum/attempts.js";
import { Reader } from "../../../../src/core/reader/reader.js";
import { Replica } from "../../../../src/core/replica/replica.js";
import { b, epoch, groupOf, K, type KindOf, nodeAt, P, PATIENCE, TestOutbox, text } from "./harness.js";

interface Letter {
  readonly place: number;
  readonly message: CoreMessage;
}

export class Desk {
  readonly out = new TestOutbox();
  readonly replicas: Replica[];
  readonly reader: Reader;
  now: Instant = instant(0);
  /** From the reader, not delivered yet. */
  mail: Letter[] = [];
  heard: number;
  writerPlace = -1;
  private lastTicket = 0;
  private readonly everyone: number[];

  /** `tableAt`: what the replica of that place keeps its registers in. */
  constructor(
    readonly size = 3,
    tableAt: (place: number) => RegisterTable = () => new MemoryTable(),
  ) {
    this.everyone = Array.from({ length: size }, (_, place) => place);
    this.heard = 2 ** size - 1;
    this.replicas = this.everyone.map((place) => new Replica(groupOf(size, place), tableAt(place)));
    this.reader = new Reader({
      group: groupOf(size),
      replica: this.replica(0),
      attempts: new Attempts(100),
      multicast: {
        send: (places, message) => {
          for (const place of this.everyone) if ((places & voteOf(place)) !== 0) this.mail.push({ place, message });
        },
      },
      heard: () => this.heard,
      writerPlace: () => this.writerPlace,
    });
  }

  replica(place: number): Replica {
    return this.replicas[place] as Replica;
  }

  /** These replicas hold the register, and promised its ballot. */
  hold(register: Register, ...places: number[]): this {
    for (const place of places) this.replica(place).onImpose(nodeAt(1), this.imposing(register), new TestOutbox());
    return this;
  }

  promise(round: number, ...places: number[]): this {
    const prepare: KindOf<"prepare"> = { kind: "prepare", partition: P, ballot: b(round, 1) };
    for (const place of places) this.replica(place).onPrepare(nodeAt(1), prepare, new TestOutbox());
    return this;
  }

  /** These replicas know it to be settled. */
  settled(register: Register, ...places: number[]): this {
    const { ballot, seq } = register.timestamp;
    for (const place of places) this.replica(place).revisions.settle(ballot, seq, register.revision);
    return this;
  }

  read(consistency: Consistency = "linearizable", deadline = 10_000, k: Key = K): number {
    this.lastTicket++;
    const request = { key: k, consistency };
    this.reader.read(this.now, this.lastTicket, request, instant(deadline), this.out);
    return this.lastTicket;
  }

  result(ticket: number): Result | undefined {
    return this.out.outcomes.find((outcome) => outcome.ticket === ticket)?.result;
  }

  /** The value a read was answered with: null for an absent key, undefined while there is no answer. */
  value(ticket: number): string | null | undefined {
    const entry = this.entry(ticket);
    return entry === undefined ? undefined : text(entry?.value);
  }

  entry(ticket: number): KeyEntry | null | undefined {
    const result = this.result(ticket);
    return result?.status === "done" && result.answer.kind === "get" ? result.answer.entry : undefined;
  }

  /** Messages that wait for these replicas reach them, and their answers reach the reader. */
  deliver(...places: number[]): this {
    this.arrive(this.answersOf(...places));
    return this;
  }

  answersOf(...places: number[]): Letter[] {
    const picked = this.mail.filter((letter) => places.includes(letter.place));
    this.mail = this.mail.filter((letter) => !places.includes(letter.place));
    const answers: Letter[] = [];
    for (const { place, message } of picked) {
      for (const answer of this.take(place, message)) answers.push({ place, message: answer });
    }
    return answers;
  }

  arrive(letters: readonly Letter[]): void {
    for (const { place, message } of letters) this.toReader(place, message);
  }

  lose(...places: number[]): this {
    this.mail = this.mail.filter((letter) => !places.includes(letter.place));
    return this;
  }

  resend(afterMs: number): this {
    this.now = instant(this.now + afterMs);
    this.reader.resend(this.now, PATIENCE, this.out);
    return this;
  }

  /** "kind→place" of everything that waits. */
  get waiting(): string[] {
    return this.mail.map(({ place, message }) => `${message.kind}→${place}`);
  }

  /** The writer's answer to what was handed over to it. */
  handedOver(attempt: Attempt, register: Register | null, done = true): void {
    this.reader.onHandedOver(
      {
        kind: "handed-over",
        partition: P,
        groupEpoch: epoch,
        attempt,
        done,
        ballot: done ? b(1) : null,
        register,
        settledRevision: revision(0),
      },
      this.out,
    );
  }

  /** Attempts of what waits to be handed over. */
  get handOvers(): Attempt[] {
    return this.mail.flatMap(({ message }) => (message.kind === "hand-over" ? [message.attempt] : []));
  }

  private imposing(register: Register): KindOf<"impose"> {
    return { kind: "impose", partition: P, attempt: 0 as Attempt, register };
  }

  private take(place: number, message: CoreMessage): CoreMessage[] {
    const out = new TestOutbox();
    if (message.kind === "read") this.replica(place).onRead(nodeAt(0), message, out);
    else if (message.kind === "impose") this.replica(place).onImpose(nodeAt(0), message, out);
    else if (message.kind !== "hand-over") throw new Error(`a reader does not send ${message.kind}`);
    return out.sendDurable.take().map((sent) => sent.message);
  }

  private toReader(place: number, message: CoreMessage): void {
    if (message.kind === "read-answer") return this.reader.onAnswer(this.now, place, message, this.out);
    if (message.kind === "imposed") return this.reader.onImposed(place, message, this.out);
    if (message.kind === "nack") return this.reader.onNack(this.now, place, message, this.out);
    throw new Error(`a replica does not answer ${message.kind}`);
  }
}
