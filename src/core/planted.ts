/**
 * Planted bugs: each breaks one rule of the protocol, so that a test can show that the simulator notices. In every ordinary build the
 * function below is constant and the branches behind it are dead; only test builds put another module in this one's place (docs/testing.md).
 */
export type PlantedBug =
  | "R1.write"
  | "R1.impose"
  | "R1.catch-up"
  | "R2"
  | "R3.no-impose"
  | "R3.settled-though-absent"
  | "R4.one-replica"
  | "R4.earlier-office"
  | "R5.from-memory"
  | "R5.round-before"
  | "R6"
  | "R7.count-messages"
  | "R7.reuse-attempt"
  | "R8.before-sync"
  | "R8.torn-record"
  | "R9.drop-on-recover"
  | "R9.forget-failed-cas"
  | "R9.forget-without-floor"
  | "R9.ignore-client-revision"
  | "R9.purge-without-floor"
  | "R9.purge-forgets-floor"
  | "R9.raise-without-floor"
  | "R10.rolled-back"
  | "R10.emptied"
  | "R11.bad-is-absent"
  | "R11.late-write"
  | "R11.unchecked"
  | "R11.rotten-is-torn"
  | "R12.at-a-majority"
  | "R12.without-promise"
  | "R12.any-timestamp"
  | "R12.old-transfer"
  | "R13.no-reservation"
  | "R13.one-replica"
  | "R14.merely-accepted"
  | "R14.across-ballots"
  | "R14.over-unacknowledged";

export const planted = (_bug: PlantedBug): boolean => false;
