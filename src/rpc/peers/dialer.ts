/**
 * Dials the peers with a higher id than this node's, and again whenever a stream ends, with a growing wait. A peer
 * whose address is new to the view is tried at the one that it gave itself, too.
 */
import type { Handshake, Refusal } from "../../../gen/ts/onar/replication/v1/replication.js";
import type { ReceivedFrame } from "../../codec/peer/frame.js";
import type { NodeId } from "../../core/model/ids.js";
import { planted } from "../../core/model/planted.js";
import type { Member } from "../../core/view/view.js";
import { DialedStream } from "./dialed-stream.js";
import { readable } from "./frame-stream.js";
import { Calling, type Host } from "./greeting.js";
import type { Link } from "./link.js";

const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 1_000;

export interface DialerOptions {
  readonly self: NodeId;
  readonly host: Host;
  /** As the newest view has it. */
  readonly member: (id: NodeId) => Member | undefined;
  /** There is a stream to this peer, whoever dialed. */
  readonly linked: (id: NodeId) => boolean;
  /** Nothing is called once the links are closed. */
  readonly later: (ms: number, call: () => void) => void;
  /** The handshake is through. */
  readonly joined: (handshake: Handshake, stream: DialedStream) => Link;
  readonly received: (link: Link, frame: ReceivedFrame) => void;
  readonly lost: (link: Link) => void;
  readonly refused: (member: Member, why: Refusal) => void;
}

export class Dialer {
  private readonly dialed = new Set<DialedStream>();
  /** Where a member said it is, before a view does. */
  private readonly hints = new Map<NodeId, string>();
  /** Peers that are being dialed, or whose stream this node dialed. */
  private readonly dialing = new Map<NodeId, DialedStream>();
  private closed = false;

  constructor(private readonly options: DialerOptions) {}

  /** The node with the lower id dials. */
  dial(id: NodeId): void {
    if (id > this.options.self && !this.dialing.has(id)) this.connect(id, FIRST_BACKOFF_MS, false);
  }

  /** That member says that it is at this address. */
  hint(id: NodeId, peerAddress: string): void {
    const known = this.options.member(id);
    if (known === undefined || known.peerAddress === peerAddress) return void this.hints.delete(id);
    this.hints.set(id, peerAddress);
    this.again(id);
  }

  /** The view has the member at this address. `isNew`: the view before had it elsewhere. */
  follow(id: NodeId, peerAddress: string, isNew: boolean): void {
    if (isNew) this.again(id);
    if (this.hints.get(id) === peerAddress) this.hints.delete(id);
  }

  /** It is no member any more. */
  forget(id: NodeId): void {
    this.dialing.get(id)?.cut();
    this.hints.delete(id);
  }

  close(): void {
    this.closed = true;
    for (const stream of this.dialed) stream.cut();
  }

  /** An attempt under way may be at an address of before. */
  private again(id: NodeId): void {
    if (!this.options.linked(id)) this.dialing.get(id)?.cut();
  }

  /** `hinted`: at the address that it gave itself, if it did; each is tried in turn. */
  private connect(id: NodeId, backoff: number, hinted: boolean): void {
    if (this.closed) return;
    const { host, later } = this.options;
    const known = this.options.member(id);
    if (known === undefined) return;
    const hint = hinted ? this.hints.get(id) : undefined;
    const member = hint === undefined ? known : { ...known, peerAddress: hint };
    let link: Link | null = null;
    let wait = backoff;
    let final = false;
    const ended = (): void => {
      calling.over();
      this.dialed.delete(stream);
      if (this.dialing.get(id) === stream) this.dialing.delete(id);
      if (link !== null) this.options.lost(link);
      if (final) return;
      const jittered = wait * (0.5 + Math.random() / 2);
      later(jittered, () => {
        if (!this.dialing.has(id)) this.connect(id, Math.min(wait * 2, MAX_BACKOFF_MS), !hinted);
      });
    };
    const refused = (why: Refusal): void => {
      final = planted("W1.refusal-is-final");
      this.options.refused(member, why);
      wait = MAX_BACKOFF_MS;
      stream.cut();
    };
    const received = (bytes: Buffer): void => {
      const frame = readable(bytes);
      if (frame === null) return stream.cut();
      if (link !== null) return this.options.received(link, frame);
      calling.receive(frame);
    };
    const joined = (handshake: Handshake): void => {
      wait = FIRST_BACKOFF_MS;
      link = this.options.joined(handshake, stream);
    };
    const stream = new DialedStream(member.peerAddress, { frame: received, ended });
    const calling = new Calling(host, member, stream, { refused, joined });
    this.dialed.add(stream);
    this.dialing.set(id, stream);
    calling.begin();
  }
}
