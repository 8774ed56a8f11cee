/**
 * Getting into a cluster that is there, over real sockets: what a newcomer asks, what it believes, and what a member
 * answers.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import { encodedView } from "../../../src/codec/peer/encoded-view.js";
import { nodeId, viewEpoch } from "../../../src/core/model/ids.js";
import type { EncodedView } from "../../../src/core/view/encoded-view.js";
import type { JoinWish } from "../../../src/core/view/message.js";
import type { Member, View } from "../../../src/core/view/view.js";
import { Founding } from "../../../src/rpc/founding/founding.js";
import { CallsToFounders } from "../../../src/rpc/founding/founding-calls.js";
import { Joining } from "../../../src/rpc/founding/joining.js";
import { MemberDoor } from "../../../src/rpc/founding/member-door.js";
import { NewestViews } from "../../../src/rpc/founding/newest-view.js";
import { PeerPort } from "../../../src/rpc/peer-port.js";
import { NO_SECRET } from "../../../src/rpc/peers/cluster-secret.js";
import { LimitCounts } from "../../../src/rpc/transport/limit-counts.js";
import { viewOf } from "../node/cluster.js";

vi.setConfig({ testTimeout: 30_000 });

const NEWCOMER: Member = { id: nodeId(99), clientAddress: "c99:1", peerAddress: "p99:2", zone: "" };
const OPERATION = "cd".repeat(16);
const base = (clusterId = "ab".repeat(16)): View => ({ ...viewOf(3, 3, 1), clusterId, operationId: "00".repeat(16) });
const following = ({ view, digest }: EncodedView, change: Partial<View> = {}): EncodedView =>
  encodedView({ ...view, ...change, epoch: viewEpoch(view.epoch + 1), previousDigest: digest });
const with99 = ({ view }: EncodedView): Partial<View> => ({ members: [...view.members, NEWCOMER] });

const ports: PeerPort[] = [];
const stop = new AbortController();
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

/** A member that answers with the view that it knows, and hears wishes. */
class Answering {
  readonly wishes: JoinWish[] = [];
  address = "";
  /** The member that it hears. */
  living = 0;

  constructor(public newest: EncodedView) {}

  async listen(self = this.newest.view.members[0] as Member): Promise<this> {
    const port = new PeerPort(NO_SECRET, () => {}, new LimitCounts());
    ports.push(port);
    this.address = `127.0.0.1:${await port.listen("127.0.0.1:0")}`;
    port.address = this.address;
    port.founding = new MemberDoor({
      self,
      newest: () => this.newest,
      livesElsewhere: async (id) => id === this.living,
      wished: (wish) => {
        this.wishes.push(wish);
        this.onWish(wish);
      },
    });
    return this;
  }

  onWish(_wish: JoinWish): void {}
}

interface Newcomer {
  readonly joining: Joining;
  readonly saved: EncodedView[];
  readonly notices: string[];
}

function newcomer(contacts: readonly string[], clusterId = ""): Newcomer {
  const saved: EncodedView[] = [];
  const notices: string[] = [];
  const joining = new Joining({
    self: NEWCOMER,
    isMember: false,
    contacts,
    secret: NO_SECRET,
    clusterId,
    operation: OPERATION,
    newest: () => saved.at(-1) ?? null,
    learn: (view) => {
      saved.push(view);
      return Promise.resolve();
    },
    notice: (text) => notices.push(text),
    signal: stop.signal,
  });
  return { joining, saved, notices };
}

const at = (view: View, addresses: readonly string[]): View => ({
  ...view,
  members: view.members.map((member, i) => ({ ...member, peerAddress: addresses[i] ?? member.peerAddress })),
});

test("a member that moved and is left out meanwhile asks no more to be known elsewhere", async () => {
  const member = await new Answering(encodedView(base())).listen();
  const first = encodedView({ ...at(base(), [member.address]), voters: [nodeId(10)] });
  const known = following(first, with99(first));
  const elsewhere = { ...NEWCOMER, peerAddress: "p99:3" };
  member.newest = known;
  // Its wish is heard, and a view leaves it out all the same.
  member.onWish = () => {
    member.newest = following(known, { members: first.view.members });
  };
  const saved = [known];
  const joining = new Joining({
    self: elsewhere,
    isMember: true,
    contacts: [],
    secret: NO_SECRET,
    clusterId: "",
    operation: OPERATION,
    newest: () => saved.at(-1) ?? null,
    learn: (view) => {
      saved.push(view);
      return Promise.resolve();
    },
    notice: () => {},
    signal: stop.signal,
  });
  await expect(joining.run()).rejects.toThrow("left out");
  expect(saved.length).toBe(2);
  const heard = member.wishes.length;
  expect(heard).toBeGreaterThan(0);
});

describe("a newcomer", () => {
  test("saves a view before it wishes with it, and wishes anew with each newer one (J1)", async () => {
    const member = await new Answering(encodedView(base())).listen();
    // It is the only voter, so that it alone is asked.
    const first = encodedView({ ...at(base(), [member.address]), voters: [nodeId(10)] });
    const second = following(first);
    member.newest = first;
    const { joining, saved } = newcomer([member.address]);
    member.onWish = ({ epoch }) => {
      expect(saved.at(-1)?.view.epoch).toBe(epoch);
      if (epoch === first.view.epoch) member.newest = second;
      else member.newest = following(second, with99(second));
    };
    const decided = await joining.run();
    expect(decided.view.members.at(-1)).toEqual(NEWCOMER);
    expect(member.wishes.map(({ epoch, digest }) => [epoch, digest])).toEqual([
      [1, first.digest],
      [2, second.digest],
    ]);
    expect(member.wishes.every(({ operation, member: who }) => operation === OPERATION && who.id === 99)).toBe(true);
    expect(saved.map(({ view }) => view.epoch)).toEqual([1, 2, 3]);
  });

  test("learns the newest of several answers, and nothing of another cluster once it knows its own (J2)", async () => {
    const other = await new Answering(following(following(encodedView(base("ff".repeat(16)))))).listen();
    const member = await new Answering(encodedView(base())).listen();
    const { joining, saved, notices } = newcomer([other.address, member.address], "ab".repeat(16));
    member.onWish = () => {
      member.newest = following(member.newest, with99(member.newest));
    };
    expect((await joining.run()).view.clusterId).toBe("ab".repeat(16));
    expect(saved.every(({ view }) => view.clusterId === "ab".repeat(16))).toBe(true);
    expect(other.wishes).toEqual([]);
    expect(notices.join("\n")).not.toContain("another view");
  });

  test("says that a contact is of another cluster, and waits", async () => {
    const other = await new Answering(encodedView(base("ff".repeat(16)))).listen();
    const { joining, saved, notices } = newcomer([other.address], "ab".repeat(16));
    void joining.run().catch(() => {});
    await vi.waitFor(() => expect(notices.join()).toContain(`and not to ${"ab".repeat(16)}`), { timeout: 10_000 });
    expect(saved).toEqual([]);
    expect(joining.awaited()[0]?.why).toContain("belongs to cluster");
  });
});

describe("a member", () => {
  test("answers whoever asks with its newest view, and takes no wish of another node than the one that asks", async () => {
    const member = await new Answering(encodedView(base())).listen();
    const asking = new NewestViews(NEWCOMER, NO_SECRET);
    const wish = (id: number): JoinWish => ({
      kind: "join-wish",
      member: { ...NEWCOMER, id: nodeId(id) },
      operation: OPERATION,
      epoch: member.newest.view.epoch,
      digest: member.newest.digest,
    });
    expect(await asking.ask(member.address, null)).toMatchObject({
      from: 10,
      newest: { digest: member.newest.digest },
    });
    expect(await asking.ask(member.address, wish(98))).toHaveProperty("why");
    expect(member.wishes).toEqual([]);
    expect(await asking.ask(member.address, wish(99))).toHaveProperty("newest");
    expect(member.wishes).toHaveLength(1);
    // A wish of another view or cluster is answered, and nobody is told of it.
    expect(await asking.ask(member.address, { ...wish(99), digest: "ef".repeat(32) })).toHaveProperty("newest");
    expect(member.wishes).toHaveLength(1);
    asking.close();
  });
});

test("a second process with a member's id is refused by name, wherever it asks, and nobody hears its wish", async () => {
  const first = encodedView(base());
  const original = await new Answering(first).listen({ ...(first.view.members[0] as Member), peerAddress: "p10:2" });
  const voter = await new Answering(first).listen(first.view.members[1]);
  voter.living = 10;
  const copy = new NewestViews({ ...(first.view.members[0] as Member), peerAddress: "elsewhere:2" }, NO_SECRET);
  const wish: JoinWish = {
    kind: "join-wish",
    member: { ...(first.view.members[0] as Member), peerAddress: "elsewhere:2" },
    operation: OPERATION,
    epoch: first.view.epoch,
    digest: first.digest,
  };
  expect(await copy.ask(original.address, wish)).toMatchObject({ isSecond: true });
  expect(await copy.ask(voter.address, wish)).toMatchObject({ isSecond: true });
  expect([...original.wishes, ...voter.wishes]).toEqual([]);
  // Once the other one is gone it is a member that moved.
  voter.living = 0;
  expect(await copy.ask(voter.address, wish)).toHaveProperty("newest");
  expect(voter.wishes).toHaveLength(1);
  copy.close();
});

test("a founder that accepted view 1 and missed its decision takes what followed from it", async () => {
  const first = encodedView(base());
  const member = await new Answering(following(first, with99(first))).listen();
  const self = first.view.members[1] as Member;
  const peers = [member.address, self.peerAddress, "127.0.0.1:1"].sort();
  const ballot = { round: 1, node: nodeId(10) };
  const founding = new Founding({
    self,
    peers,
    cluster: { replicationFactor: 3, partitions: 1 },
    calls: new CallsToFounders(peers, NO_SECRET),
    pause: (ms) => sleep(ms),
    clusterId: "",
    votes: { peers, promised: ballot, accepted: { ballot, view: first } },
    saveVotes: () => Promise.resolve(),
    notice: () => {},
    signal: stop.signal,
  });
  expect((await founding.run()).digest).toBe(member.newest.digest);
});
