/**
 * Members that come, move and leave in a simulated cluster: what src/server and src/rpc do of that beside the loop, on
 * virtual time. The chain of views itself is the real one, in every node's core.
 *
 * A node that is no member yet, or has moved, asks by calls, as src/rpc/founding/joining.ts does. A stream between two
 * nodes opens when both know each other as members. The one with the lower id must know where the other one is
 * (src/rpc/peers/peer-links.ts). A node that hears no majority of the voters asks somebody by a call. One that the
 * newest view leaves out goes once it may (src/server/serving-phase.ts).
 */
import type { Prng } from "../../src/base/prng.js";
import { majorityOf } from "../../src/base/votes.js";
import { type NodeId, type Partition, partition } from "../../src/core/model/ids.js";
import type { EncodedView } from "../../src/core/view/encoded-view.js";
import type { JoinWish } from "../../src/core/view/message.js";
import {
  isLeaving,
  isResizing,
  ledgerOf,
  operationFault,
  takers,
  type ViewOperation,
} from "../../src/core/view/operation.js";
import {
  hasReplicas,
  type Member,
  memberOf,
  type PreviousGroup,
  placementOf,
  sameAddresses,
  type View,
} from "../../src/core/view/view.js";
import { isEmptied, type Move } from "../../src/core/view/wished-moves.js";
import { planted } from "../planted/planted.js";
import type { SimNode } from "./node.js";
import { type AskedKind, isAsked } from "./plan.js";
import { ViewWatch } from "./view-watch.js";
import type { World } from "./world.js";

/** As in src/rpc/founding/joining.ts and src/server/serving-phase.ts. */
const RETRY_MS = 200;
const LOOK_MS = 1_000;
/** How long a stream to a node outlives its membership (src/rpc/peers/peer-links.ts). */
const FAREWELL_MS = 10_000;
/** Members stay at least so many, so that three voters can always be found. */
const FEWEST_MEMBERS = 4;
const OPERATION_DIGITS = 32;

/** One replica is to give way to another one. */
type Replacement = Move & { readonly leaves: NodeId; readonly comes: NodeId };

/** Facts of a node besides its processes. */
interface Standing {
  /** Where it is, as others dial it. It may have moved since it last ran. */
  address: string;
  moves: number;
  /** Its newcomer's process runs: each has a number of its own; 0: none does. */
  joining: number;
  asksToJoin: boolean;
  asksToLeave: boolean;
  /** It was left out and has gone. */
  left: boolean;
  /** Addresses that its running process was started with. */
  contacts: readonly string[];
  /** Known to its running process: addresses that others said they are at. */
  hints: Map<NodeId, string>;
}

export class Membership {
  readonly watch: ViewWatch;
  /** The last move of each partition that somebody wants. */
  private readonly wishes = new Map<Partition, Replacement>();
  private readonly standings = new Map<NodeId, Standing>();
  private readonly chance: Prng;
  /** Streams between two processes, and when they end, if they do. */
  private readonly streams = new Map<string, number>();
  private processes = 0;
  private operations = 0;

  constructor(
    private readonly world: World,
    first: EncodedView,
  ) {
    this.chance = world.chance.fork("membership");
    const founders = first.view.members.map(({ id }) => id);
    this.watch = new ViewWatch(first, founders, (check, detail) => world.violate(check, detail));
    for (const { id } of world.nodes)
      this.standings.set(id, {
        address: `n${id}`,
        moves: 0,
        joining: 0,
        asksToJoin: founders.includes(id),
        asksToLeave: false,
        left: false,
        contacts: [],
        hints: new Map(),
      });
  }

  // ---- What befalls nodes.

  /** A node that nobody knows asks to be a member. */
  join(node: SimNode): void {
    const standing = this.of(node);
    if (standing.asksToJoin) return;
    standing.asksToJoin = true;
    this.note(`n${node.id} asks to be a member`);
    this.start(node);
  }

  /** The node is started again at another address. */
  move(node: SimNode): void {
    const standing = this.of(node);
    standing.moves++;
    standing.address = `n${node.id}.${standing.moves}`;
    this.world.sometimes.hit("a member moved");
    this.note(`n${node.id} moves to ${standing.address}`);
  }

  /**
   * Whether it may move. Where nodes are started with names, and not with addresses, all may. Otherwise they are so few
   * that whoever knows an old view, and was started long ago, still finds a majority where that says.
   */
  mayMove(node: SimNode): boolean {
    const { view } = this.watch.newest;
    if (memberOf(view, node.id) === undefined) return false;
    if (this.world.swarm.views?.names === true) return true;
    const { members } = this.world.view;
    const moved = members.filter(({ id }) => id !== node.id && (this.standings.get(id)?.moves ?? 0) > 0);
    return members.some(({ id }) => id === node.id) && 2 * (moved.length + 1) < members.length;
  }

  /** A member that keeps no partition wants to be none any more. */
  leave(node: SimNode): void {
    const standing = this.of(node);
    const { view } = this.watch.newest;
    const leaving = [...this.standings.values()].filter(({ asksToLeave, left }) => asksToLeave && !left).length;
    if (standing.asksToLeave || !node.running || memberOf(view, node.id) === undefined) return;
    if (hasReplicas(view, node.id) || view.members.length - leaving <= FEWEST_MEMBERS) return;
    standing.asksToLeave = true;
    this.note(`n${node.id} asks to leave`);
    node.farewell(this.operation());
  }

  /** Every partition is to have so many replicas, if as many members could keep them. */
  resize(node: SimNode, replicas: number): void {
    const { view } = this.watch.newest;
    if (!node.running || memberOf(view, node.id) === undefined || replicas > takers(view).length) return;
    this.note(`n${node.id} is asked for ${replicas} replicas of each partition`);
    node.resize(this.operation(), replicas);
  }

  /** People ask for that at that node, with the view that it knows. */
  request(at: SimNode, kind: AskedKind, node: NodeId, by: NodeId): void {
    const view = at.machine?.views.view;
    if (view === undefined || !at.running) return;
    const operation = this.asked(view, kind, node, by);
    if (operationFault(view, operation) !== null) return;
    // Removing one that lives needs more than that (src/rpc/services/operations.ts).
    if (kind === "remove" && (this.world.node(node).up || view.members.length <= FEWEST_MEMBERS)) return;
    this.note(`at n${at.id} somebody asks for ${kind} n${node}${kind === "replace" ? ` by n${by}` : ""}`);
    at.ask(operation);
  }

  private asked({ epoch }: View, kind: AskedKind, node: NodeId, by: NodeId): ViewOperation {
    const named = { id: this.operation(), epoch, node };
    switch (kind) {
      case "replace":
        return { kind, ...named, by };
      case "transfer-writer":
        return { kind, ...named, partitions: null };
      default:
        return { kind, ...named };
    }
  }

  /** One replica of the partition is to give way to another member. It does once it may. */
  replace(move: Replacement): void {
    this.wishes.set(move.partition, move);
    this.note(`n${move.leaves} is to give way to n${move.comes} in partition ${move.partition}`);
  }

  /** A view that names no group before says that every replica is ready, and durably is. */
  private lookAtFinished({ epoch, partitions }: View): void {
    for (const [p, { replicas, groupEpoch, previous }] of partitions.entries()) {
      if (previous !== undefined) continue;
      const unready = replicas.find((id) => !this.world.checks.hasServed(partition(p), id, groupEpoch));
      if (unready !== undefined)
        this.world.violate(
          "no copy goes that others may need",
          `view ${epoch} finishes the move of partition ${p} to group ${groupEpoch}, and n${unready} was never ready`,
        );
    }
  }

  private movedNow(at: Partition, view: View): void {
    const { sometimes, groups } = this.world;
    const { groupEpoch, previous } = placementOf(view, at);
    const before = previous?.groupEpoch ?? groupEpoch;
    if ([...groups.all(at).keys()].some((epoch) => before < epoch && epoch < groupEpoch))
      sometimes.hit("an epoch was void");
    sometimes.hit("a partition moved");
    const replicas = groups.newest(at);
    if (this.world.writersOf(at).some(({ id }) => !replicas.includes(id))) sometimes.hit("a writer moved away");
  }

  /** Every proposer plans with this. */
  get wanted(): readonly Move[] {
    return [...this.wishes.values()];
  }

  /**
   * Not the loop of a member, if this is one: a newcomer's process instead. False: it is a member, or none of it was
   * asked for.
   */
  start(node: SimNode): boolean {
    const standing = this.of(node);
    if (!standing.asksToJoin || standing.left) return true;
    if (node.base !== null && memberOf(node.base.view, node.id) !== undefined) return false;
    standing.contacts = this.contacts(node);
    standing.joining = ++this.processes;
    this.joins(node, standing, standing.joining);
    return true;
  }

  /** Its process ends. */
  ended(node: SimNode): void {
    this.of(node).joining = 0;
  }

  /** The loop of a member runs. */
  started(node: SimNode): void {
    const standing = this.of(node);
    const { machine, life } = node;
    if (machine === null) return;
    standing.joining = 0;
    standing.hints = new Map();
    standing.contacts = this.contacts(node);
    const learned = (newest: EncodedView): void => {
      this.watch.learned(node.id, newest);
      for (const moved of this.world.groups.learn(newest.view)) this.movedNow(moved, newest.view);
      this.lookAtFinished(newest.view);
      this.lookAtHealing(newest.view);
    };
    learned(machine.views.newest);
    machine.views.onChange(learned);
    if (!this.isIn(node, machine.views.newest)) {
      const operation = this.operation();
      node.wish(this.memberOf(node), operation);
      this.moves(node, life, operation);
    }
    this.asksToLeave(node);
    this.world.schedule.after(LOOK_MS * this.chance.fraction(), () => this.looks(node, life));
  }

  // ---- Who can talk to whom.

  /** There is a stream between the two, or one opens. A node that is down is known by those who have not noticed. */
  linked(from: SimNode, to: SimNode): boolean {
    const [low, high] = from.id < to.id ? [from, to] : [to, from];
    const name = `${low.id}/${low.life} ${high.id}/${high.life}`;
    const ends = this.streams.get(name);
    if (ends !== undefined && ends > this.world.schedule.now) return true;
    const { machine } = from;
    if (machine === null) return false;
    if (!to.up) return memberOf(machine.views.view, to.id) !== undefined;
    if (!this.opens(low, high)) return false;
    this.streams.set(name, Number.POSITIVE_INFINITY);
    return true;
  }

  private opens(low: SimNode, high: SimNode): boolean {
    const here = low.machine?.views.view;
    const there = high.machine?.views.view;
    if (here === undefined || there === undefined) return false;
    const address = memberOf(here, high.id)?.peerAddress;
    const where = this.of(high).address;
    if (address === undefined || (address !== where && this.of(low).hints.get(high.id) !== where)) return false;
    if (memberOf(there, low.id) !== undefined) return true;
    // Refused: it asks why.
    this.asksAt(low, low.life, where);
    return false;
  }

  /** A view leaves that node out: its streams end a little later. */
  private leftOut(node: SimNode): void {
    const until = this.world.schedule.now + FAREWELL_MS;
    for (const [name, ends] of this.streams)
      if (ends > until && name.split(" ").some((end) => end === `${node.id}/${node.life}`))
        this.streams.set(name, until);
  }

  // ---- Calls.

  private ask(
    from: SimNode,
    address: string,
    wish: JoinWish | null,
    then: (newest: EncodedView, of: NodeId) => void,
  ): void {
    const { network, nodes, schedule } = this.world;
    const asked = nodes.find((node) => node.up && this.of(node).address === address);
    if (asked === undefined || asked === from) return;
    const there = network.callMs(from.id, asked.id);
    if (there === null) return;
    const { life } = asked;
    schedule.after(there, () => {
      const { machine } = asked;
      if (!asked.running || asked.life !== life || machine === null) return;
      const newest = machine.core.views?.chain.heldView ?? machine.views.newest;
      if (wish !== null && wish.digest === newest.digest) {
        this.of(asked).hints.set(wish.member.id, wish.member.peerAddress);
        asked.hear(wish.member.id, wish);
      }
      const back = network.callMs(asked.id, from.id);
      if (back !== null) schedule.after(back, () => then(newest, asked.id));
    });
  }

  private joins(node: SimNode, standing: Standing, process: number): void {
    const { world } = this;
    const operation = this.operation();
    const runs = (): boolean => standing.joining === process;
    const again = (): void => {
      if (!runs()) return;
      const known = node.base;
      if (known !== null && memberOf(known.view, node.id) !== undefined) {
        standing.joining = 0;
        world.sometimes.hit("a newcomer became a member");
        return world.start(node);
      }
      const wish = known === null ? null : this.wish(node, known, operation);
      for (const address of this.addresses(node, known))
        this.ask(node, address, wish, (newest) => {
          // Durable before it wishes with it.
          world.schedule.after(world.swarm.disk.syncMs, () => {
            if (!runs() || newest.view.epoch <= (node.base?.view.epoch ?? 0)) return;
            node.base = newest;
            this.watch.saved(node.id, newest);
          });
        });
      world.schedule.after(RETRY_MS, again);
    };
    again();
  }

  private moves(node: SimNode, life: number, operation: string): void {
    const { machine } = node;
    if (node.life !== life || machine === null || this.isIn(node, machine.views.newest)) return;
    const newest = machine.core.views?.chain.heldView ?? machine.views.newest;
    if (memberOf(newest.view, node.id) === undefined && !planted("V7.comes-back")) return;
    const wish = this.wish(node, newest, operation);
    if (node.running)
      for (const address of this.addresses(node, newest))
        this.ask(node, address, wish, (decided, of) => this.tell(node, life, decided, of));
    this.world.schedule.after(RETRY_MS, () => this.moves(node, life, operation));
  }

  private looks(node: SimNode, life: number): void {
    const { machine } = node;
    if (node.life !== life || machine === null) return;
    this.world.schedule.after(LOOK_MS, () => this.looks(node, life));
    if (!node.running) return;
    const { core, views } = machine;
    const { view } = views;
    if (memberOf(view, node.id) === undefined) {
      this.leftOut(node);
      if (core.views?.chain.mayLeave === true) return this.goes(node);
    }
    this.asksToLeave(node);
    const heard = view.voters.filter((id) => id === node.id || core.hears(id)).length;
    if (2 * heard > view.voters.length) return;
    const all = [...new Set([...this.named(node), ...view.members.map(({ peerAddress }) => peerAddress)])];
    const others = all.filter((address) => address !== this.of(node).address);
    if (others.length > 0) this.asksAt(node, life, this.chance.pick(others));
  }

  /** Another view may have superseded what was asked for before. */
  private asksToLeave(node: SimNode): void {
    const { machine } = node;
    if (machine === null || !this.of(node).asksToLeave) return;
    const { view } = machine.views;
    if (memberOf(view, node.id) !== undefined && !isLeaving(view, node.id)) node.farewell(this.operation());
  }

  private asksAt(node: SimNode, life: number, address: string): void {
    this.ask(node, address, null, (newest, of) => this.tell(node, life, newest, of));
  }

  private tell(node: SimNode, life: number, decided: EncodedView, of: NodeId): void {
    if (node.life !== life || node.machine === null) return;
    const { view, digest } = decided;
    if (view.epoch > node.machine.views.view.epoch) node.hear(of, { kind: "view-news", decided });
    else if (!planted("V7.calls-unheard")) node.hearHeld(of, { epoch: view.epoch, digest });
  }

  private goes(node: SimNode): void {
    const { machine } = node;
    if (machine === null) return;
    this.world.sometimes.hit("a member left for good");
    this.note(`n${node.id} leaves for good`);
    const { view } = machine.views;
    this.world.crash(node);
    node.gone = true;
    this.of(node).left = true;
    this.watch.left(node.id, view);
  }

  /** The group that newcomers of the newest one take over from; null: its move is finished. */
  groupBefore(at: Partition): PreviousGroup | null {
    return this.watch.newest.view.partitions[at]?.previous ?? null;
  }

  /** The group that follows that one when what is wanted happens: whoever just went is still heard for a while. */
  groupWished(at: Partition, replicas: readonly NodeId[]): readonly NodeId[] {
    const wish = this.wishes.get(at);
    if (wish === undefined || !replicas.includes(wish.leaves) || replicas.includes(wish.comes)) return replicas;
    return [...replicas.filter((id) => id !== wish.leaves), wish.comes];
  }

  // ---- What must be in the end.

  /** Lost, and was not left out. */
  isLost(node: SimNode): boolean {
    return node.lost && !this.of(node).left;
  }

  /** It is, or was to be, part of the cluster. */
  takesPart(node: SimNode): boolean {
    return this.of(node).asksToJoin;
  }

  /** Without it and these others, whatever views are decided have a majority of their voters. */
  dispensable(node: SimNode, others: readonly SimNode[]): boolean {
    const { nodes, view, swarm } = this.world;
    // A group that shrinks to two, or from two, needs each of them, and one that just went is still heard for a while.
    if ((swarm.views?.resize ?? 0) > 0) return false;
    const farewells = (swarm.views?.farewell ?? 0) > 0 ? 3 : Number.POSITIVE_INFINITY;
    const fewest = Math.min(view.voters.length, this.watch.newest.view.voters.length, farewells);
    const missing = nodes.filter((one) => one === node || others.includes(one) || this.isLost(one));
    // A view that was accepted long ago may move a replica to any node, and to one that just died. A group without a
    // majority then is left to people where nothing heals, and one of one replica everywhere.
    const moves = (swarm.views?.replace ?? 0) + (swarm.views?.ask ?? 0) > 0;
    const heals = swarm.replicas > 1 && (swarm.views?.heal ?? 0) > 0;
    if (moves && !heals && swarm.replicas - missing.length < majorityOf(swarm.replicas)) return false;
    return missing.length <= Math.floor((fewest - 1) / 2);
  }

  /** Wishes that members and newcomers that run still wait for. */
  unfinished(): string[] {
    const { newest } = this.watch;
    const left: string[] = [];
    for (const node of this.world.nodes) {
      const { joining, asksToLeave } = this.of(node);
      if (joining > 0) left.push(`n${node.id} asked to be a member and is none`);
      const { machine } = node;
      if (machine === null || node.doomed) continue;
      const { epoch } = machine.views.view;
      if (epoch !== newest.view.epoch) left.push(`n${node.id} knows view ${epoch} of ${newest.view.epoch}`);
      if (asksToLeave) left.push(`n${node.id} asked to leave and is still there`);
      else if (!this.isIn(node, newest)) left.push(`n${node.id} is not known at ${this.of(node).address}`);
    }
    return [...left, ...this.unfinishedMoves(), ...this.unfinishedOperations()];
  }

  /** They wait for members that are down, and for nothing else. */
  private unfinishedOperations(): string[] {
    const { view } = this.watch.newest;
    const heals = (this.world.swarm.views?.heal ?? 0) > 0;
    if (heals || !view.members.every(({ id }) => this.world.node(id).up)) return [];
    return ledgerOf(view).wishes.map(({ kind, node }) => `${kind} n${node} was asked for and is not done`);
  }

  /**
   * Moves that could end, and have not. A move needs every replica of the new group. Copies kept for it go
   * once it has ended.
   */
  private unfinishedMoves(): string[] {
    const { nodes } = this.world;
    const { view } = this.watch.newest;
    const left: string[] = [];
    if (isResizing(view) && nodes.every(({ up }) => up))
      left.push("a change of the number of replicas is not finished");
    for (const [p, { groupEpoch, replicas, previous }] of view.partitions.entries()) {
      const at = partition(p);
      const up = replicas.every((id) => this.world.node(id).up);
      if (previous !== undefined && up) left.push(`the move of partition ${p} to group ${groupEpoch} is not finished`);
      if (previous !== undefined) continue;
      for (const id of replicas)
        if (this.world.node(id).machine?.core.partitions.has(at) === false)
          left.push(`n${id} does not serve partition ${p}`);
      for (const { id, machine } of nodes) {
        const copies = machine?.core.copies;
        const kept = copies?.newest.get(at);
        if (kept !== undefined && kept.life.left !== null) left.push(`n${id} still has a copy of partition ${p}`);
        if ((copies?.older.get(at)?.length ?? 0) > 0) left.push(`n${id} still has an older copy of partition ${p}`);
      }
      const wish = this.wishes.get(at);
      // Healing evens out replicas, too, and may undo it.
      const heals = (this.world.swarm.views?.heal ?? 0) > 0;
      const able =
        wish !== undefined && !heals && this.world.node(wish.comes).up && memberOf(view, wish.comes) !== undefined;
      if (able && up && replicas.includes(wish.leaves) && !replicas.includes(wish.comes))
        left.push(`partition ${p} is not moved from n${wish.leaves} to n${wish.comes}`);
    }
    return left;
  }

  /** Coverage of what the cluster does by itself. */
  private lookAtHealing(view: View): void {
    const { sometimes } = this.world;
    const { wishes, done } = ledgerOf(view);
    for (const { node } of wishes.filter(({ kind }) => kind === "heal")) {
      sometimes.hit("a member was lost");
      if (isEmptied(view.partitions, node)) sometimes.hit("others had all replicas of a lost member");
    }
    for (const { kind, doneIn } of done) {
      if (doneIn !== view.epoch) continue;
      if (kind === "heal") sometimes.hit("a lost member was welcome again");
      if (kind === "set-replication") sometimes.hit("all partitions had another number of replicas");
      if (kind === "rebalance") sometimes.hit("replicas were spread evenly");
      if (isAsked(kind)) sometimes.hit(`a ${kind} was done`);
    }
  }

  // ---- Helpers.

  private of({ id }: SimNode): Standing {
    return this.standings.get(id) as Standing;
  }

  private memberOf(node: SimNode): Member {
    const { address } = this.of(node);
    return { id: node.id, clientAddress: `${address}:c`, peerAddress: address, zone: "" };
  }

  private isIn(node: SimNode, { view }: EncodedView): boolean {
    const known = memberOf(view, node.id);
    return known !== undefined && sameAddresses(known, this.memberOf(node));
  }

  private wish(node: SimNode, { view, digest }: EncodedView, operation: string): JoinWish {
    return { kind: "join-wish", member: this.memberOf(node), operation, epoch: view.epoch, digest };
  }

  /** Voters as the view knows them, and the addresses that the node was started with. */
  private addresses(node: SimNode, known: EncodedView | null): string[] {
    const { address } = this.of(node);
    const voters = known?.view.voters ?? [];
    const at = voters.map((id) => (known === null ? "" : (memberOf(known.view, id)?.peerAddress ?? "")));
    return [...new Set([...at, ...this.named(node)])].filter((one) => one !== "" && one !== address);
  }

  /** A name leads to wherever members are, an address to where they were. */
  private named(node: SimNode): readonly string[] {
    return this.world.swarm.views?.names === true ? this.contacts(node) : this.of(node).contacts;
  }

  /** Two addresses at which members are now, or were when all are down. */
  private contacts(node: SimNode): string[] {
    const others = this.world.nodes.filter((other) => other !== node && other.life > 0 && !other.lost);
    const up = others.filter((other) => other.up);
    return this.chance
      .shuffle(up.length > 0 ? up : others)
      .slice(0, 2)
      .map((other) => this.of(other).address);
  }

  private operation(): string {
    this.operations++;
    return this.operations.toString(16).padStart(OPERATION_DIGITS, "0");
  }

  private note(text: string): void {
    this.world.trace.note(this.world.schedule.now, text);
    this.world.trace.command(this.world.schedule.now, text);
  }
}
