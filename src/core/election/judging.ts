/**
 * The reports of a group, as one of its replicas understands them: who is heard, who has promised what, and who could
 * hold the office. It decides nothing; election.ts does.
 */
import { voteOf } from "../../base/votes.js";
import { type Ballot, compareBallots, sameBallot } from "../model/ballot.js";
import type { NodeId } from "../model/ids.js";
import type { GroupReports } from "./heard-group.js";
import type { Office } from "./office.js";

export class Judging {
  constructor(
    private readonly place: number,
    private readonly replicas: readonly NodeId[],
    private readonly majority: number,
  ) {}

  /** `promise`: the own one. */
  highestPromise(group: GroupReports, heard: number, promise: Ballot): Ballot {
    let highest = promise;
    for (let place = 0; place < this.replicas.length; place++) {
      if (place === this.place || (heard & voteOf(place)) === 0) continue;
      const reported = group.report(place)?.promise;
      if (reported !== undefined && compareBallots(reported, highest) > 0) highest = reported;
    }
    return highest;
  }

  /**
   * The places heard whose promise is exactly the ballot held. A Promised says so before the next report does; a higher
   * report overrules it.
   */
  agreeing(group: GroupReports, heard: number, office: Office): number {
    let agreeing = 0;
    for (let place = 0; place < this.replicas.length; place++) {
      const vote = voteOf(place);
      if ((heard & vote) === 0) continue;
      if (place === this.place) {
        agreeing |= vote; // The caller compared the own promise.
        continue;
      }
      const reported = group.report(place)?.promise;
      if (reported === undefined) continue;
      const order = compareBallots(reported, office.ballot);
      if (order === 0 || (order < 0 && (office.promised & vote) !== 0)) agreeing |= vote;
    }
    return agreeing;
  }

  /** Another replica that is heard hears a writer that is live. */
  anotherHearsLive(group: GroupReports, heard: number): boolean {
    for (let place = 0; place < this.replicas.length; place++) {
      if (place !== this.place && (heard & voteOf(place)) !== 0 && group.report(place)?.live === true) return true;
    }
    return false;
  }

  /** A replica that is heard has promised a higher ballot, whose owner is live. */
  higherLive(group: GroupReports, heard: number, held: Ballot): boolean {
    for (let place = 0; place < this.replicas.length; place++) {
      if (place === this.place || (heard & voteOf(place)) === 0) continue;
      const report = group.report(place);
      if (report?.live && compareBallots(report.promise, held) > 0) return true;
    }
    return false;
  }

  /** How many able replicas stand before this one. */
  rank(group: GroupReports): number {
    let rank = 0;
    for (let place = 0; place < this.place; place++) if (this.able(group, place)) rank++;
    return rank;
  }

  /** It could take the office and get things done. */
  able(group: GroupReports, place: number): boolean {
    return group.heard(place) && this.hearsMajority(group, place) && !group.full(place);
  }

  private hearsMajority(group: GroupReports, place: number): boolean {
    let count = 0;
    for (let other = 0; other < this.replicas.length; other++) if (group.hears(place, other)) count++;
    return count >= this.majority;
  }

  /** The place reports exactly this promise. */
  reports(group: GroupReports, place: number, exactly: Ballot): boolean {
    const promise = group.report(place)?.promise;
    return promise !== undefined && sameBallot(promise, exactly);
  }

  /** Heard and so ready; promises this ballot; caught up; hears every replica that this writer hears. */
  preferredIsFit(group: GroupReports, preferred: number, office: Office, heard: number): boolean {
    const vote = voteOf(preferred);
    if (this.place === preferred || (heard & vote) === 0 || (office.caughtUp & vote) === 0) return false;
    if (!this.reports(group, preferred, office.ballot) || group.full(preferred)) return false;
    if (group.report(preferred)?.lagging === true) return false;
    for (let place = 0; place < this.replicas.length; place++) {
      if ((heard & voteOf(place)) !== 0 && !group.hears(preferred, place)) return false;
    }
    return true;
  }

  /** The owner of that promise is live, by its own word in exactly that ballot. */
  ownerLives(group: GroupReports, promise: Ballot): boolean {
    const owner = this.replicas.indexOf(promise.node);
    return (
      owner >= 0 && group.heard(owner) && group.report(owner)?.live === true && this.reports(group, owner, promise)
    );
  }
}
