/** Carries out attacks, as a process of its own: its parent sends an `AttackOrder` and gets the `Tally`. */
import { attackOf } from "./attacks/all.js";
import { emptyTally, type Ports } from "./offender.js";

export interface AttackOrder {
  readonly name: string;
  readonly ports: Ports;
  readonly scale: number;
  /** Goes on with a new connection, until so many milliseconds are over; 0: once. */
  readonly forMs: number;
}

async function carryOut({ name, ports, scale, forMs }: AttackOrder): Promise<void> {
  const tally = emptyTally();
  const until = performance.now() + forMs;
  do await attackOf(name).run(ports, tally, scale);
  while (performance.now() < until);
  process.send?.(tally);
}

process.on("message", (order: AttackOrder) => void carryOut(order));
process.on("disconnect", () => process.exit(0));
