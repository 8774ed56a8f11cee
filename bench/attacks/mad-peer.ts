/**
 * A member that has gone mad: it proves the cluster secret and shakes hands as a node does. Then it says whatever it is
 * told to say.
 */
import { randomBytes } from "node:crypto";
import type { Handshake } from "../../gen/ts/onar/replication/v1/replication.js";
import { decodeFrame, encodeAuthentication, encodeHandshake } from "../../src/codec/peer/frame.js";
import { nodeId } from "../../src/core/model/ids.js";
import { Dialing } from "../../src/rpc/peers/authentication.js";
import { DialedStream } from "../../src/rpc/peers/dialed-stream.js";
import { PROTOCOL_VERSION } from "../../src/rpc/peers/peer-service.js";

export interface MadPeerOptions {
  /** null: the cluster has none. */
  readonly secret: Buffer | null;
  /** The id that it speaks as: the lower of the two, as that one dials. */
  readonly self: { readonly id: number; readonly peerAddress: string };
  readonly target: { readonly id: number; readonly peerAddress: string };
  readonly clusterId: Buffer;
  readonly viewEpoch: number;
  readonly viewDigest: Buffer;
  /** The node that its handshake names; missing: itself. */
  readonly handshakeAs?: number;
}

/** Frames of the node that it keeps. */
const KEPT = 50;
const HELLO_MS = 10_000;

export class MadPeer {
  /** The node's last lines. */
  readonly heard: Buffer[] = [];
  ended = false;
  private readonly stream: DialedStream;
  private readonly dialing: Dialing | null;
  private settle: ((error: Error | null) => void) | null = null;

  private constructor(private readonly options: MadPeerOptions) {
    const { secret, self, target, clusterId } = options;
    const own = { nodeId: self.id, peerAddress: self.peerAddress, clusterId };
    this.dialing =
      secret === null ? null : new Dialing(secret, own, { id: nodeId(target.id), peerAddress: target.peerAddress });
    this.stream = new DialedStream(target.peerAddress, {
      frame: (bytes) => this.receive(bytes),
      ended: () => {
        this.ended = true;
        this.settle?.(new Error("the node ended the stream"));
      },
    });
  }

  /** Resolves once it is let in; rejects when it is not. */
  static async connect(options: MadPeerOptions): Promise<MadPeer> {
    const peer = new MadPeer(options);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => peer.settle?.(new Error("no handshake in time")), HELLO_MS);
      peer.settle = (error) => {
        peer.settle = null;
        clearTimeout(timer);
        if (error === null) return resolve();
        peer.close();
        reject(error);
      };
      if (peer.dialing === null) peer.stream.write(encodeHandshake(peer.handshake()));
      else peer.stream.write(encodeAuthentication(peer.dialing.first()));
    });
    return peer;
  }

  /** Resolves when the connection takes more, or is over. */
  async send(frame: Buffer): Promise<void> {
    if (this.ended) return;
    this.stream.write(frame);
    while (!this.ended && this.stream.unsentBytes > 0) await new Promise(setImmediate);
  }

  close(): void {
    this.stream.cut();
  }

  private receive(bytes: Buffer): void {
    if (this.settle === null) {
      this.heard.push(Buffer.from(bytes));
      if (this.heard.length > KEPT) this.heard.shift();
      return;
    }
    const frame = decodeFrame(bytes);
    if (frame.refusal !== undefined) return this.settle(new Error(`refused: ${frame.refusal.text}`));
    if (frame.handshake !== undefined) {
      this.stream.trust();
      return this.settle(null);
    }
    const step = this.dialing?.receive(frame.authentication);
    if (step?.kind === "say") this.stream.write(encodeAuthentication(step.step));
    else if (step?.kind === "open") this.stream.write(encodeHandshake(this.handshake()));
    else this.settle(new Error(step?.why ?? "an answer that cannot be"));
  }

  private handshake(): Handshake {
    const { self, target, clusterId, viewEpoch, viewDigest } = this.options;
    return {
      protocolVersion: PROTOCOL_VERSION,
      clusterId,
      nodeId: this.options.handshakeAs ?? self.id,
      viewEpoch,
      viewDigest,
      logPosition: 0,
      clientAddress: "",
      peerAddress: self.peerAddress,
      zone: "",
      storage: 1,
      uptimeMs: 0,
      softwareVersion: "",
      meantNodeId: target.id,
      // Whoever has a key judges for itself.
      positionProof: randomBytes(16),
      seenPosition: 0,
      seenProof: Buffer.alloc(0),
    };
  }
}
