/** Where each planted bug shows: the smallest world known in which the exploration finds it. */
import type { PlantedBug } from "../planted/planted.js";
import type { WorldOptions } from "./worlds.js";

export interface Shown {
  readonly bug: PlantedBug;
  readonly world: WorldOptions;
}

export const SHOWN: readonly Shown[] = [
  { bug: "R1.write", world: { offices: "1,2", operations: "put,cas" } },
  { bug: "R1.impose", world: { offices: "1,2", operations: "put,cas,get" } },
  { bug: "R2", world: { offices: "1,2", operations: "put,get" } },
  { bug: "R3.no-impose", world: { offices: "1", operations: "put,get,get" } },
  { bug: "R4.one-replica", world: { offices: "1,2", operations: "put,cas" } },
  { bug: "R4.earlier-office", world: { offices: "1,2,1", operations: "put,put,cas" } },
  { bug: "R5.from-memory", world: { offices: "1", operations: "put,cas,get" } },
  { bug: "R5.round-before", world: { offices: "1,2", operations: "put,put,cas" } },
  { bug: "R6", world: { offices: "1", operations: "put,put,get", resends: true } },
  { bug: "R7.count-messages", world: { offices: "1", operations: "put,get" } },
  { bug: "R7.reuse-attempt", world: { offices: "1", operations: "put,get,get" } },
  { bug: "R9.drop-on-recover", world: { offices: "1,2", operations: "put*" } },
  { bug: "R9.forget-failed-cas", world: { offices: "1", operations: "put,swap*" } },
  { bug: "R13.no-reservation", world: { offices: "1,2", operations: "put,put" } },
  { bug: "R13.one-replica", world: { offices: "1,2", operations: "put,put" } },
  { bug: "R14.merely-accepted", world: { offices: "1", operations: "put,get,get", present: true } },
  { bug: "R14.over-unacknowledged", world: { offices: "1", operations: "put,get,get", present: true } },
];

/** Bugs that no small world here can show, and why. */
export const OUT_OF_SCOPE: readonly (readonly [PlantedBug, string])[] = [
  ["R3.settled-though-absent", "needs purging: what is settled is absent nowhere without it"],
  ["R9.forget-without-floor", "needs more than 16 requests with ids"],
  ["R9.ignore-client-revision", "needs records to be forgotten: more than 16 requests with ids"],
  [
    "R14.across-ballots",
    "needs a second key: what is settled of the only one in a newer ballot is seen by every majority",
  ],
];
