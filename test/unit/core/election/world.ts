/**
 * A small virtual world for the election of one partition. The rounds of its nodes are out of step, and its links
 * delay, lose, double and cut in one direction. It has no more of the register protocol than promises. Wired as the
 * node wires it: Detector, Heartbeats, HeardGroup, Election.
 */
import { Prng } from "../../../../src/base/prng.js";
import { countVotes, majorityOf, voteOf } from "../../../../src/base/votes.js";
import { Detector } from "../../../../src/core/election/detector.js";
import { Election, type ElectionAction } from "../../../../src/core/election/election.js";
import { type GroupReports, HeardGroup } from "../../../../src/core/election/heard-group.js";
import { Heartbeats } from "../../../../src/core/election/heartbeats.js";
import type { Office } from "../../../../src/core/election/office.js";
import { type Ballot, ballot, compareBallots, initialBallot, sameBallot } from "../../../../src/core/model/ballot.js";
import type { Heartbeat, HeartbeatAnswer } from "../../../../src/core/model/heartbeat.js";
import { changeNumber, groupEpoch, type NodeId, nodeId, partition, revision } from "../../../../src/core/model/ids.js";
import type { Nack, Prepare, Promised, YourTurn } from "../../../../src/core/model/message.js";

/** Length of a round in milliseconds of virtual time; each node's differs by up to 5 %. */
export const ROUND = 100;
const EPOCH = groupEpoch(1);
const PARTITION = partition(0);
/** Pending deliveries lie in a ring of one slot per millisecond. */
const RING = 256;

type Message = Heartbeat | HeartbeatAnswer | Prepare | Promised | Nack | YourTurn;

export interface WorldOptions {
  readonly size: number;
  readonly seed: number;
  /** Probability that a message is lost. */
  readonly loss?: number;
  /** Probability that a message arrives twice. */
  readonly doubled?: number;
  /** Longest ordinary delay in milliseconds. */
  readonly delay?: number;
  /** The delay of one message in twenty, in milliseconds. */
  readonly slow?: number;
  /** false plants the bug: a writer counts as live only for those who hear it themselves. */
  readonly hop?: boolean;
  /** Offices are handed back to place 0. */
  readonly handsBack?: boolean;
}

export interface Settling {
  /** Places of the nodes that truly work at the end. */
  readonly writers: readonly number[];
  /** Rounds until the last campaign, election or stepping down. */
  readonly rounds: number;
  /** Ballots begun. */
  readonly ballots: number;
}

export class World {
  readonly size: number;
  readonly majority: number;
  readonly nodes: Node[] = [];
  /** link[a][b]: messages from place a reach place b. */
  readonly link: boolean[][] = [];
  readonly chance: Prng;
  readonly options: WorldOptions;
  now = 0;
  ballots = 0;
  offers = 0;
  changedAt = 0;
  private readonly ring: (() => void)[][] = Array.from({ length: RING }, () => []);

  constructor(options: WorldOptions) {
    this.options = options;
    this.size = options.size;
    this.majority = majorityOf(options.size);
    this.chance = new Prng(options.seed);
    for (let place = 0; place < this.size; place++) {
      this.link.push(new Array<boolean>(this.size).fill(true));
      this.nodes.push(new Node(this, place, initialBallot(EPOCH)));
    }
    for (const node of this.nodes) node.start();
  }

  after(delay: number, what: () => void): void {
    const slot = this.ring[(this.now + Math.max(1, Math.min(RING - 1, delay))) % RING];
    slot?.push(what);
  }

  run(rounds: number): void {
    const end = this.now + Math.round(rounds * ROUND);
    while (this.now < end) this.turn();
  }

  private turn(): void {
    this.now++;
    const slot = this.ring[this.now % RING] ?? [];
    for (const what of slot) what();
    slot.length = 0;
  }

  send(from: number, to: number, message: Message): void {
    const { loss = 0, doubled = 0, delay = 30, slow = 60 } = this.options;
    if (!this.passes(from, to) || (loss > 0 && this.chance.chance(loss))) return;
    const copies = doubled > 0 && this.chance.chance(doubled) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const time = this.chance.below(20) === 0 ? slow : 1 + this.chance.below(delay);
      this.after(time, () => {
        if (this.passes(from, to)) this.node(to).receive(from, message);
      });
    }
  }

  node(place: number): Node {
    const node = this.nodes[place];
    if (node === undefined) throw new Error(`no node ${place}`);
    return node;
  }

  passes(from: number, to: number): boolean {
    return this.link[from]?.[to] === true;
  }

  twoWay(a: number, b: number): boolean {
    return a === b || (this.passes(a, b) && this.passes(b, a));
  }

  setLink(from: number, to: number, up: boolean): void {
    const row = this.link[from];
    if (row !== undefined) row[to] = up;
  }

  /** Cuts every link but these, which work both ways. */
  only(...pairs: readonly (readonly [number, number])[]): void {
    for (const row of this.link) row.fill(false);
    for (const [a, b] of pairs) {
      this.setLink(a, b, true);
      this.setLink(b, a, true);
    }
  }

  healed(): void {
    for (const row of this.link) row.fill(true);
  }

  /** Places of running nodes that are connected both ways to a majority, themselves included. */
  connected(): number[] {
    return this.places((place) => this.node(place).up && this.reach(place, () => true) >= this.majority);
  }

  /**
   * Places of writers that get writes done: elected, and connected to a majority that promises exactly their ballot.
   */
  writers(): number[] {
    return this.places((place) => {
      const node = this.node(place);
      const office = node.office;
      return (
        node.up &&
        office?.elected === true &&
        this.reach(place, (other) => sameBallot(other.promise, office.ballot)) >= this.majority
      );
    });
  }

  private reach(place: number, counts: (other: Node) => boolean): number {
    let reached = 0;
    for (const other of this.nodes) if (other.up && this.twoWay(place, other.place) && counts(other)) reached++;
    return reached;
  }

  private places(where: (place: number) => boolean): number[] {
    const places: number[] = [];
    for (let place = 0; place < this.size; place++) if (where(place)) places.push(place);
    return places;
  }

  /** Stops the process at a place; its disk stays. */
  kill(place: number): void {
    this.node(place).up = false;
  }

  /** A new process with the old promise; its handshakes reset it at the others. */
  restart(place: number): void {
    const old = this.node(place);
    old.up = false;
    const node = new Node(this, place, old.promise);
    this.nodes[place] = node;
    for (const other of this.nodes) other.heartbeats.reset(node.id);
    node.start();
  }

  changed(): void {
    this.changedAt = this.now;
  }

  /** Runs until nothing changed for `quiet` rounds while there is one writer, at most `within` rounds. */
  settle(within = 60, quiet = 16): Settling {
    const began = this.now;
    const ballots = this.ballots;
    this.changedAt = began;
    const end = began + within * ROUND;
    while (this.now < end) {
      this.run(1);
      if (this.now - this.changedAt >= quiet * ROUND && this.writers().length === 1) break;
    }
    return { writers: this.writers(), rounds: (this.changedAt - began) / ROUND, ballots: this.ballots - ballots };
  }
}

class Node {
  readonly id: NodeId;
  readonly heartbeats: Heartbeats;
  readonly election: Election;
  readonly replicas: readonly NodeId[];
  private readonly detector: Detector;
  private readonly group: GroupReports;
  up = true;
  office: Office | null = null;

  constructor(
    private readonly world: World,
    readonly place: number,
    public promise: Ballot,
  ) {
    this.id = nodeId(place + 1);
    this.replicas = Array.from({ length: world.size }, (_, index) => nodeId(index + 1));
    const peers = this.replicas.filter((node) => node !== this.id);
    this.detector = new Detector({ self: this.id, peers });
    this.heartbeats = new Heartbeats({ self: this.id, detector: this.detector, peers });
    this.heartbeats.setGroup(PARTITION, this.replicas);
    const heard = new HeardGroup({
      self: this.id,
      partition: PARTITION,
      groupEpoch: EPOCH,
      replicas: this.replicas,
      ready: true,
      detector: this.detector,
      heartbeats: this.heartbeats,
    });
    this.group = world.options.hop === false ? withoutHop(heard, this.replicas) : heard;
    this.election = new Election({ self: this.id, replicas: this.replicas, groupEpoch: EPOCH });
    this.tell();
  }

  start(): void {
    this.world.after(1 + this.world.chance.below(ROUND), () => this.roundEnds());
  }

  receive(from: number, message: Message): void {
    if (!this.up) return;
    switch (message.kind) {
      case "heartbeat":
        return this.world.send(this.place, from, this.heartbeats.onHeartbeat(nodeId(from + 1), message));
      case "heartbeat-answer":
        if (this.heartbeats.onAnswer(nodeId(from + 1), message).length > 0) this.refresh();
        return;
      case "prepare":
        return this.prepared(from, message);
      case "promised":
        return this.promised(from, message);
      case "nack":
        if (this.office !== null && sameBallot(message.ballot, this.office.ballot)) this.election.nacked();
        return this.tell();
      case "your-turn": {
        const action = this.election.yourTurn(message.ballot, this.group, this.promise, this.office);
        if (action !== null) this.act(action);
        return;
      }
    }
  }

  /** Campaigns whatever the rules say. */
  campaign(): void {
    this.act({ kind: "campaign", ballot: ballot(EPOCH, this.promise.round + 1, this.id) });
  }

  private roundEnds(): void {
    if (!this.up) return;
    this.detector.roundEnded(false);
    const action = this.election.roundEnded(
      this.group,
      this.promise,
      this.office,
      this.world.options.handsBack === true,
    );
    if (action !== null) this.act(action);
    this.tell();
    for (const request of this.heartbeats.nextRound()) this.world.send(this.place, request.to - 1, request.message);
    this.world.after(Math.round(ROUND * (0.95 + this.world.chance.fraction() * 0.1)), () => this.roundEnds());
  }

  private act(action: ElectionAction): void {
    switch (action.kind) {
      case "campaign":
        this.world.ballots++;
        this.world.changed();
        this.promise = action.ballot;
        this.office = { ballot: action.ballot, elected: false, promised: voteOf(this.place), caughtUp: -1 };
        this.prepare(action.ballot, -1);
        return this.refresh();
      case "prepare":
        if (this.office !== null) this.prepare(this.office.ballot, action.places);
        return;
      case "resign":
        if (this.office?.elected) this.world.changed();
        this.office = null;
        return this.refresh();
      case "offer":
        this.world.offers++;
        return this.world.after(20, () => {
          if (this.office === null || !this.up) return;
          this.world.send(this.place, action.place, {
            kind: "your-turn",
            partition: PARTITION,
            ballot: this.office.ballot,
          });
          this.election.turnSent();
        });
      case "resume":
        return;
    }
  }

  private prepare(b: Ballot, places: number): void {
    for (let place = 0; place < this.world.size; place++) {
      if (place !== this.place && (places & voteOf(place)) !== 0) {
        this.world.send(this.place, place, { kind: "prepare", partition: PARTITION, ballot: b });
      }
    }
  }

  private prepared(from: number, message: Prepare): void {
    if (compareBallots(message.ballot, this.promise) < 0) {
      const of = { kind: "nack", partition: PARTITION, of: "prepare", ballot: message.ballot, attempt: 0 } as const;
      return this.world.send(this.place, from, { ...of, promised: this.promise });
    }
    this.promise = message.ballot;
    this.world.send(this.place, from, {
      kind: "promised",
      partition: PARTITION,
      ballot: message.ballot,
      reservation: revision(0),
    });
    this.refresh();
  }

  private promised(from: number, message: Promised): void {
    const held = this.office;
    if (held === null || !sameBallot(held.ballot, message.ballot)) return;
    const promised = held.promised | voteOf(from);
    const elected = countVotes(promised) >= this.world.majority;
    if (elected && !held.elected) this.world.changed();
    this.office = { ...held, promised, elected };
    this.refresh();
  }

  private refresh(): void {
    this.election.refresh(this.group, this.promise, this.office);
    this.tell();
  }

  private tell(): void {
    this.heartbeats.setReport({
      partition: PARTITION,
      groupEpoch: EPOCH,
      ready: true,
      promise: this.promise,
      live: this.election.live,
      settled: null,
      settledRevision: revision(0),
      lastChange: changeNumber(0),
      lagging: false,
    });
    this.heartbeats.setOffice(PARTITION, this.election.working && this.office !== null ? this.office.ballot : null);
  }
}

/** The planted bug: what a replica says of a third one's office is not believed. */
function withoutHop(group: GroupReports, replicas: readonly NodeId[]): GroupReports {
  return {
    heard: (place) => group.heard(place),
    get places() {
      return group.places;
    },
    hears: (place, other) => group.hears(place, other),
    full: (place) => group.full(place),
    report: (place) => {
      const report = group.report(place);
      return report === undefined || report.promise.node === replicas[place] ? report : { ...report, live: false };
    },
  };
}

/** A quiet world with the node at that place in office. */
export function worldWithWriter(place: number, options: WorldOptions): World {
  const world = new World(options);
  world.run(2.5);
  world.node(place).campaign();
  world.run(4);
  for (let tries = 0; tries < 5 && world.writers()[0] !== place; tries++) {
    world.node(place).campaign();
    world.run(4);
  }
  world.ballots = 0;
  world.offers = 0;
  return world;
}

/** Links of either direction drawn at random until some node is connected to a majority. */
export function drawLinks(world: World, chance: Prng): void {
  const density = 0.25 + chance.fraction() * 0.7;
  const oneWay = chance.fraction() * 0.5;
  do {
    for (let a = 0; a < world.size; a++) {
      for (let b = 0; b < a; b++) {
        const up = chance.chance(density);
        const single = chance.chance(oneWay);
        const forth = chance.chance(0.5);
        world.setLink(a, b, single && forth ? !up : up);
        world.setLink(b, a, single && !forth ? !up : up);
      }
    }
  } while (world.connected().length === 0);
}
