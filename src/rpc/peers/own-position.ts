/** A peer's word on this node's log when they meet, and what follows from it (R10). */
import { planted } from "../../core/model/planted.js";
import { rolledBack } from "../../core/replica/rolled-back.js";
import type { NodeStorage } from "../../ports/storage.js";

export type Shown =
  | { readonly kind: "in-order" }
  /** By this node's own proof: it must not vote any more. */
  | { readonly kind: "lost"; readonly why: string }
  /** Anybody could say so: it is not believed. */
  | { readonly kind: "unproved"; readonly why: string };

/**
 * `peer`: how people call it. `seen`: the position that the peer has seen. `proof`: what this node's own key is said to
 * have made of it.
 */
export function judgeShown(storage: NodeStorage, peer: string, seen: number, proof: Uint8Array): Shown {
  const { position } = storage;
  if (!rolledBack(position, seen)) return { kind: "in-order" };
  const believed = planted("W2.anybodys-proof");
  if (!believed && !storage.isOwnPosition(seen, Buffer.from(proof).toString("latin1"))) {
    return {
      kind: "unproved",
      why: `${peer} says that it has seen ${seen} records of this node, and there are ${position}. It does not show this node's own proof, so it is not believed`,
    };
  }
  return {
    kind: "lost",
    why:
      `${peer} has seen ${seen} records of this node, and it comes back with ${position}: it has lost what it promised (R10). ` +
      "Its directory was restored or damaged: replace it by a new node with an empty directory",
  };
}
