/**
 * The first frames of a stream between nodes, in a cluster with a secret. Both sides prove that they know it before
 * anything else is said.
 *
 *   dials                                accepts
 *     hello (nonce, who, whom)    →
 *                                 ←   challenge (nonce)
 *     proof                       →
 *                                 ←   welcome (who, proof)
 *
 * Invariants:
 *   A1  A stranger gets no proof: who accepts proves only to a side that has proved.
 *   A2  Nothing but these frames is read before the other side has proved; a side that says anything else is refused.
 *   A3  A side with a secret never talks to one without, in either role.
 *   A4  A side's handshake must say the same as its word of itself here.
 */

import { randomBytes } from "node:crypto";
import type { Authentication, Hello, Welcome } from "../../../gen/ts/onar/replication/v1/replication.js";
import { planted } from "../../core/model/planted.js";
import type { Member } from "../../core/view/view.js";
import { type ClusterSecret, NONCE_BYTES, type Part, proofOf, proves, secretOf } from "./cluster-secret.js";

/** This node's identity, for proofs. */
export interface OwnIdentity {
  readonly nodeId: number;
  readonly peerAddress: string;
  readonly clusterId: Buffer;
}

/** Longer parts are refused before anything is computed over them. */
const MAX_ADDRESS_BYTES = 512;
const MAX_CLUSTER_ID_BYTES = 16;

const dialed = (hello: Hello, challenge: Buffer): Part[] => [
  hello.nonce,
  challenge,
  hello.nodeId,
  hello.peerAddress,
  hello.clusterId,
  hello.dialedNodeId,
  hello.dialedAddress,
];

const accepted = (hello: Hello, challenge: Buffer, welcome: Omit<Welcome, "proof">): Part[] => [
  ...dialed(hello, challenge),
  welcome.nodeId,
  welcome.peerAddress,
  welcome.clusterId,
];

export const NEEDS_SECRET =
  "this cluster has a secret: nodes prove that they know it (--cluster-secret-file, docs/security.md)";
export const HAS_NO_SECRET =
  "this node has no cluster secret, and the other one has: start both with the same --cluster-secret-file";
const OTHER_SECRET = "the cluster secrets of the two nodes differ (--cluster-secret-file)";

/** The step to take after a frame of the other side. */
export type Step =
  | { readonly kind: "say"; readonly step: Authentication }
  /** The other side has proved. `say` is sent first, when there is something to be said. */
  | { readonly kind: "open"; readonly say: Authentication | null; readonly peer: ProvedPeer }
  | { readonly kind: "refused"; readonly why: string };

/** The other side's word of itself, as it proved it. */
export interface ProvedPeer {
  readonly nodeId: number;
  readonly clusterId: Buffer;
  /** The node it meant to reach; 0 and "" when it was dialed. */
  readonly meantNodeId: number;
  readonly meantAddress: string;
}

const refused = (why: string): Step => ({ kind: "refused", why });

export class Dialing {
  private readonly hello: Hello;
  private challenge: Buffer | null = null;

  constructor(
    /** The secret to prove with, also when the file changes on the way. */
    private readonly secret: Buffer,
    own: OwnIdentity,
    member: Pick<Member, "id" | "peerAddress">,
  ) {
    this.hello = {
      nonce: randomBytes(NONCE_BYTES),
      nodeId: own.nodeId,
      peerAddress: own.peerAddress,
      clusterId: own.clusterId,
      dialedNodeId: member.id,
      dialedAddress: member.peerAddress,
    };
  }

  first(): Authentication {
    return { step: { $case: "hello", value: this.hello } };
  }

  receive(answer: Authentication | undefined): Step {
    const step = answer?.step;
    const { hello, secret } = this;
    if (step?.$case === "challenge" && this.challenge === null) {
      if (step.value.nonce.length !== NONCE_BYTES) return refused("a challenge of another length");
      this.challenge = step.value.nonce;
      const proof = proofOf(secret, "dial", dialed(hello, this.challenge));
      return { kind: "say", step: { step: { $case: "proof", value: { proof } } } };
    }
    if (step?.$case === "welcome" && this.challenge !== null) {
      const { value } = step;
      if (!proves(secret, "accept", accepted(hello, this.challenge, value), value.proof)) return refused(OTHER_SECRET);
      const { nodeId, clusterId } = value;
      return { kind: "open", say: null, peer: { nodeId, clusterId, meantNodeId: 0, meantAddress: "" } };
    }
    return refused("the node at that address does not prove that it knows the cluster secret");
  }
}

export class Accepting {
  private hello: Hello | null = null;
  private readonly challenge = randomBytes(NONCE_BYTES);

  constructor(
    private readonly secret: ClusterSecret,
    private readonly own: OwnIdentity,
  ) {}

  receive(said: Authentication | undefined): Step {
    const step = said?.step;
    const { hello, challenge } = this;
    if (step?.$case === "hello" && hello === null) {
      if (!isBounded(step.value)) return refused("a hello that no node sends");
      this.hello = step.value;
      const [first] = this.secret.all;
      if (first !== undefined && planted("A1.proves-first")) {
        const own: Omit<Welcome, "proof"> = { ...this.own };
        const value = { ...own, proof: proofOf(first, "accept", accepted(step.value, challenge, own)) };
        return { kind: "say", step: { step: { $case: "welcome", value } } };
      }
      return { kind: "say", step: { step: { $case: "challenge", value: { nonce: challenge } } } };
    }
    if (step?.$case === "proof" && hello !== null) {
      const secret = secretOf(this.secret, "dial", dialed(hello, challenge), step.value.proof);
      if (secret === null) return refused(OTHER_SECRET);
      const own: Omit<Welcome, "proof"> = { ...this.own };
      const proof = proofOf(secret, "accept", accepted(hello, challenge, own));
      return {
        kind: "open",
        say: { step: { $case: "welcome", value: { ...own, proof } } },
        peer: {
          nodeId: hello.nodeId,
          clusterId: hello.clusterId,
          meantNodeId: hello.dialedNodeId,
          meantAddress: hello.dialedAddress,
        },
      };
    }
    return refused(NEEDS_SECRET);
  }
}

const isBounded = (hello: Hello): boolean =>
  hello.nonce.length === NONCE_BYTES &&
  hello.peerAddress.length <= MAX_ADDRESS_BYTES &&
  hello.dialedAddress.length <= MAX_ADDRESS_BYTES &&
  hello.clusterId.length <= MAX_CLUSTER_ID_BYTES;
