/**
 * Large clusters on virtual time: the real cores of all nodes, and no load. It tells what heartbeats and elections
 * cost a node in a second, and how soon all nodes know a view. Beside it stand the figures of placement: founding, a
 * node that joins, and a zone that dies.
 */
import { performance } from "node:perf_hooks";
import { duration, type Instant, instant } from "../../src/base/time.js";
import { encodedView } from "../../src/codec/peer/encoded-view.js";
import { encodeFrames } from "../../src/codec/peer/frame.js";
import { Core } from "../../src/core/core.js";
import { type NodeId, nodeId, viewEpoch } from "../../src/core/model/ids.js";
import type { CoreMessage } from "../../src/core/model/message.js";
import type { NodeEntry } from "../../src/core/model/node-entry.js";
import { Envelopes } from "../../src/core/model/outbox.js";
import { MemoryTable } from "../../src/core/model/table.js";
import { firstPlacement } from "../../src/core/placement/first-placement.js";
import { MOVE_CAPS } from "../../src/core/placement/moves.js";
import { evenPlacement, type PlacedPartition } from "../../src/core/placement/next-placement.js";
import type { EncodedView } from "../../src/core/view/encoded-view.js";
import { type Member, preferredOf, type View } from "../../src/core/view/view.js";
import { progress, type SuiteOptions, type SuiteResult } from "./context.js";
import { tableOf } from "./table.js";

interface Shape {
  readonly nodes: number;
  readonly partitions: number;
  /** Virtual rounds that are measured; fewer where each takes long. */
  readonly rounds: number;
}

const SHAPES: readonly Shape[] = [
  { nodes: 50, partitions: 1_024, rounds: 40 },
  { nodes: 100, partitions: 4_096, rounds: 20 },
  { nodes: 300, partitions: 8_192, rounds: 8 },
  { nodes: 1_000, partitions: 16_384, rounds: 3 },
];
const ZONES = 3;
const FACTOR = 3;
const VOTERS = 7;
const ROUND_MS = 200;
/** A message is on its way for so long. */
const DELAY_MS = 5;
const STEP_MS = 5;
/** By then every partition has a writer, and nothing else changes. */
const QUIET_ROUNDS = 12;
/** One message of so many is encoded for its length. */
const SAMPLED = 101;
const MAX_VIEW_MS = 20_000;

interface Standing {
  readonly core: Core;
  due: number;
  /** The newest epoch that a frame of each peer told. */
  told: number;
}

interface Sent {
  readonly from: number;
  readonly to: number;
  readonly epoch: number;
  readonly message: CoreMessage;
}

interface Row extends Shape {
  readonly messages: number;
  readonly bytes: number;
  readonly cpuMs: number;
  readonly electionsMs: number;
  readonly viewMs: number | null;
  readonly viewBytes: number;
}

interface PlacementRow extends Shape {
  readonly foundMs: number;
  readonly joinMs: number;
  readonly joinMoves: number;
  readonly zoneMs: number;
  readonly zoneMoves: number;
  /** Views that carry them, at the caps. */
  readonly zoneViews: number;
}

export function scale({ nodes, only }: SuiteOptions): Promise<SuiteResult> {
  const most = only.length > 0 ? Number(only[0]) : Math.max(nodes, 300);
  const shapes = SHAPES.filter((shape) => shape.nodes <= most);
  const placed = shapes.map(placementRow);
  const rows = shapes.map(row);
  const fixed = (value: number, digits = 0): string => value.toFixed(digits);
  const shapeOf = ({ nodes: count, partitions }: Shape): string => `${count} × ${partitions}`;
  return Promise.resolve({
    tables: [
      tableOf(`An idle cluster, for each node and second; rounds of ${ROUND_MS} ms`, rows, [
        ["nodes × partitions", shapeOf],
        ["messages sent", ({ messages }) => fixed(messages)],
        ["KiB sent", ({ bytes }) => fixed(bytes / 1_024)],
        ["CPU ms", ({ cpuMs }) => fixed(cpuMs, 1)],
        ["all writers elected, ms", ({ electionsMs }) => fixed(electionsMs)],
        ["all know a view, ms", ({ viewMs }) => (viewMs === null ? "-" : fixed(viewMs))],
        ["view, KiB", ({ viewBytes }) => fixed(viewBytes / 1_024)],
      ]),
      tableOf(`Placement of ${FACTOR} replicas in ${ZONES} zones`, placed, [
        ["nodes × partitions", shapeOf],
        ["founded, ms", ({ foundMs }) => fixed(foundMs)],
        ["a node joins: moves", ({ joinMoves }) => fixed(joinMoves)],
        ["worked out, ms", ({ joinMs }) => fixed(joinMs)],
        ["a zone dies: moves", ({ zoneMoves }) => fixed(zoneMoves)],
        ["worked out, ms", ({ zoneMs }) => fixed(zoneMs)],
        ["views at the caps", ({ zoneViews }) => fixed(zoneViews)],
      ]),
    ],
    notes: [
      `virtual time: each message takes ${DELAY_MS} ms, disks take none; the CPU time is of the cores alone, without network and codec`,
      `a view changes at most ${MOVE_CAPS.perCluster} replicas at a time, ${MOVE_CAPS.perNode} of one node`,
    ],
    figures: { rows, placed },
  });
}

function membersOf(count: number): Member[] {
  return Array.from({ length: count }, (_, index) => ({
    id: nodeId(index + 1),
    clientAddress: `n${index + 1}:1`,
    peerAddress: `n${index + 1}:2`,
    zone: `z${index % ZONES}`,
  }));
}

function viewOf({ nodes, partitions }: Shape): View {
  const members = membersOf(nodes);
  return {
    epoch: viewEpoch(1),
    clusterId: "ab".repeat(16),
    previousDigest: "",
    operationId: "cd".repeat(16),
    replicationFactor: FACTOR,
    members,
    partitions: firstPlacement(members, FACTOR, partitions),
    voters: members.slice(0, VOTERS).map(({ id }) => id),
  };
}

function placementRow(shape: Shape): PlacementRow {
  progress(`scale: placement, ${shape.nodes} nodes`);
  const timed = <T>(work: () => T): [T, number] => {
    const began = performance.now();
    const done = work();
    return [done, performance.now() - began];
  };
  const [view, foundMs] = timed(() => viewOf(shape));
  const before = view.partitions.map((one) => ({
    replicas: one.replicas,
    preferred: preferredOf(one) ?? nodeId(1),
  }));
  const seats = view.members;
  const more = [...seats, { id: nodeId(shape.nodes + 1), zone: "z0" }];
  const living = seats.filter(({ zone }) => zone !== "z0");
  const even = (on: readonly { readonly id: NodeId; readonly zone: string }[]): PlacedPartition[] => [
    ...evenPlacement(before, { seats: on, replicationFactor: FACTOR }),
  ];
  const [joined, joinMs] = timed(() => even(more));
  const [healed, zoneMs] = timed(() => even(living));
  const movesTo = (after: readonly PlacedPartition[]): number => {
    let moves = 0;
    for (const [p, { replicas }] of after.entries())
      for (const id of replicas) if (before[p]?.replicas.includes(id) !== true) moves++;
    return moves;
  };
  const zoneMoves = movesTo(healed);
  const zoneViews = Math.ceil(zoneMoves / MOVE_CAPS.perCluster);
  return { ...shape, foundMs, joinMs, joinMoves: movesTo(joined), zoneMs, zoneMoves, zoneViews };
}

function row(shape: Shape): Row {
  progress(`scale: heartbeats and elections, ${shape.nodes} nodes`);
  const first = encodedView(viewOf(shape));
  const cluster = new Cluster(shape.nodes, first);
  const electionsMs = cluster.untilElected(shape.partitions);
  cluster.run(QUIET_ROUNDS * ROUND_MS);
  cluster.count();
  const cpu = process.cpuUsage();
  cluster.run(shape.rounds * ROUND_MS);
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (shape.rounds * ROUND_MS) / 1_000;
  const per = (total: number): number => total / shape.nodes / seconds;
  const { sent, bytes } = cluster;
  const viewMs = cluster.untilAllKnowNext();
  return {
    ...shape,
    messages: per(sent),
    bytes: per(bytes),
    cpuMs: per((user + system) / 1_000),
    electionsMs,
    viewMs,
    viewBytes: first.bytes.length,
  };
}

/** All cores of a cluster, on virtual time. Disks take no time, and every message takes as long. */
class Cluster {
  now = 0;
  sent = 0;
  bytes = 0;
  private readonly standing: Standing[] = [];
  /** By the step in which they arrive. */
  private readonly flying = new Map<number, Sent[]>();
  private sampled = 0;

  constructor(count: number, first: EncodedView) {
    for (let index = 0; index < count; index++) {
      const core = new Core({
        self: nodeId(index + 1),
        newest: first,
        encode: encodedView,
        table: () => new MemoryTable(),
        firstAttempt: 0,
        round: duration(ROUND_MS),
        // Nodes do not begin their rounds together.
        now: instant(Math.floor((index * 37) % ROUND_MS)),
      });
      this.standing.push({ core, due: (index * 37) % ROUND_MS, told: 1 });
    }
  }

  count(): void {
    this.sent = 0;
    this.bytes = 0;
  }

  run(forMs: number): void {
    for (const end = this.now + forMs; this.now < end; ) this.step();
  }

  /** Milliseconds until each partition has one. */
  untilElected(partitions: number): number {
    while (this.offices() < partitions && this.now < MAX_VIEW_MS) this.run(ROUND_MS / 2);
    return this.now;
  }

  /** Milliseconds from an operation to the moment at which all know the view that it makes; null: some never did. */
  untilAllKnowNext(): number | null {
    const [asked] = this.standing;
    if (asked === undefined) return null;
    const { core } = asked;
    const began = this.now;
    const epoch = core.newest.view.epoch;
    const operation = {
      kind: "transfer-writer",
      id: "ef".repeat(16),
      epoch,
      node: core.self,
      partitions: null,
    } as const;
    this.input(0, { kind: "ask", operation });
    const knowing = (): number => this.standing.filter((one) => one.core.newest.view.epoch > epoch).length;
    while (knowing() < this.standing.length) {
      if (this.now - began > MAX_VIEW_MS) return null;
      this.step();
    }
    return this.now - began;
  }

  private offices(): number {
    return this.standing.reduce((sum, { core }) => sum + core.offices, 0);
  }

  private step(): void {
    const arrived = this.flying.get(this.now) ?? [];
    this.flying.delete(this.now);
    for (const { from, to, epoch, message } of arrived) {
      const { core } = this.standing[to - 1] as Standing;
      // A frame tells the newest view of its sender.
      if (epoch > core.newest.view.epoch) this.tell(from, to);
      this.input(to - 1, { kind: "message", from: nodeId(from), message });
    }
    for (const [index, one] of this.standing.entries()) if (one.due <= this.now) this.input(index, { kind: "wake" });
    this.now += STEP_MS;
  }

  private tell(from: number, to: number): void {
    const { view, digest } = (this.standing[from - 1] as Standing).core.newest;
    const one = this.standing[to - 1] as Standing;
    if (view.epoch <= one.told) return;
    one.told = view.epoch;
    this.input(to - 1, { kind: "peer-view", peer: nodeId(from), epoch: view.epoch, digest });
  }

  private input(index: number, input: Parameters<Core["step"]>[1]): void {
    const one = this.standing[index] as Standing;
    const entries: NodeEntry[] = [];
    const out = {
      entries,
      sendNow: new Envelopes<CoreMessage>(),
      sendDurable: new Envelopes<CoreMessage>(),
      outcomes: [],
      raised: [],
    };
    one.core.step(this.instant, input, out);
    one.due = one.core.nextDeadline();
    for (const envelopes of [out.sendNow, out.sendDurable])
      envelopes.each((to, message) => this.send(index + 1, to, one.core.newest.view.epoch, message));
  }

  private send(from: number, to: number, epoch: number, message: CoreMessage): void {
    this.sent++;
    if (this.sampled++ % SAMPLED === 0)
      encodeFrames(viewEpoch(epoch), [message], (frame) => {
        this.bytes += SAMPLED * frame.length;
      });
    const at = this.now + DELAY_MS;
    const flying = this.flying.get(at);
    const sent = { from, to, epoch, message };
    if (flying === undefined) this.flying.set(at, [sent]);
    else flying.push(sent);
  }

  private get instant(): Instant {
    return instant(this.now);
  }
}
