/**
 * Fuzzes the calls of founding, over real sockets in one process. Two honest founders wait for a third, in whose place
 * somebody has gone mad: it answers with mutations, and makes calls of its own. With a secret it knows that, and
 * strangers call besides. Then the third begins.
 *
 * 1. No call ends a founder or holds it, each is answered, and little of it is logged.
 * 2. Votes that became durable are of a view that these founders could found.
 * 3. A founder takes a view that it accepted, or one that follows it, and no other.
 * 4. Once the third begins all found a cluster: what was said before does not keep them from it. The exception: a
 *    founder that went through all steps with one of them and lied only then. It is a member, and members that lie are
 *    outside of what is tolerated.
 * 5. A member takes wishes only that could be meant, and a newcomer only views that could be.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { FoundRequest, FoundResponse } from "../../../gen/ts/onar/replication/v1/replication.js";
import { Prng } from "../../../src/base/prng.js";
import { encodedView } from "../../../src/codec/peer/encoded-view.js";
import { nodeId, viewEpoch } from "../../../src/core/model/ids.js";
import { wrongIn, wrongInFirst, wrongInMember } from "../../../src/core/view/check.js";
import type { JoinWish } from "../../../src/core/view/message.js";
import type { Member } from "../../../src/core/view/view.js";
import type { GrpcClient } from "../../../src/grpc/client/client.js";
import { Metadata } from "../../../src/grpc/metadata/metadata.js";
import { askFounder, founderClient } from "../../../src/rpc/founding/founding-calls.js";
import { MemberDoor } from "../../../src/rpc/founding/member-door.js";
import { NewestViews } from "../../../src/rpc/founding/newest-view.js";
import { type ClusterSecret, NO_SECRET } from "../../../src/rpc/peers/cluster-secret.js";
import { asBytes, FOUND_PATH } from "../../../src/rpc/peers/peer-service.js";
import { FoundingNode } from "../../unit/rpc/founding-node.js";
import { mutate } from "../peer/mutate.js";
import { type Corpus, corpusOf, firstViewOf } from "./corpus.js";

const MAD = 12;
const CALLS = 80;
const ASKED = 20;
const WISHES = 60;
/** CPU time of one call, at both of its ends. */
const HELD_MICROSECONDS = 1_000_000;
const CALL_MS = 10_000;
const FOUNDS_MS = 25_000;
const NOTICES = 60;
const SECRET: ClusterSecret = { ...NO_SECRET, all: [Buffer.from("s".repeat(32))] };

export interface FoundingTally {
  calls: number;
  /** Calls that got an answer, not an error. */
  answered: number;
  votes: number;
  founded: number;
  wishes: number;
  believed: number;
}

export const newFoundingTally = (): FoundingTally => ({
  calls: 0,
  answered: 0,
  votes: 0,
  founded: 0,
  wishes: 0,
  believed: 0,
});

/** One run. Throws what it found. */
export async function fuzzFounding(seed: number, tally: FoundingTally): Promise<void> {
  const chance = new Prng(seed).fork("founding");
  const secret = seed % 2 === 0 ? SECRET : NO_SECRET;
  const honest = [new FoundingNode(10, secret), new FoundingNode(11, secret)];
  const mad = new FoundingNode(MAD, secret);
  let third: FoundingNode | null = null;
  const clients = new Map<FoundingNode, GrpcClient>();
  let last: Buffer = Buffer.alloc(0);
  try {
    for (const node of [...honest, mad]) await node.listen();
    const members = [...honest, mad].map(({ member }) => member);
    const peers = members.map(({ peerAddress }) => peerAddress).sort();
    const corpus = corpusOf(mad.member, members, peers);
    const all = [...corpus.requests, ...corpus.responses];
    const heard: Buffer[] = [];
    mad.port.founding = {
      answer: async (request) => {
        heard.push(Buffer.from(FoundRequest.encode(request).finish()));
        last = mutate(chance.pick(corpus.responses), chance.chance(0.3) ? heard : all, chance);
        return FoundResponse.decode(last);
      },
    };
    for (const node of honest) {
      node.found(peers);
      clients.set(node, founderClient(node.address));
    }
    for (let i = 0; i < CALLS; i++) {
      const node = chance.pick(honest);
      last = mutate(chance.pick(corpus.requests), chance.chance(0.3) ? heard.slice(-5) : all, chance);
      const before = process.cpuUsage();
      tally.calls++;
      if (await called(clients.get(node) as GrpcClient, node, secret, last, chance)) tally.answered++;
      const { user, system } = process.cpuUsage(before);
      must(user + system < HELD_MICROSECONDS, `a call took ${user + system} µs`);
    }
    await newcomerAsks(mad.address, secret, chance, tally);
    await wishes(mad.member, corpus, members, chance, tally);
    mad.close();
    for (const node of honest) judge(node, peers, tally);
    if (honest.some(({ failed }) => failed !== "")) return;
    third = new FoundingNode(13, secret);
    await third.listen(Number(mad.address.split(":")[1]));
    third.found(peers);
    await allFound([...honest, third]);
    tally.founded++;
  } catch (error) {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Error(`SEED=${seed} of founding: ${why}\nlast: ${last.toString("hex").slice(0, 20_000)}`);
  } finally {
    for (const node of [...honest, mad]) node.close();
    third?.close();
    for (const client of clients.values()) void client.close();
  }
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/**
 * Whether an answer came that could be read. A side that has the secret proves the call; the bytes of strangers are
 * any.
 */
async function called(
  client: GrpcClient,
  node: FoundingNode,
  secret: ClusterSecret,
  bytes: Buffer,
  chance: Prng,
): Promise<boolean> {
  if (secret.all.length > 0 && chance.chance(0.8)) {
    let request: FoundRequest;
    try {
      request = FoundRequest.decode(bytes);
    } catch {
      return false;
    }
    return "response" in (await inTime(askFounder(client, node.address, secret, request)));
  }
  const metadata = new Metadata();
  for (const name of ["challenge", "nonce", "proof"]) {
    if (chance.chance(0.4)) metadata.set(`onar-${name}-bin`, randomBytes(chance.pick([0, 1, 32, 54, 300])));
  }
  const method = { path: FOUND_PATH, kind: "unary", encode: asBytes, decode: asBytes } as const;
  const answer = client.unary(method, bytes, { metadata }).then(
    () => true,
    () => false,
  );
  const answered = await inTime(answer);
  must(secret.all.length === 0 || !answered, "a stranger was answered");
  return answered;
}

async function inTime<T>(call: Promise<T>): Promise<T> {
  const late = new AbortController();
  try {
    return await Promise.race([
      call,
      sleep(CALL_MS, null, { signal: late.signal }).then(() => {
        throw new Error("a call was not answered");
      }),
    ]);
  } finally {
    late.abort();
  }
}

/** A newcomer asks a member that has gone mad for its newest view. */
async function newcomerAsks(address: string, secret: ClusterSecret, chance: Prng, tally: FoundingTally): Promise<void> {
  const self: Member = { id: nodeId(21), clientAddress: "n21:1", peerAddress: "n21:2", zone: "" };
  const views = new NewestViews(self, secret);
  try {
    for (let i = 0; i < ASKED; i++) {
      const wish: JoinWish | null = chance.chance(0.5)
        ? { kind: "join-wish", member: self, operation: "ab".repeat(16), epoch: viewEpoch(1), digest: "cd".repeat(32) }
        : null;
      const answer = await inTime(views.ask(address, wish));
      if (!("newest" in answer)) continue;
      tally.believed++;
      must(wrongIn(answer.newest.view) === null, "a newcomer believes a view that cannot be");
    }
  } finally {
    views.close();
  }
}

/** A node that has a view is told mutated wishes. */
async function wishes(
  from: Member,
  corpus: Corpus,
  members: readonly Member[],
  chance: Prng,
  tally: FoundingTally,
): Promise<void> {
  const newest = encodedView(firstViewOf(members));
  const self = members[0] as Member;
  const wished = (wish: JoinWish): void => {
    tally.wishes++;
    must(wrongInMember(wish.member) === null, "a wish of a member that cannot be");
    must(wish.digest === newest.digest && wish.operation.length === 32, "a wish that names no view or no operation");
  };
  const door = new MemberDoor({ self, newest: () => newest, wished, livesElsewhere: () => Promise.resolve(false) });
  const wish = corpus.requests.filter((bytes) => FoundRequest.decode(bytes).step?.$case === "wish");
  for (let i = 0; i < WISHES; i++) {
    const bytes = mutate(chance.pick(chance.chance(0.7) ? wish : corpus.requests), corpus.requests, chance);
    try {
      const { founder } = await door.answer(FoundRequest.decode(bytes));
      must(founder?.nodeId === self.id, `node ${from.id} is answered by another`);
    } catch (error) {
      must(error instanceof Error && !(error instanceof TypeError), `an answer fails by ${String(error)}`);
    }
  }
}

function judge(node: FoundingNode, peers: readonly string[], tally: FoundingTally): void {
  const { votes, view, failed, notices } = node;
  must(notices.length < NOTICES, `${notices.length} notices: ${notices.join("; ").slice(0, 2_000)}`);
  const accepted = votes?.accepted ?? null;
  if (votes !== null) {
    tally.votes++;
    must(votes.promised.node !== 0, "a promise to nobody is durable");
  }
  if (accepted !== null) must(wrongInFirst(accepted.view.view, peers) === null, "a view that cannot be is accepted");
  if (failed !== "") {
    // Founders may have accepted the view of an earlier node at one's own address.
    const another = accepted?.view.view.members.every(({ id }) => id !== node.member.id) === true;
    must(another, `a founder gave up: ${failed}`);
  }
  if (view !== null) {
    must(view.clusterId === accepted?.view.view.clusterId, "a view counts that this founder did not accept");
    must(wrongIn(view) === null, "a view counts that cannot be");
  }
}

async function allFound(nodes: readonly FoundingNode[]): Promise<void> {
  for (const give = performance.now() + FOUNDS_MS; nodes.some(({ view }) => view === null); await sleep(20)) {
    if (nodes.some(({ view }) => view?.members.some(({ id }) => id === MAD) === true)) return;
    const state = (): string =>
      nodes.map(({ id, view, failed, notices }) => `${id}: ${view !== null} ${failed} ${notices.at(-1)}`).join("\n");
    must(performance.now() < give, `no cluster is founded:\n${state()}`);
  }
  must(new Set(nodes.map(({ view }) => view?.clusterId)).size === 1, "more than one cluster");
}
