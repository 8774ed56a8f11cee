/** Proving that one knows the cluster secret: what passes, and every way past it that was thought of. */
import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import type { Authentication } from "../../../gen/ts/onar/replication/v1/replication.js";
import { nodeId } from "../../../src/core/model/ids.js";
import { Accepting, Dialing, type OwnIdentity, type Step } from "../../../src/rpc/peers/authentication.js";
import { NO_SECRET } from "../../../src/rpc/peers/cluster-secret.js";
import { plant } from "../../planted/planted.js";

afterEach(() => plant());

const secret = Buffer.from("a".repeat(32));
const other = Buffer.from("b".repeat(32));
const clusterId = randomBytes(16);
const at = (id: number): OwnIdentity => ({ nodeId: id, peerAddress: `n${id}:4700`, clusterId });
const member = (id: number): { id: ReturnType<typeof nodeId>; peerAddress: string } => ({
  id: nodeId(id),
  peerAddress: `n${id}:4700`,
});
const accepting = (id: number, ...all: Buffer[]): Accepting => new Accepting({ ...NO_SECRET, all }, at(id));

/** The words of a side after a step; fails when it says nothing. */
function said(step: Step): Authentication {
  const say = step.kind === "say" ? step.step : step.kind === "open" ? step.say : null;
  return say ?? expect.fail(`says nothing, but ${JSON.stringify(step)}`);
}

/** All frames of one run between node 1 that dials and node 2. */
function run(dialing: Dialing, side: Accepting): { frames: Authentication[]; dialed: Step; accepted: Step } {
  const hello = dialing.first();
  const challenge = said(side.receive(hello));
  const proof = said(dialing.receive(challenge));
  const accepted = side.receive(proof);
  if (accepted.kind !== "open") return { frames: [hello, challenge, proof], dialed: accepted, accepted };
  const welcome = said(accepted);
  return { frames: [hello, challenge, proof, welcome], dialed: dialing.receive(welcome), accepted };
}

describe("two nodes that know the same secret", () => {
  test("prove it to each other, and learn who the other one is", () => {
    const { dialed, accepted } = run(new Dialing(secret, at(1), member(2)), accepting(2, secret));
    expect(accepted).toMatchObject({ kind: "open", peer: { nodeId: 1, meantNodeId: 2, meantAddress: "n2:4700" } });
    expect(dialed).toMatchObject({ kind: "open", peer: { nodeId: 2 } });
  });

  test("do so while a secret is replaced, whichever of the two has the new one first", () => {
    expect(run(new Dialing(other, at(1), member(2)), accepting(2, secret, other)).dialed.kind).toBe("open");
    expect(run(new Dialing(secret, at(1), member(2)), accepting(2, other, secret)).dialed.kind).toBe("open");
    expect(run(new Dialing(secret, at(1), member(2)), accepting(2, other)).accepted.kind).toBe("refused");
  });
});

describe("a proof is of no use", () => {
  test("again: what was recorded of one stream opens no other one (replay)", () => {
    const { frames } = run(new Dialing(secret, at(1), member(2)), accepting(2, secret));
    const again = accepting(2, secret);
    again.receive(frames[0]);
    expect(again.receive(frames[2]).kind).toBe("refused");
    const dialing = new Dialing(secret, at(1), member(2));
    dialing.receive(frames[1]);
    expect(dialing.receive(frames[3]).kind).toBe("refused");
  });

  test("to who made it: a node that is dialed cannot answer with the dialer's own words (reflection)", () => {
    const dialing = new Dialing(secret, at(1), member(2));
    // The attacker knows no secret, and dials node 1 to have its challenge answered there.
    const victim = accepting(1, secret);
    const hello = dialing.first();
    const challenge = said(victim.receive(hello));
    const proof = said(dialing.receive(challenge));
    const opened = victim.receive(proof);
    // It proves to node 1 what node 1 has said, and that names another node: the streams' owner refuses it.
    expect(opened).toMatchObject({ kind: "open", peer: { meantNodeId: 2, meantAddress: "n2:4700" } });
    const asWelcome: Authentication = {
      step: {
        $case: "welcome",
        value: { ...at(2), proof: proof.step?.$case === "proof" ? proof.step.value.proof : Buffer.alloc(32) },
      },
    };
    expect(dialing.receive(asWelcome).kind).toBe("refused");
  });

  test("at another node: it names whom and where (relay)", () => {
    const { accepted } = run(new Dialing(secret, at(1), member(2)), accepting(3, secret));
    expect(accepted).toMatchObject({ kind: "open", peer: { meantNodeId: 2, meantAddress: "n2:4700" } });
    // A change to it on the way makes it void.
    const dialing = new Dialing(secret, at(1), member(2));
    const side = accepting(3, secret);
    const hello = dialing.first();
    if (hello.step?.$case !== "hello") return expect.fail();
    const changed = { ...hello.step.value, dialedNodeId: 3, dialedAddress: "n3:4700" };
    const challenge = said(side.receive({ step: { $case: "hello", value: changed } }));
    expect(side.receive(said(dialing.receive(challenge))).kind).toBe("refused");
  });

  test("for another name: who proves as node 1 is not node 4", () => {
    const dialing = new Dialing(secret, at(1), member(2));
    const side = accepting(2, secret);
    const hello = dialing.first();
    if (hello.step?.$case !== "hello") return expect.fail();
    side.receive({ step: { $case: "hello", value: { ...hello.step.value, nodeId: 4 } } });
    expect(side.receive({ step: { $case: "proof", value: { proof: randomBytes(32) } } }).kind).toBe("refused");
  });
});

describe("a node with a secret", () => {
  test("proves nothing to who has not proved: no step before that has a proof in it", () => {
    const step = () => accepting(2, secret).receive(new Dialing(other, at(1), member(2)).first());
    expect(step()).toMatchObject({ kind: "say", step: { step: { $case: "challenge" } } });
    plant("A1.proves-first");
    expect(step()).not.toMatchObject({ kind: "say", step: { step: { $case: "challenge" } } });
  });

  test("refuses who says anything else, in either role (A2, A3: downgrade)", () => {
    expect(accepting(2, secret).receive(undefined).kind).toBe("refused");
    expect(new Dialing(secret, at(1), member(2)).receive(undefined).kind).toBe("refused");
    const welcome: Authentication = { step: { $case: "welcome", value: { ...at(2), proof: randomBytes(32) } } };
    expect(new Dialing(secret, at(1), member(2)).receive(welcome).kind).toBe("refused");
    expect(accepting(2, secret).receive({ step: { $case: "proof", value: { proof: randomBytes(32) } } }).kind).toBe(
      "refused",
    );
  });

  test.each([0, 31, 33, 1_000])("refuses proofs and nonces of %i bytes", (length) => {
    const wrong = randomBytes(length);
    const side = accepting(2, secret);
    side.receive(new Dialing(secret, at(1), member(2)).first());
    expect(side.receive({ step: { $case: "proof", value: { proof: wrong } } }).kind).toBe("refused");
    const dialing = new Dialing(secret, at(1), member(2));
    expect(dialing.receive({ step: { $case: "challenge", value: { nonce: wrong } } }).kind).toBe("refused");
    const hello = dialing.first();
    if (hello.step?.$case !== "hello") return expect.fail();
    const long = { ...hello.step.value, nonce: wrong };
    expect(accepting(2, secret).receive({ step: { $case: "hello", value: long } }).kind).toBe("refused");
  });
});
