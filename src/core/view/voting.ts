/**
 * Election of the proposer of the next view. The voters elect a proposer as a group elects its writer, by the same
 * machine. They are the group, and the epoch of the view that is to be ended is the group epoch. This class joins that
 * election and the chain.
 *
 * Invariant
 * V1e A voter that does not read all of its newest view never campaigns. The successor that it would make lacks what it
 *     does not read, such as a wish of a later version.
 */
import { unreachable } from "../../base/assert.js";
import type { Instant } from "../../base/time.js";
import { voteOf } from "../../base/votes.js";
import type { Detector } from "../election/detector.js";
import { Election, type ElectionAction } from "../election/election.js";
import { HeardGroup } from "../election/heard-group.js";
import type { Heartbeats } from "../election/heartbeats.js";
import type { Ballot } from "../model/ballot.js";
import { changeNumber, groupEpoch, type NodeId, revision, VOTERS } from "../model/ids.js";
import { planted } from "../model/planted.js";
import type { Chain } from "./chain.js";
import type { ChainOutbox } from "./chain-outbox.js";

export interface VotingOptions {
  readonly chain: Chain;
  readonly detector: Detector;
  readonly heartbeats: Heartbeats;
}

export class Voting {
  private readonly chain: Chain;
  private readonly detector: Detector;
  private readonly heartbeats: Heartbeats;
  /** null: this node is no voter of the newest view. */
  private office: { readonly election: Election; readonly heard: HeardGroup } | null = null;

  constructor(options: VotingOptions) {
    this.chain = options.chain;
    this.detector = options.detector;
    this.heartbeats = options.heartbeats;
    this.begin();
  }

  /** A node outside the voters forwards operations to this one; null: nobody is known to be the proposer. */
  get proposer(): NodeId | null {
    return this.heartbeats.workingWriter(VOTERS);
  }

  /** This node proposes views, as far as it knows. */
  get working(): boolean {
    return this.office?.election.working === true;
  }

  /**
   * The chain has a newer view. Its voters elect anew. The last proposer, if it is one of them, campaigns at once, so
   * that one change can follow the other without waiting.
   */
  viewChanged(now: Instant, wasWorking: boolean, out: ChainOutbox): void {
    this.begin();
    if (this.office === null) return;
    if (wasWorking) this.act(now, this.office.election.groupBegins(this.chain.promised), out);
    this.refresh();
  }

  /** After the detector's round ended, before the next heartbeats leave. */
  roundEnded(now: Instant, out: ChainOutbox): void {
    if (this.office === null) return;
    const { election, heard } = this.office;
    this.act(now, election.roundEnded(heard, this.chain.promised, this.chain.proposer, false), out);
    this.refresh();
  }

  /** A report of another voter arrived, or what this node promised or holds may have changed. */
  refresh(): void {
    const { chain, heartbeats } = this;
    if (this.office === null) return;
    const { election, heard } = this.office;
    election.refresh(heard, chain.promised, chain.proposer);
    heartbeats.setReport({
      partition: VOTERS,
      groupEpoch: groupEpoch(chain.epoch),
      ready: true,
      promise: chain.promised,
      live: election.live,
      settled: null,
      settledRevision: revision(0),
      lastChange: changeNumber(0),
      lagging: false,
    });
    heartbeats.setOffice(VOTERS, election.working ? chain.promised : null);
  }

  /** A voter refused the ballot that this node holds. */
  refused(): void {
    this.office?.election.nacked();
    this.refresh();
  }

  private begin(): void {
    const { chain, detector, heartbeats } = this;
    const { voters } = chain.newest.view;
    if (!chain.isVoter) {
      this.office = null;
      heartbeats.removeGroup(VOTERS);
      return;
    }
    const epoch = groupEpoch(chain.epoch);
    heartbeats.setGroup(VOTERS, voters);
    this.office = {
      election: new Election({ self: chain.self, replicas: voters, groupEpoch: epoch }),
      heard: new HeardGroup({
        self: chain.self,
        partition: VOTERS,
        groupEpoch: epoch,
        replicas: voters,
        ready: true,
        detector,
        heartbeats,
        promisedBy: (place) => this.promisedBy(place),
      }),
    };
    this.refresh();
  }

  /**
   * A voter that promised this node's ballot is heard by that, though its last report may be of the view before (H14).
   */
  private promisedBy(place: number): Ballot | null {
    const { proposer } = this.chain;
    if (proposer === null || planted("H14.old-reports")) return null;
    return (proposer.promised & voteOf(place)) === 0 ? null : proposer.ballot;
  }

  private act(now: Instant, action: ElectionAction | null, out: ChainOutbox): void {
    if (action === null) return;
    switch (action.kind) {
      case "campaign":
        if (this.chain.newest.unread === true && !planted("V1.unread")) return; // V1e
        return this.chain.voter.campaign(now, action.ballot, out);
      case "prepare": {
        const asked = this.chain.newest.view.voters.filter((_, place) => (action.places & voteOf(place)) !== 0);
        return this.chain.voter.prepare(asked, out);
      }
      case "resign":
        return this.chain.voter.resign();
      case "offer":
      case "resume":
        // Nobody is preferred as proposer: no office is offered here.
        return;
      default:
        return unreachable(action);
    }
  }
}
