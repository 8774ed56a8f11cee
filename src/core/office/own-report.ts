/** Heartbeats tell the group of this replica: its promise, its office, what is settled and how far it is. */
import type { Copy } from "../copy.js";
import type { Election } from "../election/election.js";
import type { Heartbeats } from "../election/heartbeats.js";
import type { Ballot } from "../model/ballot.js";
import type { Group } from "../quorum/group.js";

export interface OwnReportOptions {
  readonly group: Group;
  readonly heartbeats: Heartbeats;
  readonly copy: Copy;
  readonly election: Election;
}

export class OwnReport {
  /** The promise last told, to notice a change without comparing contents. */
  private promise: Ballot | null = null;
  private ballot: Ballot | null = null;
  private elected = false;
  /** It campaigned when the group's epoch began, and has not told yet that it got the office. */
  succeeding = false;

  constructor(private readonly options: OwnReportOptions) {}

  /** The promise or the office is another one than was noted: the election has to look at it. */
  get overtaken(): boolean {
    const { replica, writer } = this.options.copy;
    return replica.promise !== this.promise || writer.ballot !== this.ballot || writer.elected !== this.elected;
  }

  /** The election has looked at the promise and the office as they are. */
  noted(): void {
    const { replica, writer } = this.options.copy;
    this.promise = replica.promise;
    this.ballot = writer.ballot;
    this.elected = writer.elected;
  }

  /** `lagging`: this copy lacks so much that it should have no office. */
  tell(lagging: boolean): void {
    const { group, heartbeats, copy, election } = this.options;
    const { replica, writer } = copy;
    const { partition, epoch } = group;
    heartbeats.setReport({
      partition,
      groupEpoch: epoch,
      ready: true,
      promise: replica.promise,
      live: election.live,
      settled: replica.revisions.settled.highest,
      settledRevision: replica.revisions.settledRevision,
      lastChange: replica.table.lastChange,
      lagging,
    });
    heartbeats.setOffice(partition, election.working ? writer.ballot : null);
    if (!this.succeeding || !election.working) return;
    this.succeeding = false;
    heartbeats.hurry();
  }
}
