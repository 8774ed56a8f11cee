/**
 * Every planted bug shows in some script: clients are told something else than by the code as it is. These are the
 * directed schedules; the simulation finds the bugs by chance (test/sim).
 */
import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { type PlantedBug, plant } from "../planted/planted.js";
import { play, verdictsOf } from "./language.js";

const SHOWN: readonly (readonly [PlantedBug, string])[] = [
  ["R1.write", "deposed-writer-cannot-write"],
  ["R1.impose", "deposed-writer-cannot-impose"],
  ["R1.catch-up", "S02-catch-up-launders"],
  ["R2", "S03-deposed-writer-put"],
  ["R3.no-impose", "S04-revealed-nowhere"],
  ["R3.settled-though-absent", "S03-purge-and-skipped-impose"],
  ["R4.one-replica", "read-handed-over"],
  ["R4.earlier-office", "office-held-twice"],
  ["R5.from-memory", "S04-revealed-nowhere"],
  ["R5.round-before", "failed-cas-deposed"],
  ["R6", "S02-unclear-accept"],
  ["R7.count-messages", "S05-tripled"],
  ["R7.reuse-attempt", "S06-late-answers"],
  ["R9.drop-on-recover", "retry-answered-from-record"],
  ["R9.forget-failed-cas", "failed-cas-retried"],
  ["R9.forget-without-floor", "S16-doubled-after-forgotten"],
  ["R9.ignore-client-revision", "S17-after-tells"],
  ["R9.purge-without-floor", "S08-purge-forgets-record"],
  ["R9.tells-less", "restart-tells-no-revision"],
  ["R9.base-untold", "restart-tells-no-revision"],
  ["R9.raise-without-floor", "raised-for-a-backup"],
  ["R9.raise-lets-in", "raised-lets-nothing-in"],
  ["R9.line-takes-copies", "R09-copies-in-line"],
  ["R11.bad-is-absent", "S10-bad-healed-by-late-write"],
  ["R11.late-write", "S10-bad-healed-by-late-write"],
  ["R12.at-a-majority", "S09-purged-while-away"],
  ["R12.without-promise", "S09-purged-while-away"],
  ["R12.any-timestamp", "purge-exactly"],
  ["R12.old-transfer", "S05-purge-and-late-transfer"],
  ["R13.no-reservation", "reservation"],
  ["R13.one-replica", "reservation-at-one"],
  ["R14.merely-accepted", "S04-revealed-nowhere"],
  ["R14.across-ballots", "S11-settled-in-one-ballot"],
  ["R14.over-unacknowledged", "S04-revealed-nowhere"],
  ["R14.over-deserted", "deserted-writes-give-way"],
  ["V2.confirms", "H06-sealed-confirms-nothing"],
  ["V2.serves-on", "V2-sealed-takes-nothing"],
  ["V4.answers-early", "V4-newcomer-answers-nothing"],
  ["V4.told-to-group", "H02-ready-to-all-voters"],
  ["V1.operation-again", "H03-operation-asked-again"],
  ["V6.emptied-early", "H04-source-stays-a-member"],
  ["V7.wish-dropped", "H04-source-stays-a-member"],
  ["V5.gives-up-unheard", "H16-two-suspects"],
  ["V8.accepted", "V8-accepted-is-not-void"],
  ["V8.answers", "V8-who-vouched-is-silent"],
  ["V8.too-few", "V8-accepted-is-not-void"],
  ["V5.preference-epoch", "H17-preferred-without-an-epoch"],
  ["V7.replaces-heard", "H19-lost-disk"],
  ["stayer.intersects", "V5-five-to-three"],
  ["stayer.returns", "S06-returns-with-old-data"],
  ["V3.floor-forgotten", "S08-purged-record-across-moves"],
  ["V3.unsealed", "S10-unsealed-source"],
  ["V3.one-replica", "S13-quorum-loss-during-a-move"],
  ["V6.majority-ready", "S11-writer-dies-at-each-step"],
  ["V6.drops-on-seal", "S13-one-down-while-a-newcomer-merges"],
  ["V3.bad-is-absent", "H12-inherited-bad-key"],
  ["V3.merged-votes", "M1-merged-has-no-vote"],
  ["V3.records-dropped", "S07-record-across-moves"],
  ["V3.marks-dropped", "H10-cold-key-after-moves"],
  ["V3.keeps-leftovers", "H08-leftovers-of-a-merge"],
  ["H20.asks-without-room", "H20-no-room-in-the-log"],
  ["H21.one-by-one", "H21-many-partitions-a-view"],
  ["H11.not-ready", "H11-backup-during-a-move"],
  ["H11.across-a-seal", "H11-backup-during-a-move"],
  ["H14.reports-of-before", "H14-move-without-a-gap"],
  ["H14.stayers-wait", "H14-the-writer-leaves"],
  ["H7.told-next-round", "H14-the-writer-leaves"],
  ["H18.not-writer", "H18-write-in-flight-at-a-seal"],
  ["H18.unlooked", "H18-told-once-on-a-majority"],
  ["B3.purge-goes-on", "leaving-while-a-purge-waits"],
  ["I5.unsent-is-sent", "unsent-is-held"],
];

afterEach(() => plant());

test.each(SHOWN)("%s shows in %s", (bug, name) => {
  const script = readFileSync(new URL(`traces/${name}.txt`, import.meta.url), "utf8");
  plant(bug);
  expect(verdictsWith(script)).not.toEqual(verdictsOf(script));
});

/** A broken build may break an assertion of the core instead. */
function verdictsWith(script: string): string[] {
  try {
    return verdictsOf(play(script));
  } catch (error) {
    return [String(error)];
  }
}
