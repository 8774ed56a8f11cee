/** A node's name for people: where it is. Ids are drawn at random and tell nobody which machine to look at. */
import type { NodeId } from "../../core/model/ids.js";
import { type Member, memberOf, type View } from "../../core/view/view.js";

/** A founder as far as it is known before there is a view. */
export interface Awaited {
  readonly peerAddress: string;
  /** null: not met yet. */
  readonly member: Member | null;
  /** Why nothing comes of it, as far as it is known; "" otherwise. */
  readonly why: string;
}

/** The list travels in the trailers of an answer. */
const MAX_NAMED = 8;

/** For those who run nodes: with the address that other nodes reach it at. */
export function peerNamed(view: View, id: NodeId): string {
  const member = memberOf(view, id);
  return member === undefined ? `node ${id}` : `node ${id} at ${member.peerAddress}`;
}

/** For clients: "127.0.0.1:4601 (node 11), 127.0.0.1:4602 (node 12)". */
export const clientsNamed = (members: readonly Member[], ids: readonly NodeId[]): string =>
  ids
    .map((id) => {
      const address = clientAddressOf(members, id);
      return address === "" ? `node ${id}` : `${address} (node ${id})`;
    })
    .join(", ");

/** HOST:PORT as clients reach it; "" when it is not known. */
export const clientAddressOf = (members: readonly Member[], id: NodeId): string =>
  members.find((member) => member.id === id)?.clientAddress ?? "";

/** Founders that were not met yet; "" when all of them were. */
export function missingNamed(awaited: readonly Awaited[]): string {
  const missing = awaited.filter(({ member }) => member === null).map(({ peerAddress }) => peerAddress);
  const more = missing.length > MAX_NAMED ? `, and ${missing.length - MAX_NAMED} more` : "";
  return `${missing.slice(0, MAX_NAMED).join(", ")}${more}`;
}
