/**
 * Four whole nodes in one process, on virtual time: real loops, machines, codec and storage, on files and checkpoints
 * in memory. Frames travel as bytes. So the frames of one of them, the mad one, can be taken, changed and given to node
 * 10 in its name.
 *
 * It stands for src/rpc/peer-links.ts, of which it has the part behind the handshakes; test/e2e/fuzz.test.ts fuzzes
 * that itself.
 */
import { Prng } from "../../../src/base/prng.js";
import { type Instant, instant } from "../../../src/base/time.js";
import { partitionOfKey } from "../../../src/codec/api/position.js";
import { encodedView } from "../../../src/codec/peer/encoded-view.js";
import { decodeFrame, encodeFrames, messagesOf } from "../../../src/codec/peer/frame.js";
import { groupEpoch, key, type NodeId, nodeId, partition, viewEpoch } from "../../../src/core/model/ids.js";
import type { NodeMessage, Request } from "../../../src/core/model/node-message.js";
import type { Condition, RequestId, WriteOperation } from "../../../src/core/model/operation.js";
import type { View } from "../../../src/core/view/view.js";
import { Loop } from "../../../src/node/loop.js";
import { NodeMachine } from "../../../src/node/machine.js";
import type { Verdict } from "../../../src/node/outgoing.js";
import type { Clock } from "../../../src/ports/clock.js";
import { DiskStorage } from "../../../src/storage/disk.js";
import type { StorageSettings } from "../../../src/storage/settings.js";
import { FaultyFiles } from "../../conformance/faulty-files.js";
import { MemoryCheckpoint } from "../../conformance/memory-checkpoint.js";
import { Schedule } from "../../sim/schedule.js";

export const IDS = [nodeId(10), nodeId(11), nodeId(12), nodeId(13)] as const;
const REPLICAS = 3;
const PARTITIONS = 4;
const KEYS = 6;
const LINK_MS = 1;
const SYNC_MS = 0.5;
const ATTEMPTS_PER_LIFE = 1_000_000;
const RECENT = 40;

const SETTINGS: StorageSettings = {
  segmentBytes: 64 * 1024,
  foldLogBytes: 64 * 1024,
  foldMemoryBytes: 64 * 1024,
  foldKeys: 16,
  maxMemoryBytes: 4 * 1024 * 1024,
  cacheBytes: 64 * 1024,
  scrubMs: 0,
  sweepBlocks: 16,
};

const VIEW: View = {
  epoch: viewEpoch(1),
  clusterId: "00112233445566778899aabbccddeeff",
  previousDigest: "",
  operationId: "ffeeddccbbaa99887766554433221100",
  replicationFactor: REPLICAS,
  members: IDS.map((id) => ({ id, clientAddress: `c${id}:1`, peerAddress: `p${id}:2`, zone: "" })),
  partitions: Array.from({ length: PARTITIONS }, (_, p) => ({
    replicas: Array.from({ length: REPLICAS }, (_, i) => IDS[(p + i) % IDS.length] as NodeId),
    groupEpoch: groupEpoch(1),
  })),
  voters: IDS,
};

export interface Counts {
  /** Frames that could not be read, in part or as a whole. */
  unreadable: number;
  /** Messages that were left alone as what cannot be. */
  refused: number;
  /** Messages that the machine took in, by kind. */
  readonly taken: Map<string, number>;
}

export class Rig {
  readonly schedule = new Schedule();
  readonly nodes: readonly RigNode[];
  /** Frames that the mad node sent of late, as they were. */
  readonly recent: Buffer[] = [];
  readonly counts: Counts = { unreadable: 0, refused: 0, taken: new Map() };
  private requests = 0;

  constructor(
    private readonly chance: Prng,
    readonly mad: NodeId,
  ) {
    this.nodes = IDS.map((id) => new RigNode(this, id));
    for (const node of this.nodes) node.start();
  }

  get victim(): RigNode {
    return this.nodes[0] as RigNode;
  }

  node(id: NodeId): RigNode {
    return this.nodes.find((one) => one.id === id) as RigNode;
  }

  run(ms: number): void {
    this.schedule.runUntil(this.schedule.now + ms);
  }

  travels(from: NodeId, to: NodeId, frame: Buffer): void {
    if (from === this.mad && to === this.victim.id) {
      this.recent.push(frame);
      if (this.recent.length > RECENT) this.recent.shift();
    }
    this.schedule.after(LINK_MS, () => this.node(to).receive(from, frame));
  }

  /** A request of a client at a random node, on one of few keys. */
  request(): void {
    const { chance } = this;
    const k = key(`k${chance.below(KEYS)}`);
    const p = partitionOfKey(k, PARTITIONS);
    if (chance.chance(0.3)) {
      const consistency = chance.chance(0.3) ? "local" : "linearizable";
      return void chance.pick(this.nodes).ask(p, { kind: "read", read: { key: k, consistency } }, () => {});
    }
    const conditions: readonly Condition[] = [
      { kind: "absent" },
      { kind: "present" },
      { kind: "value", value: Buffer.from("1") },
    ];
    const operation = chance.pick<WriteOperation>([
      { kind: "put", key: k, value: Buffer.alloc(chance.below(100), 65) },
      { kind: "put", key: k, value: Buffer.from("1") },
      { kind: "cas", key: k, value: Buffer.from("2"), condition: chance.pick(conditions) },
      { kind: "delete", key: k, condition: null },
      { kind: "add", key: k, delta: 1n },
    ]);
    const id = chance.chance(0.6) ? (String(++this.requests).padStart(16, "0") as RequestId) : null;
    const write = { operation, requestId: id, after: null, fingerprint: id === null ? 0 : this.requests };
    chance.pick(this.nodes).ask(p, { kind: "write", write }, () => {});
  }

  /** Throws unless every partition takes a write of a fresh key at node 10 and shows it again within that time. */
  mustServe(withinMs: number, what: string): void {
    const wanted = Array.from({ length: PARTITIONS }, (_, p) => ({ p, done: false }));
    const until = this.schedule.now + withinMs;
    let attempts = 0;
    while (wanted.some(({ done }) => !done)) {
      if (this.schedule.now >= until) {
        const missing = wanted.filter(({ done }) => !done).map(({ p }) => p);
        throw new Error(`${what}: partitions ${missing.join(", ")} are not served after ${withinMs} ms`);
      }
      for (const one of wanted) if (!one.done) this.tryKey(one, `fresh ${this.schedule.now} ${attempts++}`);
      this.run(200);
    }
  }

  private tryKey(wanted: { readonly p: number; done: boolean }, name: string): void {
    const { victim } = this;
    const p = partition(wanted.p);
    let k = key(name);
    for (let i = 0; partitionOfKey(k, PARTITIONS) !== p; i++) k = key(`${name} ${i}`);
    const value = Buffer.from(name);
    const id = name.slice(-16).padStart(16, "x") as RequestId;
    const put: WriteOperation = { kind: "put", key: k, value };
    victim.ask(p, { kind: "write", write: { operation: put, requestId: id, after: null, fingerprint: 7 } }, (told) => {
      if (told.status !== "done") return;
      victim.ask(p, { kind: "read", read: { key: k, consistency: "linearizable" } }, (read) => {
        if (read.status !== "done" || read.answer.kind !== "get" || read.answer.entry === null) return;
        if (Buffer.compare(read.answer.entry.value, value) === 0) wanted.done = true;
      });
    });
  }
}

export class RigNode {
  private readonly files = new FaultyFiles(new Prng(1), false);
  private readonly checkpoint = new MemoryCheckpoint();
  private storage: DiskStorage | null = null;
  private loop: Loop | null = null;
  private life = 0;

  constructor(
    private readonly rig: Rig,
    readonly id: NodeId,
  ) {}

  start(): void {
    this.life++;
    const { rig, life } = this;
    const opened: { storage: DiskStorage | null; error: Error | null } = { storage: null, error: null };
    DiskStorage.open(
      {
        files: this.files,
        checkpoint: this.checkpoint,
        node: this.id,
        settings: SETTINGS,
        mustExist: this.life > 1,
        salt: () => 77 + life,
        later: (ms, call) => rig.schedule.after(ms, () => (life === this.life ? call() : undefined)),
        events: {
          notice: () => {},
          bad: (p, k, first) => {
            throw new Error(`node ${this.id} finds ${JSON.stringify(k)} of partition ${p} bad (${first})`);
          },
          failed: (why) => {
            throw new Error(`the disk of node ${this.id} failed: ${why}`);
          },
        },
      },
      (error, storage) => {
        opened.error = error;
        opened.storage = storage;
      },
    );
    const { storage } = opened;
    if (storage === null) throw new Error(`node ${this.id} does not start again: ${opened.error?.message}`);
    this.storage = storage;
    // The first start leaves a record, so that the next must find one.
    if (this.life === 1) storage.mark(() => {});
    const queued = new Map<NodeId, NodeMessage[]>();
    const clock = this.clock(life);
    const machine = new NodeMachine(
      {
        self: this.id,
        newest: encodedView(VIEW),
        // Without a way to encode one the view never changes: whoever tells a decided view is believed, as V1c says.
        table: (p) => storage.table(p),
        restored: storage.restored(),
        firstAttempt: (this.id * 10 + life) * ATTEMPTS_PER_LIFE,
        now: clock.now(),
        // So soon that purge passes take place.
        purgeAfter: 3_000 as never,
      },
      null,
      () => rig.counts.refused++,
      partitionOfKey,
    );
    this.loop = new Loop({
      machine,
      storage: {
        kind: "log",
        get position() {
          return storage.position;
        },
        get positionProof() {
          return storage.positionProof;
        },
        table: (p) => storage.table(p),
        restored: () => storage.restored(),
        sawPosition: (peer, position, proof) => storage.sawPosition(peer, position, proof),
        append: (entries, durable) =>
          storage.append(entries, () =>
            rig.schedule.after(SYNC_MS, () => (life === this.life ? durable() : undefined)),
          ),
        close: () => storage.close(),
      },
      peers: {
        send: (to, message) => {
          const list = queued.get(to);
          if (list === undefined) queued.set(to, [message]);
          else list.push(message);
          return true;
        },
        flush: () => {
          for (const [to, messages] of queued)
            encodeFrames(VIEW.epoch, messages, (frame) => rig.travels(this.id, to, frame));
          queued.clear();
        },
      },
      clock,
      broken: (error) => {
        throw new Error(`node ${this.id} ended: ${error.stack ?? error.message}`);
      },
    });
    this.loop.start();
  }

  /** The process is killed and started again from what its disk holds. */
  restart(): void {
    this.loop?.stop();
    this.storage?.close();
    for (const other of this.rig.nodes) if (other !== this) other.lost(this.id);
    this.start();
    for (const other of this.rig.nodes)
      if (other !== this) other.loop?.deliver({ kind: "peer-restarted", peer: this.id });
  }

  lost(peer: NodeId): void {
    this.loop?.deliver({ kind: "link-lost", peer });
  }

  /** As PeerLinks.receive does it. An error that is no ordinary one of the decoders is thrown on. */
  receive(from: NodeId, bytes: Buffer): void {
    const { loop, rig } = this;
    let readable = true;
    const deliver = (message: NodeMessage): void => {
      if ("partition" in message && message.partition >= PARTITIONS) throw new Error("no such partition");
      const { taken } = rig.counts;
      taken.set(message.kind, (taken.get(message.kind) ?? 0) + 1);
      readable = false;
      loop?.deliver({ kind: "message", from, message });
      readable = true;
    };
    try {
      const frame = decodeFrame(bytes);
      if (frame.refusal !== undefined) return this.lost(from);
      messagesOf(frame, deliver, true);
    } catch (error) {
      if (!readable || !isOrdinary(error)) throw error;
      rig.counts.unreadable++;
      this.lost(from);
    }
  }

  ask(p: ReturnType<typeof partition>, request: Request, told: (verdict: Verdict) => void): void {
    this.loop?.request(p, request, 3_000 as never, told);
  }

  private clock(life: number): Clock {
    const { schedule } = this.rig;
    let token = 0;
    return {
      now: (): Instant => instant(schedule.now),
      soon: (call) => schedule.after(0, () => (life === this.life ? call() : undefined)),
      at: (when, call) => {
        token++;
        const asked = token;
        schedule.at(when, () => (asked === token && life === this.life ? call() : undefined));
      },
      stop: () => {
        token++;
      },
    };
  }
}

/** The errors that decoders refuse with: no assertion, and no slip of the code itself. */
const isOrdinary = (error: unknown): boolean =>
  error instanceof Error && error.name !== "AssertionError" && (error.name === "Error" || error.name === "RangeError");
