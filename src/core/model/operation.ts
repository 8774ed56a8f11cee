/**
 * Requests of clients and their answers, in the core's own terms. The edge (rpc, client) has validated every bound
 * before an operation is made: the core trusts lengths and numbers.
 */
import type { Brand } from "../../base/brand.js";
import type { GroupEpoch, Key, NodeId, Revision } from "./ids.js";

export type Condition =
  /** The key's version is exactly this one; never matches an absent key. */
  | { readonly kind: "version"; readonly version: Revision }
  /** The key is there and its value has exactly these bytes. */
  | { readonly kind: "value"; readonly value: Uint8Array }
  | { readonly kind: "absent" }
  | { readonly kind: "present" };

export type WriteOperation =
  | { readonly kind: "put"; readonly key: Key; readonly value: Uint8Array }
  | { readonly kind: "cas"; readonly key: Key; readonly condition: Condition; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly key: Key; readonly condition: Condition | null }
  | { readonly kind: "add"; readonly key: Key; readonly delta: bigint };

/** 16 bytes chosen by the client, one character per byte. */
export type RequestId = Brand<string, "RequestId">;

export interface WriteRequest {
  readonly operation: WriteOperation;
  /** null: the request is sent on at most once and is not recorded. */
  readonly requestId: RequestId | null;
  /**
   * The highest revision of the partition that the client had before it first sent the request (R9); null: not told.
   */
  readonly after: Revision | null;
  /** CRC-32 of call and arguments, to tell a retry from an id used twice. 0 without an id. */
  readonly fingerprint: number;
}

/** `linearizable` asks a majority; `local` may answer from this replica's settled copy. */
export type Consistency = "linearizable" | "local";

export interface ReadRequest {
  readonly key: Key;
  readonly consistency: Consistency;
}

export interface KeyEntry {
  readonly value: Uint8Array;
  readonly version: Revision;
}

export type Answer =
  | { readonly kind: "get"; readonly entry: KeyEntry | null; readonly consistency: Consistency }
  | { readonly kind: "put"; readonly version: Revision }
  | {
      readonly kind: "cas";
      readonly swapped: boolean;
      /** The key's version now; 0 when absent. */
      readonly version: Revision;
      /** The register found instead, when not swapped; also null for a repeated answer whose key has moved on. */
      readonly found: KeyEntry | null;
    }
  | {
      readonly kind: "delete";
      readonly deleted: boolean;
      /** 0 when the key was absent. */
      readonly versionFound: Revision;
      readonly found: KeyEntry | null;
    }
  | {
      readonly kind: "add";
      readonly version: Revision;
      /** null only for a repeated answer whose key has moved on: records hold no values. */
      readonly number: bigint | null;
    };

/** Definitely not executed. */
export type Refusal =
  /** Ask the node named by the hint, or another (NO_NODE: unknown). */
  | { readonly reason: "not-writer"; readonly hint: NodeId }
  /** This node is not a (ready) replica of the partition, or the group epoch is another. */
  | { readonly reason: "not-replica" }
  | { readonly reason: "no-quorum"; readonly missing: readonly NodeId[] }
  | { readonly reason: "not-a-number" }
  | { readonly reason: "overflow" }
  | { readonly reason: "request-id-reused" }
  /** `after` lies above the revision of a writer that has just confirmed its office. */
  | { readonly reason: "after-in-future"; readonly revision: Revision }
  | { readonly reason: "overloaded" }
  /** The disk of the node that would have to write is full. */
  | { readonly reason: "disk-full" };

export type Unknown =
  /** The write may or may not have happened, or may still happen. */
  | { readonly reason: "outcome-unknown" }
  /** This copy of the request did not run; whether an earlier copy did cannot be known any more. */
  | { readonly reason: "request-expired"; readonly revision: Revision };

/** The part of every answer that tells of the partition which gave it. */
export interface Standing {
  /** Highest revision of the partition known here to be settled; an answered write's own at least. */
  readonly revision: Revision;
  readonly groupEpoch: GroupEpoch;
  /** A hint; NO_NODE: unknown. */
  readonly writer: NodeId;
}

export type Result =
  | { readonly status: "done"; readonly answer: Answer; readonly standing: Standing }
  | { readonly status: "refused"; readonly refusal: Refusal }
  | { readonly status: "unknown"; readonly unknown: Unknown };
