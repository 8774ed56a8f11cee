/** The composition root: from a configuration to a running node. */
import { randomBytes, randomInt } from "node:crypto";
import type { Server as PeerServer } from "@grpc/grpc-js";
import { StorageKind } from "../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { digestOf } from "./codec/view.js";
import type { NodeConfig } from "./config.js";
import { type NodeId, nodeId } from "./core/ids.js";
import type { Member, View } from "./core/view/view.js";
import { Loop } from "./node/loop.js";
import { NodeMachine } from "./node/machine.js";
import { type ClientServer, makeClientServer } from "./rpc/client-server.js";
import { Founding } from "./rpc/founding.js";
import { NodeClock } from "./rpc/node-clock.js";
import { PeerLinks } from "./rpc/peer-links.js";
import { bind, makePeerServer } from "./rpc/peer-server.js";
import { PROTOCOL_VERSION } from "./rpc/peer-service.js";
import { type Introduction, Serving } from "./rpc/serving.js";
import { MemoryStorage } from "./storage/memory.js";
import { version } from "./version.js";

const HEALTH_MS = 100;
/** How long a stopping node tries to hand its offices over … */
const HAND_OVER_MS = 2_000;
/** … and then waits for requests under way. */
const DRAIN_MS = 5_000;
/** … and then for their answers to leave. */
const LAST_ANSWERS_MS = 500;

export interface ServerEvents {
  /** One line for the operator. */
  notice(text: string): void;
  /** The node cannot go on and has stopped; the process should say so and exit with 1. */
  fatal(text: string): void;
}

export interface RunningServer {
  readonly nodeId: number;
  readonly clientAddress: string;
  readonly peerAddress: string;
  /** Resolves when this node is in a view and hears a majority of some group. Never rejects. */
  readonly serving: Promise<void>;
  /**
   * Drains, then stops: health says NOT_SERVING, offices go to other nodes while requests are still taken, requests under way finish.
   * Without draining only the last step is done.
   */
  close(options?: { readonly drain: boolean }): Promise<void>;
}

/** The node cannot start; the message is for people. */
export class StartError extends Error {
  override readonly name = "StartError";
}

export async function startServer(config: NodeConfig, events: ServerEvents): Promise<RunningServer> {
  const node = new NodeServer(config, events);
  await node.start();
  return node;
}

class NodeServer implements RunningServer {
  readonly nodeId: NodeId = nodeId(randomInt(1, 2 ** 32 - 1));
  clientAddress = "";
  peerAddress = "";
  readonly serving: Promise<void>;
  private readonly state: Serving;
  private readonly client: ClientServer;
  private readonly peer: PeerServer;
  private readonly startedAt = performance.now();
  private readonly stop = new AbortController();
  private founding: Founding | null = null;
  private links: PeerLinks | null = null;
  private loop: Loop | null = null;
  private healthTimer: NodeJS.Timeout | null = null;
  private draining = false;
  private nowServing: () => void = () => {};

  constructor(
    private readonly config: NodeConfig,
    private readonly events: ServerEvents,
  ) {
    this.state = new Serving(this.nodeId);
    this.serving = new Promise((resolve) => {
      this.nowServing = resolve;
    });
    this.client = makeClientServer(this.state, config.limits, {
      storage: StorageKind.MEMORY,
      softwareVersion: version,
      uptimeMs: () => performance.now() - this.startedAt,
    });
    this.peer = makePeerServer({
      found: (request) => {
        if (this.founding === null) throw new Error("not started");
        return this.founding.answer(request);
      },
      connect: (call) => {
        if (this.links === null) call.end();
        else this.links.accept(call);
      },
    });
  }

  async start(): Promise<void> {
    const { config } = this;
    const peerPort = await this.listen("--peer-listen", config.peerListen, () => bind(this.peer, config.peerListen));
    this.peerAddress = config.peerAdvertise || withPort(config.peerListen, peerPort);
    const clientPort = await this.listen("--listen", config.listen, () =>
      this.client.server.listen(config.listen),
    ).catch((error: unknown) => {
      this.peer.forceShutdown();
      throw error;
    });
    this.clientAddress = config.advertise || withPort(config.listen, clientPort);
    const peers = [...new Set([...config.join, this.peerAddress])].sort();
    if (peers.length !== config.expect) {
      await this.close();
      throw new StartError(
        `--expect says ${config.expect} nodes, but --join and this node's own peer address make ${peers.length}: ${peers.join(", ")}`,
      );
    }
    const self: Member = {
      id: this.nodeId,
      clientAddress: this.clientAddress,
      peerAddress: this.peerAddress,
      zone: config.zone,
    };
    this.founding = new Founding({
      self,
      peers,
      cluster: config.cluster,
      clusterId: config.clusterId,
      notice: (text) => this.events.notice(text),
      signal: this.stop.signal,
    });
    const { founding } = this;
    this.state.awaited = () => founding.founders();
    founding.run().then(
      (view) => this.serve(view),
      (error: unknown) => this.fail((error as Error).message),
    );
  }

  async close(options = { drain: true }): Promise<void> {
    if (this.stop.signal.aborted) return;
    this.draining = true;
    this.client.health.setServing(false);
    const machine = this.loop?.machine;
    if (options.drain && machine !== undefined) {
      this.loop?.deliver({ kind: "leave" });
      await until(() => machine.core.offices === 0, HAND_OVER_MS);
    }
    this.state.stopping = true;
    if (machine !== undefined) {
      await until(() => machine.router.pendingCount + machine.router.visitorCount === 0, DRAIN_MS);
      // A connection that just ends would look like a call that may be retried.
      this.loop?.deliver({ kind: "give-up" });
      await sleep(20);
    }
    this.shutDown();
    // The last answers leave before the sockets do; only streams that nobody ends are cut.
    await Promise.race([this.client.server.shutdown(), sleep(LAST_ANSWERS_MS)]);
    this.client.server.forceShutdown();
    this.peer.forceShutdown();
  }

  private serve(view: View): void {
    if (this.stop.signal.aborted) return;
    const storage = new MemoryStorage();
    const clock = new NodeClock();
    const digest = digestOf(view);
    const introductions = new Map<NodeId, Introduction>();
    const links = new PeerLinks({
      self: this.nodeId,
      view,
      digest,
      handshake: () => ({
        protocolVersion: PROTOCOL_VERSION,
        clusterId: Buffer.from(view.clusterId, "hex"),
        nodeId: this.nodeId,
        viewEpoch: view.epoch,
        viewDigest: digest,
        logPosition: 0,
        clientAddress: this.clientAddress,
        peerAddress: this.peerAddress,
        zone: this.config.zone,
        storage: StorageKind.MEMORY,
        uptimeMs: Math.round(performance.now() - this.startedAt),
        softwareVersion: version,
      }),
      deliver: (input) => loop.deliver(input),
      notice: (text) => this.events.notice(text),
      introduced: (handshake) => introductions.set(nodeId(handshake.nodeId), { handshake, at: performance.now() }),
    });
    const machine = new NodeMachine({
      self: this.nodeId,
      view,
      table: (partition) => storage.table(partition),
      restored: storage.restored(),
      // Never met by a late answer meant for an earlier process (R7).
      firstAttempt: randomBytes(6).readUIntBE(0, 6) * 16,
      now: clock.now(),
    });
    const loop = new Loop({
      machine,
      storage,
      peers: links,
      clock,
      broken: (error) => this.fail(error.message),
    });
    this.links = links;
    this.loop = loop;
    this.state.begin({ view, digest, loop, counters: links.counters, introductions });
    links.start();
    loop.start();
    this.healthTimer = setInterval(() => this.judgeHealth(view), HEALTH_MS);
  }

  /** NOT_SERVING when cut off from every majority. */
  private judgeHealth(view: View): void {
    const core = this.loop?.machine.core;
    if (core === undefined || this.draining) return;
    const serving = view.partitions.some(
      ({ replicas }) => replicas.filter((id) => id === core.self || core.hears(id)).length > replicas.length / 2,
    );
    this.client.health.setServing(serving);
    if (serving) this.nowServing();
  }

  private fail(why: string): void {
    if (this.stop.signal.aborted) return;
    this.shutDown();
    this.client.server.forceShutdown();
    this.peer.forceShutdown();
    this.events.fatal(why);
  }

  private shutDown(): void {
    this.stop.abort();
    if (this.healthTimer !== null) clearInterval(this.healthTimer);
    this.loop?.stop();
    this.links?.close();
  }

  private async listen(option: string, address: string, listen: () => Promise<number>): Promise<number> {
    try {
      return await listen();
    } catch {
      throw new StartError(`${option}: cannot listen at ${address}: ${await whyNot(address)}`);
    }
  }
}

/** grpc-js does not say why; a plain socket does. */
async function whyNot(address: string): Promise<string> {
  const { createServer } = await import("node:net");
  const at = address.lastIndexOf(":");
  const host = address.slice(0, at).replace(/^\[|\]$/g, "");
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve("the port is in use");
      else if (error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND")
        resolve("this machine has no such address");
      else if (error.code === "EACCES") resolve("not allowed");
      else resolve(error.code ?? "unknown reason");
    });
    probe.listen(Number(address.slice(at + 1)), host, () =>
      probe.close(() => resolve("the port was in use a moment ago")),
    );
  });
}

const withPort = (address: string, port: number): string => `${address.slice(0, address.lastIndexOf(":"))}:${port}`;
/** Waits for the condition, at most so long. */
async function until(condition: () => boolean, ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (!condition() && performance.now() < end) await sleep(20);
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
