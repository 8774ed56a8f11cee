/**
 * A virtual network between the nodes: delay, loss, doubling, reordering, cuts in one or both directions, broken links.
 * Core messages may arrive twice or late in any order. A request passed on without an id is never doubled. The streams
 * between nodes do not double, and nobody could tell the second copy from a new request. Heartbeats never outlive the
 * process they were sent to, as a stream does not: the versions in them belong to one incarnation. Everything else may,
 * which is more than streams allow and asks more of the core.
 *
 * There is a stream from a node to each other one, whatever its messages fare like. It breaks when the other dies, or
 * by itself. A node that has noticed hands nothing to it until there is another: that was not sent, and its sender
 * knows (the router's I5).
 */

import { PeerMessage } from "../../gen/ts/onar/replication/v1/replication.js";
import type { Prng } from "../../src/base/prng.js";
import { messageFromWire } from "../../src/codec/peer/message-from-wire.js";
import { messageToWire } from "../../src/codec/peer/message-to-wire.js";
import { type NodeId, nodeId } from "../../src/core/model/ids.js";
import type { NodeMessage } from "../../src/core/model/node-message.js";
import type { Chance } from "./dice.js";
import type { Held } from "./node.js";
import type { Schedule } from "./schedule.js";
import type { Sometimes } from "./sometimes.js";
import type { NetworkFaults } from "./swarm.js";

export interface NetworkOptions {
  readonly schedule: Schedule;
  readonly chance: Prng;
  readonly nodes: number;
  readonly faults: NetworkFaults;
  readonly codec: boolean;
  readonly sometimes: Sometimes;
  readonly sent: (from: NodeId, to: NodeId, message: NodeMessage) => void;
  /** The chance that decides on this message: the stream itself, or what was written down of it. */
  readonly luck: (from: NodeId, to: NodeId, kind: string, stream: Prng) => Chance;
  readonly deliver: (from: NodeId, life: number, to: NodeId, message: NodeMessage, held: Held | null) => void;
  readonly lifeOf: (node: NodeId) => number;
  readonly linkLost: (at: NodeId, peer: NodeId) => void;
}

const SECOND = 1_000;
/** A stream is noticed to be broken, and made again, within so many milliseconds each. */
const NOTICED_MS = 20;
const DIALED_MS = 50;

export class Network {
  private readonly faults: NetworkFaults;
  private healed = false;
  /** How many cuts lie on the way from one node to another. */
  private readonly cuts: Int32Array;
  /** In a stream: when the last message sent on it arrives, and how often it broke. */
  private readonly lastArrival: Float64Array;
  private readonly breaks: Int32Array;
  /** The extra time of each way. */
  private readonly slowness: Float64Array;
  /**
   * By way: the life of the receiver whose stream is known to be broken, and when there is another after one that broke
   * by itself.
   */
  private readonly brokenLife: Int32Array;
  private readonly dialedAt: Float64Array;
  private readonly streamChance: Prng;
  private readonly callChance: Prng;
  /** The same, in both phases. */
  private readonly latency: Float64Array;

  constructor(private readonly options: NetworkOptions) {
    this.faults = options.faults;
    const pairs = (options.nodes + 1) ** 2;
    this.cuts = new Int32Array(pairs);
    this.lastArrival = new Float64Array(pairs);
    this.breaks = new Int32Array(pairs);
    this.slowness = new Float64Array(pairs);
    this.brokenLife = new Int32Array(pairs);
    this.dialedAt = new Float64Array(pairs);
    this.streamChance = options.chance.fork("streams");
    this.callChance = options.chance.fork("calls");
    const chance = options.chance.fork("slow links");
    for (let pair = 0; pair < pairs; pair++) {
      if (chance.chance(this.faults.slow)) this.slowness[pair] = chance.fraction() * this.faults.slowMs;
    }
    const { latencyMs, evenLatency } = this.faults;
    const apart = options.chance.fork("latency");
    this.latency = new Float64Array(pairs).map(() => (evenLatency ? latencyMs : apart.fraction() * latencyMs));
  }

  /** `held`: what the frame tells of its sender's newest view; null: views do not change. */
  send(from: NodeId, life: number, to: NodeId, message: NodeMessage, held: Held | null): void {
    const { sometimes } = this.options;
    const { faults } = this;
    this.options.sent(from, to, message);
    const chance = this.options.luck(from, to, message.kind, this.options.chance);
    const pair = this.pair(from, to);
    if ((this.cuts[pair] as number) > 0) return;
    const carried = this.options.codec ? throughCodec(message) : message;
    const toLife = this.options.lifeOf(to);
    if (faults.stream && !this.healed)
      return this.stream({ from, life, to, message: carried, held }, toLife, pair, chance);
    if (!this.healed && faults.loss > 0 && chance.chance(faults.loss)) {
      sometimes.hit("a message was lost");
      return;
    }
    const bound = message.kind === "heartbeat" || message.kind === "heartbeat-answer" ? toLife : null;
    const letter = { from, life, to, message: carried, held };
    this.deliver(letter, bound, this.delay(pair, chance));
    if (!this.healed && faults.doubled > 0 && mayDouble(message) && chance.chance(faults.doubled)) {
      sometimes.hit("a message was doubled");
      this.deliver(letter, bound, this.delay(pair, chance));
    }
  }

  /** A call beside the streams, or its answer: how long it is on its way; null: it is lost. */
  callMs(from: NodeId, to: NodeId): number | null {
    const { luck, sometimes } = this.options;
    const pair = this.pair(from, to);
    const chance = luck(from, to, "call", this.callChance);
    if ((this.cuts[pair] as number) > 0) return null;
    if (this.healed || this.faults.loss === 0 || !chance.chance(this.faults.loss)) return this.delay(pair, chance);
    sometimes.hit("a call was lost");
    return null;
  }

  /** Returns what ends the cut. */
  cut(from: NodeId, to: NodeId): () => void {
    const pair = this.pair(from, to);
    (this.cuts[pair] as number)++;
    this.breaks[pair] = (this.breaks[pair] as number) + (this.faults.stream ? 1 : 0);
    let over = false;
    return () => {
      if (over) return;
      over = true;
      (this.cuts[pair] as number)--;
    };
  }

  /**
   * The link between two nodes breaks. In a stream everything on its way is lost. Both ends get to know, not at the
   * same time.
   */
  lose(a: NodeId, b: NodeId): void {
    const { schedule, sometimes } = this.options;
    sometimes.hit("a link was lost");
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      (this.breaks[this.pair(from, to)] as number)++;
      const chance = this.options.luck(from, to, "link-lost", this.options.chance);
      const again = this.options.luck(from, to, "dialed", this.streamChance).fraction() * DIALED_MS;
      schedule.after(chance.fraction() * NOTICED_MS, () => {
        if (!this.healed) this.dialedAt[this.pair(from, to)] = schedule.now + again;
        this.options.linkLost(from, to);
      });
    }
  }

  /** That node's process is gone: most peers' streams to it end soon. `others`: those that run. */
  died(node: NodeId, others: readonly NodeId[]): void {
    const { schedule, luck, lifeOf, linkLost } = this.options;
    if (this.faults.noticed === 0) return;
    const life = lifeOf(node);
    for (const other of others) {
      const chance = luck(other, node, "died", this.streamChance);
      if (!chance.chance(this.faults.noticed)) continue;
      const ofOther = lifeOf(other);
      schedule.after(chance.fraction() * NOTICED_MS, () => {
        if (lifeOf(node) !== life || lifeOf(other) !== ofOther) return;
        this.brokenLife[this.pair(other, node)] = life;
        linkLost(other, node);
      });
    }
  }

  /** False: the sender knows that there is no stream. */
  takes(from: NodeId, to: NodeId): boolean {
    const pair = this.pair(from, to);
    if ((this.dialedAt[pair] as number) > this.options.schedule.now) return false;
    const broken = this.brokenLife[pair] as number;
    return broken === 0 || broken !== this.options.lifeOf(to);
  }

  heal(): void {
    this.healed = true;
    this.cuts.fill(0);
    this.dialedAt.fill(0);
  }

  private stream(letter: Letter, toLife: number, pair: number, chance: Chance): void {
    const { from, life, to, message, held } = letter;
    const { schedule } = this.options;
    const arrival = Math.max(schedule.now + this.delay(pair, chance), this.lastArrival[pair] as number);
    this.lastArrival[pair] = arrival;
    const broken = this.breaks[pair];
    schedule.at(arrival, () => {
      if (this.breaks[pair] === broken && this.options.lifeOf(to) === toLife)
        this.options.deliver(from, life, to, message, held);
      else this.options.sometimes.hit("a message was lost");
    });
  }

  /** `bound`: the only life of the receiver that may get it; null: any. */
  private deliver({ from, life, to, message, held }: Letter, bound: number | null, delay: number): void {
    if (delay >= SECOND) this.options.sometimes.hit("a message overtook another by a second");
    this.options.schedule.after(delay, () => {
      if (bound === null || bound === this.options.lifeOf(to)) this.options.deliver(from, life, to, message, held);
    });
  }

  private delay(pair: number, chance: Chance): number {
    const { faults } = this;
    const usual =
      (this.latency[pair] as number) + faults.delayMs + (faults.spreadMs > 0 ? chance.fraction() * faults.spreadMs : 0);
    if (this.healed) return usual;
    const slow = usual + (this.slowness[pair] as number);
    return faults.tail > 0 && chance.chance(faults.tail) ? slow + chance.fraction() * faults.tailMs : slow;
  }

  private pair(from: NodeId, to: NodeId): number {
    return from * (this.options.nodes + 1) + to;
  }
}

/** A message on its way. */
interface Letter {
  readonly from: NodeId;
  readonly life: number;
  readonly to: NodeId;
  readonly message: NodeMessage;
  readonly held: Held | null;
}

/** As the wire would carry it. */
function throughCodec(message: NodeMessage): NodeMessage {
  const bytes = PeerMessage.encode({ message: messageToWire(message), trace: undefined }).finish();
  const decoded = messageFromWire(PeerMessage.decode(bytes).message);
  if (decoded === null) throw new Error(`the codec does not know ${message.kind}`);
  return decoded;
}

function mayDouble(message: NodeMessage): boolean {
  return message.kind !== "forward" || message.request.kind === "read" || message.request.write.requestId !== null;
}

export const nodeIds = (count: number): NodeId[] => Array.from({ length: count }, (_, index) => nodeId(index + 1));
