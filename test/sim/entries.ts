import type { Entry } from "../../src/core/model/entry.js";
import { isViewEntry, type NodeEntry } from "../../src/core/model/node-entry.js";

export const isOfPartition = (entry: NodeEntry): entry is Entry => !isViewEntry(entry);
