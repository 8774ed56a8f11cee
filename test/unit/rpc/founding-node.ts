/** A node that founds a cluster with others over real sockets, without anything behind its peer port. */
import { setTimeout as sleep } from "node:timers/promises";
import { nodeId } from "../../../src/core/model/ids.js";
import type { Member, View } from "../../../src/core/view/view.js";
import { Founding, type FoundingVotes } from "../../../src/rpc/founding/founding.js";
import { CallsToFounders } from "../../../src/rpc/founding/founding-calls.js";
import { PeerPort } from "../../../src/rpc/peer-port.js";
import type { ClusterSecret } from "../../../src/rpc/peers/cluster-secret.js";
import { LimitCounts } from "../../../src/rpc/transport/limit-counts.js";

export class FoundingNode {
  readonly notices: string[] = [];
  readonly port: PeerPort;
  readonly stop = new AbortController();
  address = "";
  view: View | null = null;
  failed = "";
  /** The votes that it holds durably. */
  votes: FoundingVotes | null = null;

  constructor(
    readonly id: number,
    readonly secret: ClusterSecret,
  ) {
    this.port = new PeerPort(secret, (text) => this.notices.push(text), new LimitCounts());
  }

  get member(): Member {
    return { id: nodeId(this.id), clientAddress: `n${this.id}:4600`, peerAddress: this.address, zone: "" };
  }

  /** At any free port, or at that one. */
  async listen(port = 0): Promise<void> {
    this.address = `127.0.0.1:${await this.port.listen(`127.0.0.1:${port}`)}`;
    this.port.address = this.address;
  }

  found(peers: readonly string[]): void {
    const founding = new Founding({
      self: this.member,
      peers,
      cluster: { replicationFactor: 2, partitions: 4 },
      calls: new CallsToFounders(peers, this.secret),
      pause: (ms) => sleep(ms),
      clusterId: "",
      votes: null,
      saveVotes: (votes) => {
        this.votes = votes;
        return Promise.resolve();
      },
      notice: (text) => this.notices.push(text),
      signal: this.stop.signal,
    });
    this.port.founding = founding;
    founding.run().then(
      (view) => {
        this.view = view.view;
      },
      (error: unknown) => {
        this.failed = String(error);
      },
    );
  }

  close(): void {
    this.stop.abort();
    this.port.close();
  }
}
