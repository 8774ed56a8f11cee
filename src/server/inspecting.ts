/** A stopped node's directory, for the command line, which knows of no storage. */
import type { Register } from "../core/model/register.js";
import { BAD } from "../core/model/table.js";
import { isForPeople } from "../storage/home.js";
import { type InspectedKey, StoppedNode } from "../storage/inspect.js";

export type { InspectedKey, InspectedNode, InspectedPartition } from "../storage/inspect.js";
export type { StoppedNode };

/** The directory cannot be inspected; the message is for people. */
export class InspectError extends Error {
  override readonly name = "InspectError";
}

/** Opens the directory, runs it, and lets go of the directory; rejects with an InspectError. */
export async function inspecting<T>(path: string, run: (node: StoppedNode) => Promise<T>): Promise<T> {
  let node: StoppedNode;
  try {
    node = await StoppedNode.open(path);
  } catch (error) {
    if (isForPeople(error)) throw new InspectError(error.message);
    throw error;
  }
  try {
    return await run(node);
  } finally {
    await node.close();
  }
}

/** The register of a key; null: it fails its checksum. */
export const registerOf = ({ register }: InspectedKey): Register | null => (register === BAD ? null : register);
