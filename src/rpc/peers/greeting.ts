/**
 * The first frames of a stream between nodes: proofs, if the cluster has a secret (authentication.ts), then a handshake
 * of each side. Both sides are here. Whatever follows is a link's (link.ts).
 */
import { type Handshake, type Refusal, RefusalReason } from "../../../gen/ts/onar/replication/v1/replication.js";
import { encodeAuthentication, encodeHandshake, encodeRefusal, type ReceivedFrame } from "../../codec/peer/frame.js";
import { type NodeId, nodeId } from "../../core/model/ids.js";
import { planted } from "../../core/model/planted.js";
import type { Member } from "../../core/view/view.js";
import { Accepting, Dialing, HAS_NO_SECRET, type OwnIdentity } from "./authentication.js";
import type { ClusterSecret } from "./cluster-secret.js";
import type { FrameStream } from "./frame-stream.js";
import { refusal } from "./handshake.js";

/** A side that connects and does not introduce itself within this is cut off. */
const HANDSHAKE_MS = 5_000;

const NO_HANDSHAKE = refusal(RefusalReason.BAD_HANDSHAKE, "the first frame of a stream is a handshake", "");

/** This node, as it introduces itself and judges others. */
export interface Host {
  readonly identity: OwnIdentity;
  readonly secret: ClusterSecret;
  /** This node's side of a handshake with this peer. */
  handshake(peer: NodeId): Handshake;
  /** Why the handshake is not taken; null: it is in order. `expected`: the node that it must be of. */
  check(handshake: Handshake, dialed: boolean, expected: number | undefined): Refusal | null;
  /** Whether this node goes on after what the peer shows of it (R10). */
  judged(handshake: Handshake): boolean;
  /** The other end of a connection did not prove what it had to. */
  failed(remote: string, why: string): void;
}

/** Decides about a peer that dialed. */
export interface Reception {
  /** The handshake is in order: may the peer have its place? `done` gets null, or why not. */
  makeRoom(handshake: Handshake, done: (why: Refusal | null) => void): void;
  joined(handshake: Handshake): void;
}

/** The side that was dialed. */
export class Receiving {
  private accepting: Accepting | null;
  private proved: number | undefined;
  private gone = false;
  /** The peer's handshake is in order, and whether it may have its place is being found out. */
  private joining = false;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly host: Host,
    private readonly stream: FrameStream,
    private readonly reception: Reception,
  ) {
    const { secret, identity } = host;
    this.accepting = secret.all.length === 0 ? null : new Accepting(secret, identity);
    this.timer = setTimeout(() => stream.cut(), HANDSHAKE_MS);
  }

  receive(frame: ReceivedFrame): void {
    const { host, stream, accepting } = this;
    if (this.joining) return stream.cut();
    const early = frame.handshake !== undefined && planted("A2.hears-strangers");
    if (accepting !== null && !early) return this.authenticate(frame, accepting);
    clearTimeout(this.timer);
    if (frame.authentication !== undefined) {
      return this.refuse(refusal(RefusalReason.NOT_AUTHENTICATED, HAS_NO_SECRET, ""));
    }
    const { handshake } = frame;
    if (handshake === undefined) return this.refuse(NO_HANDSHAKE);
    const refused = host.check(handshake, false, planted("W8.anybody") ? undefined : this.proved);
    if (refused !== null) return this.refuse(refused);
    if (!host.judged(handshake)) return stream.cut();
    this.joining = true;
    this.reception.makeRoom(handshake, (why) => {
      this.joining = false;
      if (this.gone) return;
      if (why !== null) return this.refuse(why);
      stream.trust();
      stream.write(encodeHandshake(host.handshake(nodeId(handshake.nodeId))));
      this.reception.joined(handshake);
    });
  }

  /** The stream has ended. */
  over(): void {
    this.gone = true;
    clearTimeout(this.timer);
  }

  private authenticate(frame: ReceivedFrame, side: Accepting): void {
    const { host, stream } = this;
    const step = side.receive(frame.authentication);
    if (step.kind === "refused") return this.refuse(refusal(RefusalReason.NOT_AUTHENTICATED, step.why, ""));
    const say = step.kind === "say" ? step.step : step.say;
    if (say !== null) stream.write(encodeAuthentication(say));
    if (step.kind === "say") return;
    this.accepting = null;
    this.proved = step.peer.nodeId;
    const { meantNodeId, meantAddress } = step.peer;
    const { nodeId: self, peerAddress } = host.identity;
    if (meantNodeId === self && meantAddress === peerAddress) return stream.trust();
    const text = `this is node ${self} at ${peerAddress}, and node ${this.proved} means node ${meantNodeId} at ${meantAddress}`;
    this.refuse(refusal(RefusalReason.OTHER_NODE, text, String(self)));
  }

  private refuse(why: Refusal): void {
    if (why.reason === RefusalReason.NOT_AUTHENTICATED) this.host.failed(this.stream.remote, why.text);
    this.stream.write(encodeRefusal(why));
    this.stream.end();
  }
}

/** Hears how the greeting of a peer ends that this node dialed. */
export interface Call {
  refused(why: Refusal): void;
  joined(handshake: Handshake): void;
}

/** The side that dials `member`. */
export class Calling {
  private dialing: Dialing | null;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly host: Host,
    private readonly member: Member,
    private readonly stream: FrameStream,
    private readonly call: Call,
  ) {
    const [secret] = host.secret.all;
    this.dialing = secret === undefined ? null : new Dialing(secret, host.identity, member);
    this.timer = setTimeout(() => stream.cut(), HANDSHAKE_MS);
  }

  begin(): void {
    if (this.dialing === null) this.greet();
    else this.stream.write(encodeAuthentication(this.dialing.first()));
  }

  receive(frame: ReceivedFrame): void {
    // A refusal is a word, and words of a peer end nobody: it is tried again.
    if (frame.refusal !== undefined) return this.call.refused(frame.refusal);
    if (this.dialing !== null) return this.authenticate(frame, this.dialing);
    clearTimeout(this.timer);
    const { handshake } = frame;
    if (handshake === undefined) return this.call.refused(NO_HANDSHAKE);
    const why = this.host.check(handshake, true, this.member.id);
    if (why !== null) return this.call.refused(why);
    if (!this.host.judged(handshake)) return this.stream.cut();
    this.stream.trust();
    this.call.joined(handshake);
  }

  /** The stream has ended. */
  over(): void {
    clearTimeout(this.timer);
  }

  private authenticate(frame: ReceivedFrame, side: Dialing): void {
    const step = side.receive(frame.authentication);
    if (step.kind === "refused") return this.call.refused(refusal(RefusalReason.NOT_AUTHENTICATED, step.why, ""));
    if (step.kind === "say") return this.stream.write(encodeAuthentication(step.step));
    this.dialing = null;
    const { nodeId: found } = step.peer;
    const { id } = this.member;
    if (found !== id) {
      return this.call.refused(refusal(RefusalReason.OTHER_NODE, `node ${found} answers, and node ${id} is meant`, ""));
    }
    this.greet();
  }

  private greet(): void {
    this.stream.write(encodeHandshake(this.host.handshake(this.member.id)));
  }
}
