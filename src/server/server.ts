/** The composition root: from a configuration to a running node. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { StorageKind } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import type { Handshake } from "../../gen/ts/onar/replication/v1/replication.js";
import type { Instant } from "../base/time.js";
import { digestOf } from "../codec/api/view.js";
import { encodedView } from "../codec/peer/encoded-view.js";
import type { NodeConfig } from "../config/config.js";
import { type Key, type NodeId, nodeId, type Partition } from "../core/model/ids.js";
import type { Member, View } from "../core/view/view.js";
import { lostWhenFull } from "../node/disk-full.js";
import { Loop } from "../node/loop.js";
import { NodeMachine } from "../node/machine.js";
import { Metrics } from "../observe/metrics.js";
import { NodeNews } from "../observe/node-news.js";
import { loadTraces } from "../observe/traces/load-traces.js";
import type { Traces } from "../observe/traces/traces.js";
import { type ClientServer, makeClientServer } from "../rpc/client-port.js";
import { Founding } from "../rpc/founding/founding.js";
import { hostAndPort, whyNot, withPort } from "../rpc/naming/addresses.js";
import { peerNamed } from "../rpc/naming/node-names.js";
import { PeerPort } from "../rpc/peer-port.js";
import { type ClusterSecret, NO_SECRET, SecretOfFile } from "../rpc/peers/cluster-secret.js";
import { LoopLoad } from "../rpc/peers/loop-load.js";
import { judgeShown } from "../rpc/peers/own-position.js";
import { PeerLinks } from "../rpc/peers/peer-links.js";
import { PeerNotices } from "../rpc/peers/peer-notices.js";
import { PROTOCOL_VERSION } from "../rpc/peers/peer-service.js";
import { unready } from "../rpc/services/readiness.js";
import type { OwnStatus } from "../rpc/services/reconfiguration-service.js";
import { type Introduction, Serving } from "../rpc/services/serving.js";
import { NodePorts } from "../rpc/transport/connection-limit.js";
import { diskHome, type Home, type HomeEvents, isForPeople, memoryHome } from "../storage/home.js";
import { homeNews } from "../storage/notices.js";
import { version } from "../version.js";
import { checkPlace, foundersOf, otherThanFixed, StartError } from "./agreement.js";
import { NodeClock } from "./node-clock.js";
import type { Passes, RunningServer, ServerEvents } from "./running-server.js";

export { StartError } from "./agreement.js";
export type { Passes, RunningServer, ServerEvents } from "./running-server.js";

const HEALTH_MS = 100;
/** How long a stopping node tries to hand its offices over … */
const HAND_OVER_MS = 2_000;
/** … and then waits for requests under way. */
const DRAIN_MS = 5_000;
/** … and then for their answers to leave. */
const LAST_ANSWERS_MS = 500;

export async function startServer(
  config: NodeConfig,
  events: ServerEvents,
  passes: Passes = () => true,
): Promise<RunningServer> {
  let node: NodeServer | null = null;
  const news = homeNews({
    notice: (text, facts) => events.notice(text, facts),
    failed: (why) => (node === null ? events.fatal(why) : node.fail(why)),
    full: (full) => node?.fill(full),
    bad: (partition, key) => node?.mend(partition, key),
  });
  const home = await homeOf(config, news);
  try {
    const secret = secretOf(config, events);
    const traces = await tracesOf(config, events, home.node);
    node = new NodeServer(config, events, passes, home, traces, secret);
    await node.start();
  } catch (error) {
    await home.close();
    throw error;
  }
  return node;
}

function secretOf({ clusterSecretFile }: NodeConfig, events: ServerEvents): ClusterSecret {
  if (clusterSecretFile === null) return NO_SECRET;
  const { label, path } = clusterSecretFile;
  return new SecretOfFile(label, path, (text) => events.notice(text));
}

async function tracesOf({ traces }: NodeConfig, events: ServerEvents, node: NodeId): Promise<Traces | null> {
  if (traces === null) return null;
  return loadTraces({ ...traces, node, version, notice: (text, facts) => events.notice(text, facts) });
}

async function homeOf(config: NodeConfig, events: HomeEvents): Promise<Home> {
  if (config.storage === "memory") return memoryHome();
  try {
    const load = new LoopLoad();
    const shortOfTime = (): boolean => load.busy(performance.now());
    return await diskHome({ path: config.data, memoryMib: config.storageMemory, shortOfTime, events });
  } catch (error) {
    if (isForPeople(error)) throw new StartError(`--data: ${error.message}`);
    throw error;
  }
}

class NodeServer implements RunningServer {
  readonly nodeId: NodeId;
  clientAddress = "";
  peerAddress = "";
  metricsAddress = "";
  readonly serving: Promise<void>;
  readonly state: Serving;
  private readonly client: ClientServer;
  private readonly peer: PeerPort;
  private readonly peerNotices: PeerNotices;
  private readonly metrics: Metrics | null;
  private readonly ports: NodePorts;
  private readonly startedAt = performance.now();
  private readonly stop = new AbortController();
  private loop: Loop | null = null;
  private healthTimer: NodeJS.Timeout | null = null;
  private news: NodeNews | null = null;
  private draining = false;
  private hasServed = false;
  private nowServing: () => void = () => {};

  constructor(
    private readonly config: NodeConfig,
    private readonly events: ServerEvents,
    private readonly passes: Passes,
    private readonly home: Home,
    private readonly traces: Traces | null,
    private readonly secret: ClusterSecret,
  ) {
    this.nodeId = home.node;
    this.state = new Serving(this.nodeId);
    this.serving = new Promise((resolve) => {
      this.nowServing = resolve;
    });
    this.ports = new NodePorts({
      maxClients: config.maxConnections,
      notice: (text, facts) => events.notice(text, facts),
    });
    this.metrics =
      config.metricsListen === ""
        ? null
        : new Metrics({
            serving: this.state,
            softwareVersion: version,
            healthy: () => this.client.health.serving,
            queues: () => this.peer.links?.queues() ?? [],
            admission: () => this.peer.admission,
            storage: () => (this.loop === null ? null : home.storage),
            figures: () => home.figures(),
            ports: this.ports,
            linesDropped: () => events.linesDropped?.() ?? 0,
          });
    const own: OwnStatus = {
      storage: this.storageKind,
      softwareVersion: version,
      uptimeMs: () => performance.now() - this.startedAt,
      logPosition: () => home.storage.position,
      diskFull: () => !home.storage.writable,
      logPositionOf: (peer) => home.storage.highestPosition(peer),
    };
    this.client = makeClientServer(
      this.state,
      config.limits,
      config.clientPort,
      own,
      this.metrics?.observer ?? null,
      traces?.calls ?? null,
    );
    this.state.traces = traces?.requests ?? null;
    this.peerNotices = new PeerNotices((text) => events.notice(text));
    this.peer = new PeerPort(secret, (text) => events.notice(text));
  }

  private get storageKind(): StorageKind {
    return this.home.storage.kind === "memory" ? StorageKind.MEMORY : StorageKind.LOG;
  }

  get dataPath(): string {
    return this.home.path;
  }

  async start(): Promise<void> {
    const { config } = this;
    const peerPort = await this.listen("--peer-listen", config.peerListen, () => this.peer.listen(config.peerListen));
    this.ports.peer.watch(peerPort);
    this.peerAddress = config.peerAdvertise || withPort(config.peerListen, peerPort);
    this.peer.address = this.peerAddress;
    const clientPort = await this.listen("--listen", config.listen, () => this.client.listen(config.listen)).catch(
      (error: unknown) => {
        this.peer.close();
        this.ports.close();
        throw error;
      },
    );
    this.ports.client.watch(clientPort);
    this.clientAddress = config.advertise || withPort(config.listen, clientPort);
    await this.serveMetrics();
    try {
      this.peer.founding = this.makeFounding();
    } catch (error) {
      await this.close();
      throw error;
    }
    const { home } = this;
    const { founding } = this.peer;
    this.state.awaited = () => founding.founders();
    // Who is in a view never founds again.
    if (home.view !== null) return this.serve(home.view);
    founding
      .run()
      .then(async (view) => {
        await home.saveView(view);
        for (const { label, asked, fixed } of otherThanFixed(config, view)) {
          this.events.notice(
            `${label} is ${asked}, but the cluster was founded with ${fixed}: another node's word counted`,
          );
        }
        this.serve(view);
      })
      .catch((error: unknown) => this.fail((error as Error).message));
  }

  private makeFounding(): Founding {
    const { config, home } = this;
    const self: Member = {
      id: this.nodeId,
      clientAddress: this.clientAddress,
      peerAddress: this.peerAddress,
      zone: config.zone,
    };
    const peers =
      home.view === null
        ? foundersOf(config, home, this.peerAddress)
        : home.view.members.map((member) => member.peerAddress).sort();
    const news = home.view === null ? null : checkPlace(config, home.path, home.view, self);
    if (news !== null) this.events.notice(news);
    return new Founding({
      self,
      peers,
      cluster: config.cluster,
      secret: this.secret,
      clusterId: config.clusterId,
      votes: home.votes,
      view: home.view,
      saveVotes: (votes) => home.saveVotes(votes),
      notice: (text) => this.events.notice(text),
      signal: this.stop.signal,
    });
  }

  async close(options = { drain: true }): Promise<void> {
    if (this.stop.signal.aborted) return;
    this.draining = true;
    this.client.health.setServing(false);
    const machine = this.loop?.machine;
    if (options.drain && machine !== undefined) {
      this.loop?.deliver({ kind: "leave" });
      await Promise.all([until(() => machine.core.offices === 0, HAND_OVER_MS), sleep(this.config.drainDelayMs)]);
    }
    this.state.stop();
    if (machine !== undefined) {
      await until(() => machine.router.pendingCount + machine.router.visitorCount === 0, DRAIN_MS);
      // A connection that just ends would look like a call that may be retried.
      this.loop?.deliver({ kind: "give-up" });
      await sleep(20);
    }
    this.shutDown();
    // The last answers leave before the sockets do; only streams that nobody ends are cut.
    await Promise.race([this.client.shutdown(), sleep(LAST_ANSWERS_MS)]);
    this.client.forceShutdown();
    this.peer.close();
    await this.home.close();
    await this.traces?.close();
  }

  private serve(view: View): void {
    if (this.stop.signal.aborted) return;
    const { storage } = this.home;
    this.metrics?.observe(storage);
    const clock = new NodeClock();
    const digest = digestOf(view);
    const introductions = new Map<NodeId, Introduction>();
    const links = new PeerLinks({
      self: this.nodeId,
      view,
      digest,
      peerAddress: this.peerAddress,
      secret: this.secret,
      handshake: (peer) => this.greeting(view, digest, peer),
      failed: (remote, why) => this.peer.admission.failed(remote, why),
      deliver: (input) => {
        if (input.kind === "message" && !this.passes(input.from, this.nodeId)) return;
        if (input.kind === "message" && !storage.writable && lostWhenFull(input.message, storage.deletable)) return;
        loop.deliver(input);
      },
      notices: this.peerNotices,
      introduced: (handshake) => {
        const peer = nodeId(handshake.nodeId);
        introductions.set(peer, { handshake, at: performance.now() });
        storage.sawPosition(peer, handshake.logPosition, handshake.positionProof.toString("latin1"));
      },
      traces: this.traces?.requests ?? null,
      highestPosition: (peer) => storage.highestPosition(peer),
      shown: (peer, position, proof) => {
        const shown = judgeShown(storage, peerNamed(view, peer), position, proof);
        if (shown.kind === "lost") this.fail(shown.why);
        if (shown.kind === "unproved") this.peerNotices.tell(peer, "unproved", shown.why);
        return shown.kind !== "lost";
      },
    });
    const loop = new Loop({
      machine: this.machineOf(view, clock.now()),
      storage,
      peers: this.traces?.requests.watch(links) ?? links,
      clock,
      broken: (error) => this.fail(error.message),
    });
    this.peer.links = links;
    this.loop = loop;
    const node = { view, digest, loop, counters: links.counters, introductions, links };
    this.state.begin(node);
    this.news = new NodeNews(node, {
      notice: (text, facts) => this.events.notice(text, facts),
      detail: (text, facts) => this.events.detail?.(text, facts),
    });
    this.news.start();
    links.start();
    loop.start();
    if (!storage.writable) loop.deliver({ kind: "disk-full", full: true });
    // Found before there was anybody to mend them.
    for (const { partition, key } of [...this.home.bad()]) this.mend(partition, key);
    this.healthTimer = setInterval(() => this.judgeHealth(view), HEALTH_MS);
  }

  /** What this node says of itself when a stream to a peer begins. */
  private greeting(view: View, digest: Buffer, peer: NodeId): Handshake {
    const { storage } = this.home;
    return {
      protocolVersion: PROTOCOL_VERSION,
      clusterId: Buffer.from(view.clusterId, "hex"),
      nodeId: this.nodeId,
      viewEpoch: view.epoch,
      viewDigest: digest,
      logPosition: storage.position,
      positionProof: Buffer.from(storage.positionProof ?? "", "latin1"),
      meantNodeId: peer,
      seenPosition: storage.highestPosition(peer),
      seenProof: Buffer.from(storage.proofOf(peer), "latin1"),
      clientAddress: this.clientAddress,
      peerAddress: this.peerAddress,
      zone: this.config.zone,
      storage: this.storageKind,
      uptimeMs: Math.round(performance.now() - this.startedAt),
      softwareVersion: version,
    };
  }

  private machineOf(view: View, now: Instant): NodeMachine {
    const { storage } = this.home;
    return new NodeMachine(
      {
        self: this.nodeId,
        newest: encodedView(view),
        table: (partition) => storage.table(partition),
        restored: storage.restored(),
        // Never met by a late answer meant for an earlier process (R7).
        firstAttempt: randomBytes(6).readUIntBE(0, 6) * 16,
        now,
      },
      this.traces?.requests ?? null,
      (from, { kind }, why) => {
        const text = `${peerNamed(view, from)} sent a ${kind} that cannot be, and it is left alone: ${why}`;
        this.peerNotices.tell(from, "implausible", text);
      },
    );
  }

  private async serveMetrics(): Promise<void> {
    const { metrics } = this;
    const { metricsListen } = this.config;
    if (metrics === null) return;
    const { host, port } = hostAndPort(metricsListen);
    const taken = await this.listen("--metrics-listen", metricsListen, () => metrics.listen(host, port)).catch(
      async (error: unknown) => {
        await this.close();
        throw error;
      },
    );
    this.metricsAddress = withPort(metricsListen, taken);
  }

  private judgeHealth(view: View): void {
    if (this.loop === null || this.draining) return;
    const why = unready(this.loop, view, this.config.diskStallMs);
    const serving = why === null;
    if (this.hasServed && serving !== this.client.health.serving) {
      this.events.notice(serving ? "health: SERVING again" : `health: NOT_SERVING, ${why}`, {
        event: "health",
        node: this.nodeId,
        serving,
        ...(serving ? {} : { why }),
      });
    }
    this.client.health.setServing(serving);
    if (serving) {
      this.hasServed = true;
      this.nowServing();
    }
  }

  fill(full: boolean): void {
    this.loop?.deliver({ kind: "disk-full", full });
  }

  mend(partition: Partition, key: Key): void {
    this.loop?.deliver({ kind: "bad-register", partition, key });
  }

  fail(why: string): void {
    if (this.stop.signal.aborted) return;
    this.kill();
    const say = (): void => this.events.fatal(why);
    this.home.close().then(say, say);
  }

  kill(): void {
    if (this.stop.signal.aborted) return;
    this.shutDown();
    this.client.forceShutdown();
    this.peer.close();
    void this.home.close();
  }

  private shutDown(): void {
    this.stop.abort();
    if (this.healthTimer !== null) clearInterval(this.healthTimer);
    this.news?.stop();
    this.loop?.stop();
    this.peer.links?.close();
    this.secret.close();
    this.metrics?.close();
    this.ports.close();
  }

  private async listen(option: string, address: string, listen: () => Promise<number>): Promise<number> {
    try {
      return await listen();
    } catch {
      throw new StartError(`${option}: cannot listen at ${address}: ${await whyNot(address)}`);
    }
  }
}

/** Waits for the condition, at most so long. */
async function until(condition: () => boolean, ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (!condition() && performance.now() < end) await sleep(20);
}
