/** Connections that break, stall and vanish: honest clients go on, nothing is executed twice, nothing stays open. */
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AddRequest, GetRequest, PipelineRequest, PutRequest } from "../../gen/ts/onar/kv/v1/kv.js";
import { answerOf } from "./clients.js";
import { Cluster, eventually, Node } from "./harness.js";
import { TcpProxy } from "./proxy.js";
import { cancel, framed, RawClient } from "./raw.js";
import { Recorder } from "./recorder.js";
import { expectLinearizable, summaryOf } from "./workload.js";

const KV = "/onar.kv.v1.KeyValueService";

let cluster: Cluster;
let node: Node;
beforeAll(async () => {
  cluster = await Cluster.start({ nodes: 3, replicas: 3, partitions: 64 });
  node = cluster.node(0);
});
afterAll(() => cluster?.stop());

const bytes = (text: string): Buffer => Buffer.from(text);
const putMessage = (key: string): Buffer =>
  framed(PutRequest.encode(PutRequest.create({ key: bytes(key), value: randomBytes(1_000) })).finish());

const nothingOpen = (): Promise<true> =>
  eventually("no request is open any more", 15_000, async () => {
    const status = await answerOf((o) => node.clients.cluster.status({ partitions: [0] }, o));
    return status.openRequests === 0 ? true : undefined;
  });

/** Sockets and files that the node's process holds. */
const handles = (): number => readdirSync(`/proc/${node.process.child.pid}/fd`).length;
const handlesBackTo = (before: number, withinMs = 10_000): Promise<true> =>
  eventually("the node has closed what was left open", withinMs, () => (handles() <= before ? true : undefined));

describe("a connection", () => {
  let beforeResets = 0;

  test("that resets two thousand streams in a row holds up nobody else", async () => {
    beforeResets = handles();
    const raw = await RawClient.open(node.address);
    raw.session.on("error", () => {});
    for (let i = 0; i < 2_000 && !raw.session.destroyed; i++) {
      const stream = raw.open(`${KV}/Get`);
      stream.write(putMessage("reset").subarray(0, 20));
      cancel(stream);
    }
    await answerOf((o) => node.clients.kv.put({ key: bytes("after"), value: bytes("x") }, o));
    raw.close();
    await nothingOpen();
  });

  test("cut in the middle of load, again and again, costs no answer its truth and executes nothing twice", async () => {
    const proxy = await TcpProxy.start(node.process.port);
    const before = handles();
    const through = new Node(node.process, proxy.address);
    const recorder = new Recorder();
    let over = false;
    const workers = Array.from({ length: 8 }, async (_, i) => {
      for (let n = 0; !over; n++) {
        const key = n % 2 === 0 ? "counter-cut" : "register-cut";
        const call =
          n % 2 === 0
            ? ({ kind: "add", delta: "1" } as const)
            : n % 3 === 0
              ? ({ kind: "get" } as const)
              : ({ kind: "put", value: `${i}-${n}` } as const);
        // With an id it is tried again, at another node, too; without one it is not.
        const safe = n % 5 !== 0;
        await recorder.ask({
          process: `w${i}`,
          key,
          call,
          nodes: safe ? [through, through, cluster.node(1)] : [through],
          deadlineMs: 5_000,
          safe,
        });
      }
    });
    for (let i = 0; i < 15; i++) {
      await sleep(80 + Math.random() * 80);
      if (i % 3 === 0) proxy.cut();
      else {
        // In the middle of a frame.
        proxy.cutAfterBytes = 2_000 + Math.random() * 20_000;
        await sleep(50);
        proxy.cutAfterBytes = Number.POSITIVE_INFINITY;
      }
    }
    over = true;
    await Promise.all(workers);
    through.clients.close();
    await proxy.stop();
    await recorder.ask({
      process: "end",
      key: "counter-cut",
      call: { kind: "get" },
      nodes: [node],
      deadlineMs: 5_000,
      safe: true,
    });
    console.log(`${proxy.cuts} connections cut inside a frame: ${summaryOf(recorder.operations)}`);
    expect(recorder.operations.some(({ attempts }) => attempts > 1)).toBe(true);
    expectLinearizable(recorder, "cut");
    await nothingOpen();
    await handlesBackTo(before);
  });

  test("whose client vanishes in the middle of calls leaves nothing open, and each call is executed at most once", async () => {
    const before = handles();
    const add = framed(AddRequest.encode(AddRequest.create({ key: bytes("vanished"), delta: 1n })).finish());
    let sent = 0;
    for (let i = 0; i < 20; i++) {
      const raw = await RawClient.open(node.address);
      for (let call = 0; call < 25; call++) {
        const stream = raw.open(`${KV}/${call % 5 === 0 ? "Put" : "Add"}`);
        // Every fifth stops in the middle of its message.
        if (call % 5 === 0) stream.write(putMessage("half").subarray(0, 300));
        else {
          stream.end(add);
          sent++;
        }
        if (call % 7 === 0) cancel(stream);
      }
      await sleep(i);
      raw.close();
    }
    await nothingOpen();
    await handlesBackTo(before);
    const { entry } = await answerOf((o) => node.clients.kv.get({ key: bytes("vanished") }, o));
    expect(Number(entry?.value ?? 0)).toBeLessThanOrEqual(sent);
    const half = await answerOf((o) => node.clients.kv.get({ key: bytes("half") }, o));
    expect(half.entry).toBeUndefined();
  });

  test("whose client vanishes in the middle of pipelines leaves nothing open", async () => {
    const before = handles();
    for (let i = 0; i < 10; i++) {
      const raw = await RawClient.open(node.address);
      const stream = raw.open(`${KV}/Pipeline`);
      const calls = Array.from({ length: 300 }, (_, tag) => {
        const get = { $case: "get", value: GetRequest.create({ key: bytes(`k${tag}`) }) } as const;
        return framed(PipelineRequest.encode({ tag: BigInt(tag), request: get, timeoutMs: 0 }).finish());
      });
      stream.write(Buffer.concat(calls).subarray(0, -3));
      await sleep(i * 3);
      raw.close();
    }
    await nothingOpen();
    await handlesBackTo(before);
  });

  test("with two thousand half-open streams holds up nobody else, and is gone when it is closed", async () => {
    const before = handles();
    const raw = await RawClient.open(node.address);
    let refused = 0;
    for (let i = 0; i < 2_000; i++) {
      const stream = raw.open(`${KV}/${i % 2 === 0 ? "Put" : "Pipeline"}`);
      stream.once("close", () => refused++);
      if (i % 3 === 0) stream.write(putMessage("half-open").subarray(0, 50));
    }
    await sleep(300);
    const times: number[] = [];
    for (let i = 0; i < 200; i++) {
      const started = performance.now();
      await answerOf((o) => node.clients.kv.put({ key: bytes(`honest${i % 10}`), value: bytes("x") }, o));
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    console.log(
      `half-open: ${refused} of 2000 refused; others wait ${times[100]?.toFixed(1)} ms, at most ${times[199]?.toFixed(1)} ms`,
    );
    expect(times[190]).toBeLessThan(1_000);
    raw.close();
    await nothingOpen();
    await handlesBackTo(before);
    expect(node.process.ended).toBeNull();
  });

  test("that sends what is not HTTP/2 is closed, and the node serves on", async () => {
    const { connect } = await import("node:net");
    const before = handles();
    await Promise.all(
      [
        randomBytes(500),
        bytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        Buffer.alloc(0),
        bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff"),
      ].map(
        (what) =>
          new Promise<void>((resolve) => {
            const socket = connect(node.process.port, "127.0.0.1");
            socket.on("error", () => {});
            socket.once("close", () => resolve());
            socket.resume();
            socket.end(what);
          }),
      ),
    );
    await answerOf((o) => node.clients.kv.put({ key: bytes("after"), value: bytes("x") }, o));
    await handlesBackTo(before);
  });

  test("that was ended for its resets is not kept for ever", async () => {
    // The node learns that its socket is gone when it next asks.
    await handlesBackTo(beforeResets, 25_000);
  });
});
