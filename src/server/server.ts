/** The composition root: from a configuration to a running node. */

import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { StorageKind } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { errorOf } from "../base/errno.js";
import type { NodeConfig } from "../config/config.js";
import type { Key, NodeId, Partition } from "../core/model/ids.js";
import type { EncodedView } from "../core/view/encoded-view.js";
import type { Member } from "../core/view/view.js";
import { Metrics } from "../observe/metrics.js";
import type { Traces } from "../observe/traces/traces.js";
import { type ClientServer, makeClientServer } from "../rpc/client-port.js";
import { hostAndPort, whyNot, withPort } from "../rpc/naming/addresses.js";
import { PeerPort } from "../rpc/peer-port.js";
import type { ClusterSecret } from "../rpc/peers/cluster-secret.js";
import { PeerNotices } from "../rpc/peers/peer-notices.js";
import type { OwnStatus } from "../rpc/services/reconfiguration-service.js";
import { Serving } from "../rpc/services/serving.js";
import { NodePorts } from "../rpc/transport/connection-limit.js";
import type { Home } from "../storage/home.js";
import { homeNews } from "../storage/notices.js";
import { version } from "../version.js";
import { otherThanFixed, placeOf, StartError } from "./agreement.js";
import { Descriptors, descriptorsForStart } from "./descriptors.js";
import { type Entrant, foundWithOthers, joinOthers } from "./entering.js";
import { homeOf, secretOf, tracesOf } from "./from-config.js";
import type { Passes, RunningServer, ServerEvents } from "./running-server.js";
import { ServingPhase } from "./serving-phase.js";

export { StartError } from "./agreement.js";
export type { Passes, RunningServer, ServerEvents } from "./running-server.js";

const HEALTH_MS = 100;
/** How long a stopping node tries to hand its offices over … */
const HAND_OVER_MS = 2_000;
/** … and then waits for requests under way. */
const DRAIN_MS = 5_000;
/** … and then for their answers to leave. */
const LAST_ANSWERS_MS = 500;
/** Files are closed for so long: what is being written is waited for, and a disk may stand still. */
const CLOSE_HOME_MS = 10_000;

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
  await descriptorsForStart((text) => events.notice(text));
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
  private readonly descriptors = new Descriptors();
  private readonly startedAt = performance.now();
  private readonly stop = new AbortController();
  /** null: this node is not in a view yet. */
  private phase: ServingPhase | null = null;
  private healthTimer: NodeJS.Timeout | null = null;
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
            storage: () => (this.phase === null ? null : home.storage),
            figures: () => home.figures(),
            freeSpace: () => home.freeSpace(),
            descriptorsShortMs: () => this.descriptors.shortMs,
            ports: this.ports,
            linesDropped: () => events.linesDropped?.() ?? 0,
          });
    const own: OwnStatus = {
      storage: this.storageKind,
      softwareVersion: version,
      uptimeMs: () => performance.now() - this.startedAt,
      logPosition: () => home.storage.position,
      diskFull: () => !home.storage.writable,
      freeSpace: () => home.freeSpace(),
      descriptorsShortMs: () => this.descriptors.shortMs,
      logPositionOf: (peer) => home.storage.highestPosition(peer),
    };
    this.client = makeClientServer(
      this.state,
      config.limits,
      config.clientPort,
      own,
      this.metrics?.observer ?? null,
      traces?.calls ?? null,
      this.ports.client.limits,
    );
    this.state.traces = traces?.requests ?? null;
    this.peerNotices = new PeerNotices((text) => events.notice(text));
    this.peer = new PeerPort(secret, (text) => events.notice(text), this.ports.peer.limits);
  }

  private get storageKind(): StorageKind {
    return this.home.storage.kind === "memory" ? StorageKind.MEMORY : StorageKind.LOG;
  }

  get dataPath(): string {
    return this.home.path;
  }

  async start(): Promise<void> {
    const { config } = this;
    this.descriptors.start();
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
      await this.enter();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  private get self(): Member {
    const { clientAddress, peerAddress, nodeId: id } = this;
    return { id, clientAddress, peerAddress, zone: this.config.zone };
  }

  private get entrant(): Entrant {
    const { config, home, self, secret, peer, state, events } = this;
    const notice = (text: string): void => events.notice(text);
    return { config, home, self, secret, peer, state, notice, signal: this.stop.signal };
  }

  /** Into the view that the directory knows, into a cluster that is there, or into one that is founded with others. */
  private async enter(): Promise<void> {
    const { config, home } = this;
    const known = home.view;
    if (known !== null) {
      // A node that is in a view never founds again.
      if (placeOf(config, home, known.view) === "member") {
        this.tellDiffering(known);
        return this.serve(known);
      }
    }
    const found = known === null && config.expect > 0 ? foundWithOthers : joinOthers;
    found(this.entrant)
      .then(async (decided) => {
        await home.saveView(decided);
        this.tellDiffering(decided);
        this.serve(decided);
      })
      .catch((error: unknown) => this.fail(errorOf(error).message));
  }

  /** The view counts, whatever the settings. */
  private tellDiffering({ view }: EncodedView): void {
    for (const { label, asked, fixed } of otherThanFixed(this.config, view))
      this.events.notice(`${label} is ${asked}, and the view of the cluster says ${fixed}: the view counts`);
  }

  take(socket: Socket): void {
    if (this.stop.signal.aborted) socket.destroy();
    else if (this.ports.client.take(socket)) this.client.take(socket);
  }

  async close(options = { drain: true }): Promise<void> {
    if (this.stop.signal.aborted) return;
    this.draining = true;
    this.client.health.setServing(false);
    const { loop, status } = this.phase?.node ?? {};
    if (options.drain && status !== undefined) {
      loop?.deliver({ kind: "leave" });
      await Promise.all([until(() => status.offices === 0, HAND_OVER_MS), sleep(this.config.drainDelayMs)]);
    }
    this.state.stop();
    if (status !== undefined) {
      await until(() => status.requests.pending + status.requests.visiting === 0, DRAIN_MS);
      // A connection that just ends would look like a call that may be retried.
      loop?.deliver({ kind: "give-up" });
      await sleep(20);
    }
    this.shutDown();
    // The last answers leave before the sockets do; only streams that nobody ends are cut.
    await Promise.race([this.client.shutdown(), sleep(LAST_ANSWERS_MS)]);
    this.client.forceShutdown();
    this.peer.close();
    await this.closeHome();
    await this.traces?.close();
  }

  private async closeHome(): Promise<void> {
    const began = performance.now();
    const standing = this.phase?.loop.diskStanding ?? 0;
    const closed = this.home.close().then(() => true);
    if (await Promise.race([closed, sleep(CLOSE_HOME_MS, false, { ref: false })])) return;
    const seconds = Math.round((standing + performance.now() - began) / 1_000);
    throw new Error(
      `the disk has stood still for ${seconds} s. The node ends without what it was about to write; nobody was told that it is written`,
    );
  }

  private serve(newest: EncodedView): void {
    if (this.stop.signal.aborted) return;
    const { config, events, passes, home, traces, secret, peer, peerNotices, self } = this;
    this.metrics?.observe(home.storage);
    const phase = new ServingPhase(
      {
        config,
        events,
        passes,
        home,
        traces,
        secret,
        peer,
        peerNotices,
        self,
        uptimeMs: () => performance.now() - this.startedAt,
        signal: this.stop.signal,
        fail: (why) => this.fail(why),
        left: () => this.hasLeft(),
      },
      newest,
    );
    this.phase = phase;
    this.state.begin(phase.node);
    phase.start();
    this.healthTimer = setInterval(() => this.judgeHealth(phase), HEALTH_MS);
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

  private judgeHealth(phase: ServingPhase): void {
    if (this.draining) return;
    const why = phase.unready(this.descriptors.shortMs);
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
    this.phase?.loop.deliver({ kind: "disk-full", full });
  }

  mend(partition: Partition, key: Key): void {
    this.phase?.loop.deliver({ kind: "bad-register", partition, key });
  }

  fail(why: string): void {
    if (this.stop.signal.aborted) return;
    this.kill();
    const say = (): void => this.events.fatal(why);
    this.home.close().then(say, say);
  }

  /** The view leaves this node out, and a majority of its voters know so: nobody needs this node any more. */
  private async hasLeft(): Promise<void> {
    const { view } = this.phase?.views ?? {};
    if (view === undefined || this.draining) return;
    await this.home.saveLeft(view.clusterId);
    const text = `this node has left cluster ${view.clusterId}; its directory is of no use any more`;
    await this.close();
    if (this.events.left === undefined) this.events.fatal(text);
    else this.events.left(text);
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
    this.phase?.stop();
    this.secret.close();
    this.metrics?.close();
    this.ports.close();
    this.descriptors.stop();
  }

  private async listen(option: string, address: string, listen: () => Promise<number>): Promise<number> {
    await descriptorsForStart((text) => this.events.notice(text));
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
