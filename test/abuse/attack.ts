/** An attack, and how it has to end. To add one, put it into a list in attacks/ and that into all.ts. */
import type { Ports, Tally } from "./offender.js";

/** How the offender's connections end. */
export type Ending =
  /** All are closed with a GOAWAY of this code. */
  | { readonly kind: "goaway"; readonly code: number }
  /** All are closed, before there could be a GOAWAY, or without one that could be read. */
  | { readonly kind: "closed" }
  /**
   * It is answered: nothing but streams and calls end, with these statuses of gRPC, or resets of these codes (and
   * NO_ERROR, behind an answer).
   */
  | { readonly kind: "answered"; readonly statuses?: readonly string[]; readonly resets?: readonly number[] };

export interface Attack {
  readonly name: string;
  /** For the table. */
  readonly what: string;
  readonly ending: Ending;
  /** By so much may the target's resident memory grow meanwhile. 96 MiB if it does not say. */
  readonly maxGrowthMiB?: number;
  /**
   * Once: connects, sends, and waits for the end. `scale`: how many connections, for those whose number is the attack.
   */
  run(ports: Ports, tally: Tally, scale: number): Promise<void>;
}
