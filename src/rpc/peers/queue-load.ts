/**
 * The bytes that wait for all peers of a node together. Slow peers could otherwise hold as much each as one may. One
 * that has little waiting is never made to suffer for the others.
 */
import { PEER_QUEUE_BYTES, PEER_QUEUE_SHARE_BYTES, PEER_QUEUES_BYTES } from "../../core/model/bounds.js";

export class QueueLoad {
  /**
   * Messages by their size, as far as it is known before they are encoded. Frames by what of them waited when their
   * link was last looked at: whenever something is sent by it, heartbeats included.
   */
  bytes = 0;

  /** Whether a peer that has `own` bytes waiting may have more. */
  hasRoom(own: number): boolean {
    if (own > PEER_QUEUE_BYTES) return false;
    return own <= PEER_QUEUE_SHARE_BYTES || this.bytes <= PEER_QUEUES_BYTES;
  }
}
