/**
 * Amnesia (R10): whether a node that comes back has lost what it promised.
 *
 * The node judges that itself: its peers show it the highest position that it has told them, with the proof that it
 * gave along. Only it can check that proof, so no peer can invent that it was rolled back
 * (docs/adr/2026-12-01-own-proofs-of-positions.md).
 */
import { planted } from "../model/planted.js";

/**
 * `told`: the durable records that the node has by its own word. `seen`: the most that it ever told this node, in any
 * life.
 */
export const rolledBack = (told: number, seen: number): boolean => told < seen && !planted("R10.rolled-back");

/** No log grows by so many records between two words of its node: 2^40 take 12 days at a million a second. */
const MAX_POSITION_JUMP = 2 ** 40;

/** Whether a position is worth remembering: above what is known, and not beyond what can be. */
export const isPlausiblePosition = (position: number, known: number): boolean =>
  position > known && (position <= known + MAX_POSITION_JUMP || planted("W2.any-position"));
