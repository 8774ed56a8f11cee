/** The places heard are remembered between rounds and answers, and never out of date. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { voteOf } from "../../../../src/base/votes.js";
import { Detector } from "../../../../src/core/election/detector.js";
import { HeardGroup } from "../../../../src/core/election/heard-group.js";
import { Heartbeats } from "../../../../src/core/election/heartbeats.js";
import { ballot } from "../../../../src/core/model/ballot.js";
import { changeNumber, groupEpoch, nodeId, partition, revision } from "../../../../src/core/model/ids.js";

const P = partition(0);
const NODES = [nodeId(1), nodeId(2), nodeId(3)];
const [SELF = nodeId(1), ...PEERS] = NODES;

const step = fc.oneof(
  fc.record({ kind: fc.constant("round" as const), stalled: fc.boolean() }),
  fc.record({ kind: fc.constant("answer" as const), peer: fc.nat(1), ready: fc.boolean(), epoch: fc.nat(2) }),
  fc.record({ kind: fc.constant("ready" as const), ready: fc.boolean() }),
  fc.record({ kind: fc.constant("peers" as const), kept: fc.subarray([0, 1]) }),
);

test("whatever came in between", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const detector = new Detector({ self: SELF, peers: PEERS });
      const heartbeats = new Heartbeats({ self: SELF, detector, peers: PEERS });
      const epoch = groupEpoch(1);
      const common = { self: SELF, partition: P, groupEpoch: epoch, replicas: NODES };
      const group = new HeardGroup({ ...common, ready: true, detector, heartbeats });
      let version = 0;
      for (const one of steps) {
        if (one.kind === "round") {
          detector.roundEnded(one.stalled);
          heartbeats.nextRound();
        } else if (one.kind === "ready") group.ready = one.ready;
        else if (one.kind === "peers") heartbeats.setPeers(PEERS.filter((_, index) => one.kept.includes(index)));
        else {
          const report = {
            partition: P,
            groupEpoch: groupEpoch(one.epoch),
            ready: one.ready,
            promise: ballot(epoch, 1, SELF),
            live: false,
            settled: null,
            settledRevision: revision(0),
            lastChange: changeNumber(0),
            lagging: false,
          };
          version++;
          const from = PEERS[one.peer] ?? SELF;
          const about = { round: detector.round, heard: [], version, since: 0, full: false };
          heartbeats.onAnswer(from, { kind: "heartbeat-answer", ...about, reports: [report], offices: [] });
        }
        let expected = 0;
        for (let place = 0; place < NODES.length; place++) if (group.heard(place)) expected |= voteOf(place);
        expect(group.places).toBe(expected);
      }
    }),
  );
});
