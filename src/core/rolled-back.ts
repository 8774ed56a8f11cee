/** Amnesia (R10): whether a node that comes back has lost what it promised. */
import { planted } from "./planted.js";

/** `told`: the durable records that the node has by its own word. `seen`: the most that it ever told this node, in any life. */
export const rolledBack = (told: number, seen: number): boolean => told < seen && !planted("R10.rolled-back");
