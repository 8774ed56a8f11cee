/**
 * A client's request that this node answers for: where it was sent, in how many copies, and what may have become of
 * them. The router (router.ts) decides what happens to it.
 */
import type { Instant } from "../base/time.js";
import { NO_NODE, type NodeId, type Partition, type Revision } from "../core/model/ids.js";
import type { Request } from "../core/model/node-message.js";
import type { Ticket } from "../core/model/outbox.js";
import { planted } from "../core/model/planted.js";

/** Bytes of a request without its key and its values. */
const REQUEST_OVERHEAD_BYTES = 256;

/** Shared by all requests that were never passed on: there are many. */
export const NO_COPIES = new Map<number, NodeId>();

/** A client's request that this node answers for. */
export class Pending {
  /** Where it was sent: this node's own core, another node, or nowhere (NO_NODE) while it is held. */
  target: NodeId = NO_NODE;
  /** The id of the latest copy passed on. */
  forwardId = 0;
  /** The copies that may still be answered, and by whom: the answer of any of them is an answer. */
  copies = NO_COPIES;
  sentAt: Instant;
  /** The node that turned it away last. */
  refusedBy: NodeId = NO_NODE;
  /** A copy was sent, and what became of it is not known. */
  mayHaveRun = false;
  /** There is an answer, which counts this node's own copy: the sync releases it. */
  waitsForSync = false;
  /**
   * The highest revision of the partition that this node knew before it first sent the request; 0 when none. It is
   * drawn anew before the request is sent again when it is certain that no copy has run.
   */
  known: Revision;
  readonly bytes: number;

  constructor(
    readonly ticket: Ticket,
    readonly partition: Partition,
    readonly request: Request,
    readonly deadline: Instant,
    readonly submittedAt: Instant,
    known: Revision,
  ) {
    this.sentAt = submittedAt;
    this.bytes = bytesOf(request);
    this.known = known;
  }

  /**
   * The request as it is sent. For a client that tells no `after` every copy, the first as well, says what this node
   * knew before the first. So a later copy is refused rather than run again when the record of an earlier one may have
   * been forgotten. And no writer that knows less decides any of them, at a revision below what a later copy says was
   * known (I4).
   */
  get copy(): Request {
    const { request } = this;
    if (request.kind === "read" || request.write.requestId === null || request.write.after !== null) return request;
    if (!this.mayHaveRun && planted("R9.first-copy-unbound")) return request;
    return { ...request, write: { ...request.write, after: this.known } };
  }

  /** `after` is this node's doing. */
  get bound(): boolean {
    return this.request.kind === "write" && this.request.write.requestId !== null && this.request.write.after === null;
  }

  /** Another copy does no harm. */
  get repeatable(): boolean {
    return this.request.kind === "read" || this.request.write.requestId !== null;
  }
}

/** Memory of a request, about. */
export function bytesOf(request: Request): number {
  let unread = 0;
  if (request.unread !== undefined)
    for (const values of Object.values(request.unread)) for (const value of values) unread += value.length;
  if (request.kind === "read") return request.read.key.length + unread + REQUEST_OVERHEAD_BYTES;
  const { operation } = request.write;
  const { key } = operation;
  const value = "value" in operation ? operation.value.length : 0;
  const condition =
    "condition" in operation && operation.condition?.kind === "value" ? operation.condition.value.length : 0;
  return key.length + value + condition + unread + REQUEST_OVERHEAD_BYTES;
}
