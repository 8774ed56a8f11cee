/** Members that come, move and go, in clusters of real processes. */
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type GetViewResponse,
  OperationKind,
  OperationState,
  type View,
} from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { becomesOf, GrowingCluster, idOf, insist, PARTITIONS, viewOf, WITHIN_MS } from "./growing-cluster.js";
import { eventually, Fatal, freePorts, HOST, type Node, NodeProcess } from "./harness.js";
import { Recorder } from "./recorder.js";
import { errorsOf, expectLinearizable, summaryOf, Workload } from "./workload.js";

let growing: GrowingCluster;
beforeEach(() => {
  growing = new GrowingCluster();
});
afterEach(() => growing.end());

/** Resolves with the view once all these nodes know one for which it holds. */
const agreed = (nodes: readonly Node[], what: string, holds: (view: View) => boolean): Promise<View> =>
  eventually(what, WITHIN_MS, async () => {
    const views: GetViewResponse[] = [];
    const gone = nodes.find(({ process }) => process.ended !== null);
    if (gone !== undefined) throw new Fatal(`a node has ended: ${gone.process.lines.slice(-5).join(" | ")}`);
    for (const node of nodes) views.push(await node.clients.cluster.getView({}));
    const [first] = views;
    const same = views.every(({ digest }) => first !== undefined && digest.equals(first.digest));
    return same && first?.view !== undefined && holds(first.view) ? first.view : undefined;
  });

const bytes = (text: string): Buffer => Buffer.from(text);
const put = (node: Node, key: string, value: string): Promise<unknown> =>
  node.clients.kv.put({ key: bytes(key), value: bytes(value) });
const get = async (node: Node, key: string): Promise<string | undefined> =>
  (await node.clients.kv.get({ key: bytes(key) })).entry?.value.toString();

/** The same directory at other ports, with nothing said of the cluster. */
async function moved(node: Node, index: number, secretFile: string, contacts: readonly string[] = []): Promise<Node> {
  await node.process.stop();
  const [port = 0, peerPort = 0] = await freePorts(2);
  return growing.add(
    new NodeProcess(port, peerPort, [
      ...["--listen", `${HOST}:${port}`, "--peer-listen", `${HOST}:${peerPort}`],
      ...["--data", join(growing.data, `node${index + 1}`), "--cluster-secret-file", secretFile],
      ...(contacts.length === 0 ? [] : ["--join", contacts.join(",")]),
    ]),
  );
}

/** Its process ends by itself, and says why. */
async function leaves(node: Node, others: readonly Node[]): Promise<void> {
  const [asked, watched] = [others[0] as Node, others[others.length - 1] as Node];
  const nodeId = await idOf(node);
  const operation = await insist(asked, (named) => asked.clients.cluster.leave({ ...named, nodeId }));
  expect(operation).toMatchObject({ kind: OperationKind.LEAVE, nodeId });
  expect(await becomesOf(watched, operation)).toBe(OperationState.DONE);
  expect(await node.process.end).toBe(0);
  expect(node.process.tail()).toContain("has left cluster");
}

const isAt =
  (nodes: readonly Node[]) =>
  ({ members }: View): boolean =>
    nodes.every(({ process }) => members.some(({ peerAddress }) => peerAddress === `${HOST}:${process.peerPort}`));

describe("a cluster of three", () => {
  test("grows to six under load, votes with five, moves its founders to new addresses, and shrinks to three", async () => {
    const three = await growing.start();
    const recorder = new Recorder();
    const underLoad = (named: string, nodes: readonly Node[], moveOn = false): Workload => {
      const what = { keys: ["alpha", "beta", "counter-a"], workersPerNode: 1, deadlineMs: 5_000, thinkMs: 40 };
      return new Workload({ recorder, nodes, named, moveOn, ...what });
    };
    const first = underLoad("three ", three.nodes);
    const more = await Promise.all(["four", "five", "six"].map((name) => growing.joined(name, three)));
    const six = await agreed([...three.nodes, ...more], "six members, five voters", ({ members, voters }) => {
      return members.length === 6 && voters.length === 5;
    });
    // One view a newcomer at most, and one a voter.
    expect(Number(six.epoch)).toBeLessThanOrEqual(6);
    const second = underLoad("more ", more);
    await first.stop();
    const founders: Node[] = [];
    for (const [index, node] of three.nodes.entries()) {
      const there = await moved(node, index, three.secretFile);
      await there.process.said(`knows this node at ${HOST}:${there.process.peerPort}`, WITHIN_MS);
      founders.push(there);
    }
    const found = await agreed([...founders, ...more], "all are found where they are", isAt([...founders, ...more]));
    expect(found.members).toHaveLength(6);
    // Those of a node that leaves are served until it ends, and go on elsewhere.
    const third = underLoad("six ", [...founders, ...more], true);
    await second.stop();
    for (const node of more) await leaves(node, founders);
    await third.stop();
    const last = await agreed(founders, "three members, all of them voters", ({ members, voters }) => {
      return members.length === 3 && voters.length === 3;
    });
    expect(last.partitions.every(({ groupEpoch }) => groupEpoch === 1n)).toBe(true);
    const base = { process: "end", deadlineMs: 5_000, safe: true };
    for (const node of founders) {
      const answer = await recorder.ask({ ...base, nodes: [node], key: "alpha", call: { kind: "get" } });
      expect(answer.outcome.status, errorsOf([answer]).join()).toBe("done");
    }
    console.log(`three to six and back: ${summaryOf(recorder.operations)}`);
    expectLinearizable(recorder, "three-to-six-and-back");
    // A directory that has left is of no use any more.
    const again = (more[0] as Node).process.again();
    growing.add(again);
    expect(await again.end).toBe(1);
    expect(again.tail()).toContain("is of a node that has left cluster");
  }, 240_000);

  test.each(["to new addresses", "to each other's addresses"])(
    "whose nodes have all moved %s finds itself by the addresses that they are told",
    async (where) => {
      const three = await growing.start();
      await put(three.node(0), "k", "v");
      const turned = [1, 2, 0].map((index) => three.node(index).process);
      const ports =
        where === "to new addresses"
          ? await freePorts(6)
          : [...turned.map(({ port }) => port), ...turned.map(({ peerPort }) => peerPort)];
      for (const { process } of three.nodes) await process.kill();
      const nodes = three.nodes.map((_, index) => {
        const [port = 0, peerPort = 0] = [ports[index], ports[index + 3]];
        return growing.add(
          new NodeProcess(port, peerPort, [
            ...["--listen", `${HOST}:${port}`, "--peer-listen", `${HOST}:${peerPort}`],
            ...[
              "--join",
              ports
                .slice(3)
                .map((one) => `${HOST}:${one}`)
                .join(","),
            ],
            ...["--data", join(growing.data, `node${index + 1}`), "--cluster-secret-file", three.secretFile],
          ]),
        );
      });
      await agreed(nodes, "all are found where they are", isAt(nodes));
      expect(await eventually("it reads", WITHIN_MS, () => get(nodes[2] as Node, "k"))).toBe("v");
    },
    120_000,
  );
});

describe("members in memory", () => {
  test("take their own places and votes when they are started again, one after the other, over and over", async () => {
    const three = await growing.start();
    const inMemory = [await growing.joined("four", three, false), await growing.joined("five", three, false)];
    const all = [...three.nodes, ...inMemory];
    const fiveVoters = ({ members, voters }: View): boolean => members.length === 5 && voters.length === 5;
    await agreed(all, "five members, five voters", fiveVoters);
    for (const node of [...inMemory, ...inMemory]) {
      const before = await idOf(node);
      await node.process.kill();
      node.restart();
      // Not before the newest view names it, as member and as voter.
      await node.process.said("ready", WITHIN_MS);
      const view = await viewOf(node);
      const now = await idOf(node);
      expect(now).not.toBe(before);
      expect(view.voters).toContain(now);
      expect(view.voters).not.toContain(before);
      await agreed(all, "all know it by its new id", (known) => fiveVoters(known) && known.epoch === view.epoch);
    }
    // All voters live: two of five may be missing.
    await put(inMemory[0] as Node, "k", "v");
    for (const node of inMemory) await node.process.kill();
    expect(await get(three.node(0), "k")).toBe("v");
  }, 120_000);
});

describe("a fourth node", () => {
  test("joins, serves every client by forwarding, and comes back after a crash as what it was", async () => {
    const three = await growing.start();
    await put(three.node(0), "before", "1");
    const fourth = await growing.joined("fourth", three);
    const nodes = [...three.nodes, fourth];
    const view = await agreed(nodes, "all know four members", ({ members }) => members.length === 4);
    expect(view.epoch).toBe(2n);
    expect(view.voters).toHaveLength(3);
    expect(view.partitions.every(({ groupEpoch }) => groupEpoch === 1n)).toBe(true);
    for (let i = 0; i < PARTITIONS; i++) await put(fourth, `k${i}`, `v${i}`);
    for (let i = 0; i < PARTITIONS; i++) expect(await get(three.node(i % 3), `k${i}`)).toBe(`v${i}`);
    expect(await get(fourth, "before")).toBe("1");
    await fourth.process.kill();
    await put(three.node(0), "meanwhile", "2");
    fourth.restart();
    await fourth.process.said("ready", WITHIN_MS);
    expect(await eventually("it reads", WITHIN_MS, () => get(fourth, "meanwhile"))).toBe("2");
    expect((await viewOf(fourth)).epoch).toBe(2n);
    // The same three serve it after they were all started again.
    for (const { process } of three.nodes) await process.kill();
    for (const node of three.nodes) node.restart();
    await three.ready();
    expect(await eventually("it reads again", WITHIN_MS, () => get(fourth, "k0"))).toBe("v0");
    expect((await agreed(nodes, "all agree", () => true)).epoch).toBe(2n);
  }, 120_000);

  test("moves to another address, and is found there", async () => {
    const three = await growing.start();
    const fourth = await growing.joined("fourth", three);
    await agreed([...three.nodes, fourth], "all know four members", ({ members }) => members.length === 4);
    await fourth.process.stop();
    const elsewhere = await growing.newcomer("fourth", {
      contacts: [],
      secretFile: three.secretFile,
      more: ["--zone", "b"],
    });
    const { peerPort } = elsewhere.process;
    await elsewhere.process.said(`knows this node at ${HOST}:${peerPort}`, WITHIN_MS);
    const view = await agreed([...three.nodes, elsewhere], "all know where it is", ({ members }) =>
      members.some(({ peerAddress, zone }) => peerAddress === `${HOST}:${peerPort}` && zone === "b"),
    );
    expect(view.members).toHaveLength(4);
    await put(elsewhere, "k", "v");
    expect(await get(three.node(2), "k")).toBe("v");
  }, 120_000);

  test("is not taken in by a cluster other than the one it was told, or at an address that somebody has", async () => {
    const three = await growing.start();
    const contacts = [`${HOST}:${three.node(0).process.peerPort}`];
    const { secretFile } = three;
    const other = await growing.newcomer("other", { contacts, secretFile, more: ["--cluster-id", "ab".repeat(16)] });
    await other.process.said(`and not to ${"ab".repeat(16)}`, WITHIN_MS);
    const there = `${HOST}:${three.node(1).process.peerPort}`;
    const taken = await growing.newcomer("taken", { contacts, secretFile, more: ["--peer-advertise", there] });
    await taken.process.said("must be given with --peer-listen", WITHIN_MS);
    const nowhere = await growing.newcomer("nowhere", { contacts: [`${HOST}:1`], secretFile });
    await nowhere.process.said("no node of a cluster answers yet", WITHIN_MS);
    const stranger = await growing.newcomer("stranger", { contacts, secretFile: "" });
    await stranger.process.said("cluster secret", WITHIN_MS);
    expect((await viewOf(three.node(0))).epoch).toBe(1n);
  }, 120_000);
});
