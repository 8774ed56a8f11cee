/**
 * Everything that a node keeps durably: what its replicas do, which copies there are, and what it knows of views and
 * voted for.
 */
import type { ViewEntry } from "../view/message.js";
import type { CopyEntry } from "./copy-entry.js";
import type { Entry } from "./entry.js";

export type NodeEntry = Entry | CopyEntry | ViewEntry;

export const isViewEntry = (entry: NodeEntry): entry is ViewEntry =>
  entry.kind === "view" || entry.kind === "view-promise" || entry.kind === "view-vote";

export const isCopyEntry = (entry: NodeEntry): entry is CopyEntry => entry.kind === "begun" || entry.kind === "dropped";
