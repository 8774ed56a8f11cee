import { afterEach, describe, expect, test } from "vitest";
import { Prng } from "../../../../src/base/prng.js";
import { Detector } from "../../../../src/core/election/detector.js";
import { Heartbeats } from "../../../../src/core/election/heartbeats.js";
import { type Ballot, ballot, initialBallot, timestamp } from "../../../../src/core/model/ballot.js";
import type { HeartbeatAnswer, PartitionReport } from "../../../../src/core/model/heartbeat.js";
import {
  changeNumber,
  groupEpoch,
  type NodeId,
  nodeId,
  type Partition,
  partition,
  revision,
} from "../../../../src/core/model/ids.js";
import { plant } from "../../../planted/planted.js";

afterEach(() => plant());

const n1 = nodeId(1);
const n2 = nodeId(2);
const n3 = nodeId(3);
const p0 = partition(0);
const p1 = partition(1);
const epoch = groupEpoch(1);
const b1 = ballot(epoch, 1, n1);
const b2 = ballot(epoch, 2, n2);

class Side {
  readonly detector: Detector;
  readonly heartbeats: Heartbeats;

  constructor(
    readonly id: NodeId,
    readonly all: readonly NodeId[] = [n1, n2, n3],
  ) {
    const peers = all.filter((node) => node !== id);
    this.detector = new Detector({ self: id, peers });
    this.heartbeats = new Heartbeats({ self: id, detector: this.detector, peers });
  }

  report(of: Partition, promise: Ballot, more: Partial<PartitionReport> = {}): void {
    this.heartbeats.setReport({
      partition: of,
      groupEpoch: epoch,
      ready: true,
      promise,
      live: false,
      settled: null,
      settledRevision: revision(0),
      lastChange: changeNumber(0),
      lagging: false,
      ...more,
    });
  }

  /** Ends a round and asks one peer; the answer, not yet delivered. */
  ask(peer: Side): HeartbeatAnswer {
    this.detector.roundEnded(false);
    const request = this.heartbeats.nextRound().find(({ to }) => to === peer.id);
    if (request === undefined) throw new Error("no request to that peer");
    return peer.heartbeats.onHeartbeat(this.id, request.message);
  }

  exchange(peer: Side): HeartbeatAnswer {
    const answer = this.ask(peer);
    this.heartbeats.onAnswer(peer.id, answer);
    return answer;
  }

  knows(peer: Side, of: Partition): Ballot | undefined {
    return this.heartbeats.report(peer.id, of)?.promise;
  }
}

/** Two nodes that share p0; the second has reported on it. */
function pair(): [Side, Side] {
  const one = new Side(n1);
  const two = new Side(n2);
  one.heartbeats.setGroup(p0, [n1, n2]);
  two.heartbeats.setGroup(p0, [n1, n2]);
  two.report(p0, b1);
  return [one, two];
}

describe("reports", () => {
  test("each round asks every peer, in ascending order, under the open round", () => {
    const side = new Side(n2);
    side.detector.roundEnded(false);
    expect(side.heartbeats.nextRound()).toEqual([
      { to: n1, message: { kind: "heartbeat", round: 2, reportsSeen: 0, logPosition: 0 } },
      { to: n3, message: { kind: "heartbeat", round: 2, reportsSeen: 0, logPosition: 0 } },
    ]);
  });

  test("a report travels once, until it changes", () => {
    const [one, two] = pair();
    expect(one.exchange(two).reports).toHaveLength(1);
    expect(one.knows(two, p0)).toEqual(b1);
    expect(one.exchange(two).reports).toHaveLength(0);
    two.report(p0, b1);
    expect(one.exchange(two).reports).toHaveLength(0);
    two.report(p0, b2);
    expect(one.exchange(two).reports).toHaveLength(1);
    expect(one.knows(two, p0)).toEqual(b2);
  });

  test("a lost answer is made good by the next one", () => {
    const [one, two] = pair();
    one.ask(two);
    two.report(p0, b2);
    one.ask(two);
    one.exchange(two);
    expect(one.knows(two, p0)).toEqual(b2);
  });

  test("an older answer never overwrites a newer report (H1)", () => {
    const [one, two] = pair();
    const older = one.ask(two);
    two.report(p0, b2);
    one.exchange(two);
    expect(one.heartbeats.onAnswer(n2, older)).toEqual([]);
    expect(one.heartbeats.onAnswer(n2, older)).toEqual([]);
    expect(one.knows(two, p0)).toEqual(b2);
  });

  test("one wrong word of a peer on the version of its reports lasts for a round, not for good", () => {
    const wrong = (one: Side): HeartbeatAnswer => ({
      kind: "heartbeat-answer",
      round: one.detector.round,
      heard: [],
      version: Number.MAX_SAFE_INTEGER,
      since: 0,
      full: false,
      reports: [],
      offices: [],
    });
    const learned = (): Ballot | undefined => {
      const [one, two] = pair();
      one.exchange(two);
      const late = one.ask(two);
      one.heartbeats.onAnswer(n2, wrong(one));
      // Begun before the wrong word was told back: it proves nothing.
      expect(one.heartbeats.onAnswer(n2, late)).toEqual([]);
      one.exchange(two);
      return one.knows(two, p0);
    };
    expect(learned()).toEqual(b1);
    plant("H5.first-word-lasts");
    expect(learned()).toBeUndefined();
  });

  test("what a peer left out of an answer is asked for again within 64 rounds (H6)", () => {
    const learned = (): Ballot | undefined => {
      const [one, two] = pair();
      const early = one.ask(two);
      two.report(p0, b2);
      one.heartbeats.onAnswer(n2, { ...one.ask(two), reports: [] });
      for (let rounds = 0; rounds < 64; rounds++) {
        const answer = one.ask(two);
        // This answer was asked for before everything was: it may be older than the things known (H1).
        expect(one.heartbeats.onAnswer(n2, early)).toEqual([]);
        one.heartbeats.onAnswer(n2, answer);
      }
      return one.knows(two, p0);
    };
    expect(learned()).toEqual(b2);
    plant("H6.never-whole");
    expect(learned()).toBeUndefined();
  });

  test("whoever takes in an answer learns of which partitions reports came", () => {
    const [one, two] = pair();
    expect(one.heartbeats.onAnswer(n2, one.ask(two))).toEqual([p0]);
    expect(one.heartbeats.onAnswer(n2, one.ask(two))).toEqual([]);
  });

  test("only partitions shared with the asker are reported", () => {
    const [one, two] = pair();
    two.heartbeats.setGroup(p1, [n2, n3]);
    two.report(p1, b2);
    expect(one.exchange(two).reports.map((report) => report.partition)).toEqual([p0]);
  });

  test("a partition that becomes shared is reported although its report is old (H4)", () => {
    const [one, two] = pair();
    two.heartbeats.setGroup(p1, [n2, n3]);
    two.report(p1, b2);
    one.exchange(two);
    two.heartbeats.setGroup(p1, [n1, n2, n3]);
    one.exchange(two);
    expect(one.knows(two, p1)).toEqual(b2);
    two.heartbeats.removeGroup(p1);
    two.heartbeats.setGroup(p1, [n2, n3]);
    two.report(p1, b1);
    expect(one.exchange(two).reports).toEqual([]);
  });

  test("settled numbers alone are told from the next round on, as one change", () => {
    const [one, two] = pair();
    one.exchange(two);
    const before = one.ask(two).version;
    for (let seq = 1; seq <= 50; seq++)
      two.report(p0, b1, { settled: timestamp(b1, seq), settledRevision: revision(seq) });
    expect(one.exchange(two).version).toBe(before);
    two.heartbeats.nextRound();
    expect(one.exchange(two).version).toBe(before + 1);
    expect(one.heartbeats.report(n2, p0)?.settled).toEqual(timestamp(b1, 50));
  });

  test("settled numbers travel at once with another change", () => {
    const [one, two] = pair();
    two.report(p0, b1, { settledRevision: revision(3) });
    two.report(p0, b2, { settledRevision: revision(4) });
    one.exchange(two);
    expect(one.heartbeats.report(n2, p0)).toMatchObject({ promise: b2, settledRevision: 4 });
    two.heartbeats.nextRound();
    one.exchange(two);
    expect(one.heartbeats.report(n2, p0)?.settledRevision).toBe(4);
  });

  test("whom a node hears is known to the others", () => {
    const [one, two] = pair();
    expect(one.heartbeats.hears(n2, n1)).toBe(false);
    two.exchange(one);
    two.detector.roundEnded(false);
    two.heartbeats.nextRound();
    one.exchange(two);
    expect(one.heartbeats.hears(n2, n1)).toBe(true);
    expect(one.heartbeats.hears(n2, n2)).toBe(true);
    expect(one.heartbeats.hears(n2, n3)).toBe(false);
    expect(one.heartbeats.hears(n1, n2)).toBe(one.detector.hears(n2));
  });
});

describe("incarnations", () => {
  test("after a reset everything is asked for again, and old answers count no more (H3)", () => {
    const [one, two] = pair();
    for (let round = 2; round < 9; round++) two.report(p0, ballot(epoch, round, n2));
    const stale = one.ask(two);
    one.exchange(two);
    const again = new Side(n2);
    again.heartbeats.setGroup(p0, [n1, n2]);
    again.report(p0, b1);
    one.heartbeats.reset(n2);
    one.heartbeats.onAnswer(n2, stale);
    expect(one.exchange(again).since).toBe(0);
    expect(one.knows(again, p0)).toEqual(b1);
  });

  test("a node answers everything to a peer that has seen more than there is", () => {
    const [, two] = pair();
    const answer = two.heartbeats.onHeartbeat(n1, { kind: "heartbeat", round: 1, reportsSeen: 1000, logPosition: 0 });
    expect(answer.since).toBe(0);
    expect(answer.reports).toHaveLength(1);
  });

  test("a peer that forgot everything is told everything", () => {
    const [one, two] = pair();
    one.exchange(two);
    const again = new Side(n1);
    again.exchange(two);
    expect(again.knows(two, p0)).toEqual(b1);
  });

  test("an answer that starts above what is known is not applied: something would be missing", () => {
    const [one, two] = pair();
    two.heartbeats.setGroup(p1, [n1, n2]);
    two.report(p1, b1);
    one.exchange(two);
    const answer = one.ask(two);
    two.report(p0, b2);
    const later = one.ask(two);
    expect(later.since).toBe(answer.version);
    one.heartbeats.setPeers([n3]);
    one.heartbeats.setPeers([n2, n3]);
    one.heartbeats.onAnswer(n2, later);
    expect(one.knows(two, p0)).toBeUndefined();
    one.exchange(two);
    expect(one.knows(two, p0)).toEqual(b2);
    expect(one.knows(two, p1)).toEqual(b1);
  });

  test("a removed peer is forgotten, and learnt anew when it returns", () => {
    const [one, two] = pair();
    one.exchange(two);
    one.heartbeats.setPeers([n3]);
    expect(one.knows(two, p0)).toBeUndefined();
    one.heartbeats.setPeers([n2, n3]);
    one.exchange(two);
    expect(one.knows(two, p0)).toEqual(b1);
  });
});

describe("offices", () => {
  test("a node outside the group learns who is the working writer, and that it ended", () => {
    const outside = new Side(n3);
    const [, two] = pair();
    two.heartbeats.setOffice(p0, b2);
    outside.exchange(two);
    outside.exchange(two);
    expect(outside.heartbeats.workingWriter(p0)).toBe(n2);
    expect(outside.exchange(two).offices).toHaveLength(0);
    two.heartbeats.setOffice(p0, null);
    outside.exchange(two);
    expect(outside.heartbeats.workingWriter(p0)).toBeNull();
  });

  test("of two that claim the office the higher ballot counts, as long as its owner is heard", () => {
    const outside = new Side(n3);
    const one = new Side(n1);
    const two = new Side(n2);
    one.heartbeats.setOffice(p0, b1);
    two.heartbeats.setOffice(p0, b2);
    for (let round = 0; round < 2; round++) {
      outside.heartbeats.onAnswer(n1, outside.ask(one));
      outside.heartbeats.onAnswer(n2, outside.ask(two));
    }
    outside.exchange(one);
    expect(outside.heartbeats.workingWriter(p0)).toBe(n2);
    for (let round = 0; round < 3; round++) outside.exchange(one);
    expect(outside.heartbeats.workingWriter(p0)).toBe(n1);
  });

  test("a node knows its own office", () => {
    const one = new Side(n1);
    one.heartbeats.setOffice(p0, b1);
    expect(one.heartbeats.workingWriter(p0)).toBe(n1);
    one.heartbeats.removeGroup(p0);
    expect(one.heartbeats.workingWriter(p0)).toBeNull();
  });
});

describe("news (H7)", () => {
  const hurried = (): { outside: Side; two: Side } => {
    const outside = new Side(n3);
    const two = new Side(n2);
    outside.exchange(two);
    outside.exchange(two);
    two.heartbeats.setOffice(p0, b2);
    return { outside, two };
  };

  test("an office is told before the next round to all that have asked, once, and the round has nothing left", () => {
    const { outside, two } = hurried();
    expect(two.heartbeats.hasNews).toBe(false);
    two.heartbeats.hurry();
    expect(two.heartbeats.hasNews).toBe(true);
    const [news, ...more] = two.heartbeats.news();
    expect(more).toEqual([]);
    expect(news?.to).toBe(n3);
    expect(outside.heartbeats.isNews(n2, news?.message as HeartbeatAnswer)).toBe(true);
    outside.heartbeats.onAnswer(n2, news?.message as HeartbeatAnswer);
    expect(outside.heartbeats.workingWriter(p0)).toBe(n2);
    expect(two.heartbeats.news()).toEqual([]);
    two.heartbeats.hurry();
    expect(two.heartbeats.news()).toEqual([]);
    expect(outside.ask(two).offices).toEqual([]);
  });

  test("lost, it comes with the next round; what follows a lost one is not taken (H1)", () => {
    const { outside, two } = hurried();
    two.heartbeats.hurry();
    two.heartbeats.news();
    two.heartbeats.setOffice(p1, b2);
    two.heartbeats.hurry();
    const [second] = two.heartbeats.news();
    outside.heartbeats.onAnswer(n2, second?.message as HeartbeatAnswer);
    expect(outside.heartbeats.workingWriter(p1)).toBeNull();
    outside.exchange(two);
    expect([outside.heartbeats.workingWriter(p0), outside.heartbeats.workingWriter(p1)]).toEqual([n2, n2]);
  });

  test("an incarnation that has asked nothing yet is told nothing (H3), and a doubled answer is no news", () => {
    const { outside, two } = hurried();
    const answer = outside.exchange(two);
    expect(outside.heartbeats.isNews(n2, answer)).toBe(false);
    two.heartbeats.reset(n3);
    two.heartbeats.setOffice(p1, b2);
    two.heartbeats.hurry();
    expect(two.heartbeats.news()).toEqual([]);
  });

  test("planted H7.told-next-round shows", () => {
    const { two } = hurried();
    plant("H7.told-next-round");
    two.heartbeats.hurry();
    expect(two.heartbeats.news()).toEqual([]);
  });
});

describe("under a bad network", () => {
  test("whatever is lost, doubled or reordered, knowledge only moves forward and catches up in the end (H2)", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const chance = new Prng(seed);
      const one = new Side(n1);
      const two = new Side(n2);
      const partitions = Array.from({ length: 8 }, (_, index) => partition(index));
      const said = new Map<Partition, number>();
      const known = new Map<Partition, number>();
      for (const p of partitions) {
        two.heartbeats.setGroup(p, [n1, n2]);
        two.report(p, initialBallot(epoch));
      }
      const underWay: HeartbeatAnswer[] = [];
      for (let step = 0; step < 300; step++) {
        if (chance.chance(0.6)) {
          const p = chance.pick(partitions);
          said.set(p, (said.get(p) ?? 0) + 1);
          two.report(p, ballot(epoch, said.get(p) ?? 0, n2));
        }
        underWay.push(one.ask(two));
        if (chance.chance(0.3)) continue;
        const next = chance.pick(underWay);
        if (chance.chance(0.7)) underWay.splice(underWay.indexOf(next), 1);
        one.heartbeats.onAnswer(n2, next);
        for (const p of partitions) {
          const round = one.knows(two, p)?.round ?? 0;
          if (round < (known.get(p) ?? 0)) expect({ seed, step, partition: p }).toEqual("never backwards");
          known.set(p, round);
        }
      }
      one.exchange(two);
      for (const p of partitions) expect(one.knows(two, p)?.round).toBe(said.get(p) ?? 0);
    }
  });

  test("a quiet round of 256 partitions travels as empty answers", () => {
    const one = new Side(n1);
    const two = new Side(n2);
    for (let index = 0; index < 256; index++) {
      two.heartbeats.setGroup(partition(index), [n1, n2]);
      two.report(partition(index), b1);
    }
    expect(one.exchange(two).reports).toHaveLength(256);
    expect(one.exchange(two)).toMatchObject({ reports: [], offices: [] });
  });
});
