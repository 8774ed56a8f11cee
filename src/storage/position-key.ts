/** A key that only this node has. A log position sealed with it proves to the node itself, and to nobody else, that it
 * told that position (R10). */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { NodeId } from "../core/model/ids.js";

const KEY_BYTES = 32;
const PROOF_BYTES = 16;

export const newPositionKey = (): Buffer => randomBytes(KEY_BYTES);

export class PositionKey {
  private last = { position: -1, proof: "" };

  constructor(
    private readonly key: Buffer,
    private readonly node: NodeId,
  ) {}

  /** One character per byte. */
  proof(position: number): string {
    if (position !== this.last.position) this.last = { position, proof: this.make(position) };
    return this.last.proof;
  }

  proves(position: number, proof: string): boolean {
    const bytes = Buffer.from(proof, "latin1");
    return bytes.length === PROOF_BYTES && timingSafeEqual(bytes, Buffer.from(this.make(position), "latin1"));
  }

  private make(position: number): string {
    const mac = createHmac("sha256", this.key).update(`onar position ${this.node} ${position}`).digest();
    return mac.toString("latin1", 0, PROOF_BYTES);
  }
}
