/**
 * A node's own numbers, read from it when somebody asks. Labels are bounded: at most the nodes of the cluster, never
 * partitions or keys.
 */
import { collectDefaultMetrics, Registry } from "prom-client";
import {
  CATCH_UP_BYTES,
  FLIGHT_BYTES,
  NODE_MENDING_BYTES,
  NODE_PURGE_BYTES,
  PEER_QUEUES_BYTES,
  REQUEST_BYTES,
  RETAINED_BYTES,
  TRANSFER_BYTES,
  WRITER_MEMORY_BYTES,
} from "../core/model/bounds.js";
import type { NodeId } from "../core/model/ids.js";
import type { NodeStorage } from "../ports/storage.js";
import type { AdmissionCounters } from "../rpc/peers/admission.js";
import { type LinkCounters, newCounters } from "../rpc/peers/link.js";
import type { Serving, ServingNode } from "../rpc/services/serving.js";
import { histogramText } from "./exposition.js";
import { Meter } from "./meter.js";
import { meterStorage, type StorageParts } from "./storage-metrics.js";

export interface PeerQueue {
  readonly peer: NodeId;
  /** Written and not yet taken by the connection. */
  readonly bytes: number;
}

interface PortFigures {
  readonly open: number;
  readonly refused: number;
  /** How often each limit of its connections has taken effect. */
  readonly limits: Iterable<readonly [name: string, count: number]>;
}

export interface NodeParts extends StorageParts {
  readonly serving: Serving;
  readonly softwareVersion: string;
  /** Whether health says SERVING. */
  readonly healthy: () => boolean;
  readonly ports: Readonly<Record<"client" | "peer", PortFigures>>;
  /** For how long the process has had no file descriptor left. */
  readonly descriptorsShortMs: () => number;
  /** Lines of the log that could not be written. */
  readonly linesDropped: () => number;
  /** Admission at the peer port. */
  readonly admission: () => { readonly counters: AdmissionCounters; readonly strangerCount: number };
  /** Empty while there is no view. */
  readonly queues: () => readonly PeerQueue[];
}

type Gather = (node: ServingNode) => number;

export class NodeMetrics {
  private readonly registry = new Registry();
  private readonly meter = new Meter(this.registry);

  constructor(private readonly parts: NodeParts) {
    collectDefaultMetrics({ register: this.registry });
    this.info();
    this.connections();
    this.requests();
    this.cluster();
    this.disk();
    this.load();
    this.upkeep();
    this.links();
    meterStorage(this.meter, parts);
  }

  async text(): Promise<string> {
    return (await this.registry.metrics()) + frameSizes(this.parts.serving.node?.counters ?? newCounters());
  }

  private info(): void {
    const { serving, softwareVersion, healthy, storage, linesDropped } = this.parts;
    this.meter.gauges("onar_info", "1, with what this node is.", ["node", "cluster", "version", "storage"], (set) =>
      set(
        [String(serving.self), serving.node?.views.view.clusterId ?? "", softwareVersion, storageName(storage()?.kind)],
        1,
      ),
    );
    this.meter.gauge("onar_serving", "1 while health says SERVING.", () => (healthy() ? 1 : 0));
    this.meter.counter("onar_log_lines_dropped_total", "Lines of the log that could not be written.", linesDropped);
    this.meter.gauge("onar_view_epoch", "Epoch of the view; 0 while this node waits for its cluster.", () =>
      Number(serving.node?.views.view.epoch ?? 0),
    );
  }

  private connections(): void {
    const { client, peer } = this.parts.ports;
    this.meter.gauges("onar_connections", "Connections that others have opened, by port.", ["port"], (set) => {
      set(["client"], client.open);
      set(["peer"], peer.open);
    });
    this.meter.counters(
      "onar_connections_refused_total",
      "Connections that were refused, as there were too many.",
      ["port"],
      (set) => {
        set(["client"], client.refused);
        set(["peer"], peer.refused);
      },
    );
    this.meter.counters(
      "onar_connection_limits_total",
      "How often a limit of connections has taken effect, by port and limit; limits with a setting have its name.",
      ["port", "limit"],
      (set) => {
        for (const [limit, count] of client.limits) set(["client", limit], count);
        for (const [limit, count] of peer.limits) set(["peer", limit], count);
      },
    );
    this.meter.gauge(
      "onar_descriptors_short_seconds",
      "For how long the process has had no file descriptor left; 0: it has some.",
      () => this.parts.descriptorsShortMs() / 1_000,
    );
  }

  private requests(): void {
    const { serving } = this.parts;
    this.meter.counters(
      "onar_requests_total",
      "Requests on keys that clients brought to this node, those in pipelines included.",
      ["kind"],
      (set) => {
        set(["read"], serving.reads);
        set(["write"], serving.writes);
      },
    );
    this.ofNode("onar_requests_pending", "Requests of clients under way.", (node) => node.status.requests.pending);
    this.ofNode(
      "onar_requests_held",
      "Those of them that nobody can take just now.",
      (node) => node.status.requests.held,
    );
    this.ofNode(
      "onar_requests_visiting",
      "Requests under way that other nodes passed on to this one.",
      (node) => node.status.requests.visiting,
    );
  }

  private cluster(): void {
    const { storage } = this.parts;
    this.ofNode("onar_offices", "Partitions that this node is the working writer of.", (node) => node.status.offices);
    this.ofNode("onar_replicas", "Partitions that this node keeps a replica of.", (node) => node.status.keptCount);
    this.ofNode("onar_partitions_without_writer", "Partitions of which this node knows no working writer.", (node) => {
      return node.status.withoutWriter;
    });
    this.ofNode("onar_partitions_moving", "Partitions whose replicas move, in the newest view.", (node) => {
      return node.status.moving;
    });
    this.ofNode("onar_members_lost", "Members that were not heard for long: others get their replicas.", (node) => {
      return node.status.lost.length;
    });
    this.ofNode("onar_partitions_under_replicated", "Partitions that have a replica on a lost member.", (node) => {
      return node.status.underReplicated;
    });
    this.ofNode("onar_merges", "Copies that this node gets from the group before, and that are not ready.", (node) => {
      return node.status.transfers.merging;
    });
    this.counterOfNode(
      "onar_merge_received_bytes_total",
      "Bytes of registers that came for copies that move to this node.",
      (node) => node.status.transfers.received,
    );
    this.counterOfNode(
      "onar_elections_total",
      "Ballot rounds that this node's replicas have promised, summed up: an election adds at least one at each replica of the partition.",
      (node) => node.status.upkeep.rounds,
    );
    this.counterOfNode(
      "onar_offices_offered_total",
      "Offices that this node has offered to another replica: to the preferred one, or as it stops or its disk is full.",
      (node) => node.status.upkeep.offers,
    );
    this.ofNode("onar_registers", "Registers that this node holds, tombstones included.", (node) => {
      const held = storage();
      let registers = 0;
      if (held !== null) for (const p of node.status.kept) registers += held.table(p).size;
      return registers;
    });
    this.ofNode("onar_copy_bytes", "About how many bytes the copies of this node hold.", (node) => {
      let bytes = 0;
      for (const size of node.status.sizes.values()) bytes += size.bytes;
      return bytes;
    });
    this.meter.gauges(
      "onar_settled_lag_revisions",
      "How many revisions a node is behind in the partition, of those that this node writes, where it is behind most.",
      ["node"],
      (set) => {
        for (const [node, lag] of this.parts.serving.node?.status.lags ?? []) set([String(node)], lag);
      },
    );
    this.meter.gauges("onar_peer_heard", "1 for each other node that this one hears.", ["node"], (set) => {
      const { node, self } = this.parts.serving;
      for (const { id } of node?.views.view.members ?? [])
        if (id !== self) set([String(id)], node?.status.hears(id) === true ? 1 : 0);
    });
  }

  private disk(): void {
    this.ofNode(
      "onar_disk_standing_seconds",
      "For how long the disk has stood still although something is to be written.",
      (node) => node.status.diskStandingMs / 1_000,
    );
    this.meter.gauge(
      "onar_disk_room_bytes",
      "Bytes that this node can take until its disk counts as full; 0 with storage in memory, too.",
      () => this.parts.freeSpace()?.room ?? 0,
    );
  }

  /** The loads that src/core/model/bounds.ts bounds; each is given with its bound. */
  private load(): void {
    const kinds: readonly (readonly [string, number, (node: ServingNode) => number])[] = [
      ["requests", REQUEST_BYTES, (node) => node.status.requests.bytes],
      ["flights", FLIGHT_BYTES, (node) => node.status.load.flights],
      ["retained", RETAINED_BYTES, (node) => node.status.load.retained],
      ["writer-memory", WRITER_MEMORY_BYTES, (node) => node.status.load.memory],
      ["catch-up", CATCH_UP_BYTES, (node) => node.status.load.catchUp],
      ["transfers", TRANSFER_BYTES, (node) => node.status.transfers.asked],
      ["mending", NODE_MENDING_BYTES, (node) => node.status.load.mending],
      ["purging", NODE_PURGE_BYTES, (node) => node.status.load.purging],
      ["peer-queues", PEER_QUEUES_BYTES, () => this.parts.queues().reduce((sum, { bytes }) => sum + bytes, 0)],
    ];
    const { serving } = this.parts;
    this.meter.gauges("onar_load_bytes", "Bytes that this node holds of a kind, about.", ["kind"], (set) => {
      for (const [kind, , read] of kinds) set([kind], serving.node === null ? 0 : read(serving.node));
    });
    this.meter.gauges("onar_load_bound_bytes", "Bytes of that kind that it may hold.", ["kind"], (set) => {
      for (const [kind, bound] of kinds) set([kind], bound);
    });
    this.counterOfNode(
      "onar_registers_left_total",
      "Registers that a replica lacks and that are left to catch-up, as too much was retained.",
      (node) => node.status.load.left,
    );
  }

  /** Catching up, mending and purging. */
  private upkeep(): void {
    this.ofNode(
      "onar_changes_behind",
      "Changes of replicas it hears that are not known to be in this node's, in the partition where they are most.",
      (node) => node.status.lacking.most,
    );
    this.ofNode(
      "onar_bad_registers",
      "Registers of this node that are unknown and wait to be mended.",
      (node) => node.status.upkeep.bad,
    );
    this.counterOfNode(
      "onar_mended_registers_total",
      "Registers that were mended.",
      (node) => node.status.upkeep.mended,
    );
    this.counterOfNode(
      "onar_purged_tombstones_total",
      "Tombstones that this node purged as the writer.",
      (node) => node.status.upkeep.purged,
    );
  }

  private links(): void {
    const { admission } = this.parts;
    this.meter.counter(
      "onar_peer_authentication_failures_total",
      "Connections to the peer port that did not prove that they know the cluster secret.",
      () => admission().counters.failures,
    );
    this.meter.counter(
      "onar_peer_strangers_closed_total",
      "Connections to the peer port that were closed before their other end was known: too many, too long, or too much sent.",
      () => admission().counters.closed,
    );
    this.meter.gauge(
      "onar_peer_strangers",
      "Connections to the peer port whose other end is not known yet.",
      () => admission().strangerCount,
    );
    this.meter.gauges(
      "onar_peer_queue_bytes",
      "Bytes that wait for the connection to another node.",
      ["node"],
      (set) => {
        for (const { peer, bytes } of this.parts.queues()) set([String(peer)], bytes);
      },
    );
    const of = (name: string, help: string, read: (counters: LinkCounters) => number): void =>
      this.counterOfNode(name, help, (node) => read(node.counters));
    of("onar_peer_frames_sent_total", "Frames sent to other nodes.", (counters) => counters.framesSent);
    of("onar_peer_frames_received_total", "Frames received from other nodes.", (counters) => counters.framesReceived);
    of("onar_peer_messages_sent_total", "Messages in the frames sent.", (counters) => counters.messagesSent);
    of(
      "onar_peer_messages_received_total",
      "Messages in the frames received.",
      (counters) => counters.messagesReceived,
    );
    of(
      "onar_peer_messages_dropped_total",
      "Messages dropped as a queue was full.",
      (counters) => counters.messagesDropped,
    );
    this.counterOfNode(
      "onar_peer_messages_implausible_total",
      "Messages of other nodes that cannot be, and were left alone.",
      (node) => node.status.implausible,
    );
    of("onar_peer_sent_bytes_total", "Bytes of the frames sent.", (counters) => counters.bytesSent);
  }

  /** 0 while there is no view. */
  private ofNode(name: string, help: string, read: Gather): void {
    const { serving } = this.parts;
    this.meter.gauge(name, help, () => (serving.node === null ? 0 : read(serving.node)));
  }

  private counterOfNode(name: string, help: string, read: Gather): void {
    const { serving } = this.parts;
    this.meter.counter(name, help, () => (serving.node === null ? 0 : read(serving.node)));
  }
}

const storageName = (kind: NodeStorage["kind"] | undefined): string => (kind === "log" ? "disk" : (kind ?? ""));

/** Sizes are counted by powers of two (rpc/peers/link.ts). */
function frameSizes({ frameSizes: counts, messagesSent }: LinkCounters): string {
  const bounds = Array.from({ length: counts.length - 1 }, (_, i) => 2 ** i);
  return histogramText("onar_peer_frame_messages", "Messages in each frame sent.", bounds, [
    { labels: {}, counts, sum: messagesSent },
  ]);
}
