/** How a node that is in no view gets one: it founds a cluster with others, or joins one that is there. */
import { setTimeout as sleep } from "node:timers/promises";
import type { NodeConfig } from "../config/config.js";
import type { EncodedView } from "../core/view/encoded-view.js";
import type { Member } from "../core/view/view.js";
import { Founding } from "../rpc/founding/founding.js";
import { CallsToFounders } from "../rpc/founding/founding-calls.js";
import { Joining } from "../rpc/founding/joining.js";
import type { PeerPort } from "../rpc/peer-port.js";
import type { ClusterSecret } from "../rpc/peers/cluster-secret.js";
import type { Serving } from "../rpc/services/serving.js";
import type { Home } from "../storage/home.js";
import { contactsOf, foundersOf } from "./agreement.js";
import { newOperation } from "./serving-phase.js";

/** The node that has no view yet, and what it needs to get one. */
export interface Entrant {
  readonly config: NodeConfig;
  readonly home: Home;
  readonly self: Member;
  readonly secret: ClusterSecret;
  /** The other founders ask here. */
  readonly peer: PeerPort;
  /** Calls learn here whom this node waits for. */
  readonly state: Serving;
  readonly notice: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Resolves with view 1, or rejects when this node can never take part. */
export function foundWithOthers({
  config,
  home,
  self,
  secret,
  peer,
  state,
  notice,
  signal,
}: Entrant): Promise<EncodedView> {
  const peers = foundersOf(config, home, self.peerAddress);
  const founding = new Founding({
    self,
    peers,
    cluster: config.cluster,
    calls: new CallsToFounders(peers, secret),
    pause: (ms) => sleep(ms),
    clusterId: config.clusterId,
    votes: home.votes,
    saveVotes: (votes) => home.saveVotes(votes),
    notice,
    signal,
  });
  peer.founding = founding;
  state.awaited = () => founding.founders();
  return founding.run();
}

/** Resolves with a view that has this node as a member, or rejects when there can be none. */
export function joinOthers({ config, home, self, secret, state, notice, signal }: Entrant): Promise<EncodedView> {
  const joining = new Joining({
    self,
    isMember: false,
    contacts: contactsOf(config, home, self.peerAddress),
    secret,
    clusterId: config.clusterId,
    operation: newOperation(),
    share: config.rebalance,
    newest: () => home.view,
    learn: (view) => home.saveView(view),
    notice,
    signal,
  });
  state.awaited = () => joining.awaited();
  return joining.run();
}
