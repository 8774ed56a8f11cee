/**
 * The offer of an office to another replica. It leaves once every decision is on a majority; if that takes too long,
 * this writer goes on.
 */
import { type Duration, duration, type Instant, since } from "../../base/time.js";
import type { Election } from "../election/election.js";
import type { NodeId } from "../model/ids.js";
import type { Outbox } from "../model/outbox.js";
import type { Group } from "../quorum/group.js";
import type { Writer } from "../writer/writer.js";

/** A writer that hands its office over waits this long for its writes to complete, then goes on instead. */
const HANDING_OVER: Duration = duration(1_000);

export interface OfficeOfferOptions {
  readonly group: Group;
  readonly writer: Writer;
  readonly election: Election;
}

export class OfficeOffer {
  private offer: { readonly place: number; readonly since: Instant; sent: boolean } | null = null;

  /** Offers that left. */
  sent = 0;

  constructor(private readonly options: OfficeOfferOptions) {}

  /** Somebody is to get the office, and neither has it yet nor was given up. */
  get open(): boolean {
    return this.offer !== null;
  }

  begin(now: Instant, place: number, out: Outbox): void {
    this.offer = { place, since: now, sent: false };
    this.options.writer.pause();
    this.proceed(now, out);
  }

  /** The office ended, or began anew, or is kept. */
  end(): void {
    this.offer = null;
  }

  proceed(now: Instant, out: Outbox): void {
    const { offer } = this;
    if (offer === null || offer.sent) return;
    const { group, writer, election } = this.options;
    const { ballot } = writer;
    if (ballot !== null && writer.quiet) {
      offer.sent = true;
      this.sent++;
      const to = group.replicas[offer.place] as NodeId;
      out.sendNow.push(to, { kind: "your-turn", partition: group.partition, ballot });
      election.turnSent();
    } else if (since(now, offer.since) > HANDING_OVER) {
      this.offer = null;
      election.offerAbandoned();
      writer.resume(now, out);
    }
  }
}
