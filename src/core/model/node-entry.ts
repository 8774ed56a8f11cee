/** Everything that a node keeps durably: what its replicas do, and what it knows of views and voted for. */
import type { ViewEntry } from "../view/message.js";
import type { Entry } from "./entry.js";

export type NodeEntry = Entry | ViewEntry;

export const isViewEntry = (entry: NodeEntry): entry is ViewEntry =>
  entry.kind === "view" || entry.kind === "view-promise" || entry.kind === "view-vote";
