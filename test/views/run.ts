/**
 * Runs the world of views by seed. Nodes join, leave, crash and lose their disk, several proposers are at work at once,
 * and a network loses, doubles, delays, reorders and cuts. After that a calm time, in which every node must come to
 * know the newest view, and new views must be decided.
 */

import { Prng } from "../../src/base/prng.js";
import type { Duration } from "../../src/base/time.js";
import { type NodeId, nodeId } from "../../src/core/model/ids.js";
import type { EncodedView } from "../../src/core/view/encoded-view.js";
import { fateOf, operationFault, type ViewOperation } from "../../src/core/view/operation.js";
import { hasReplicas, type Member, memberOf } from "../../src/core/view/view.js";
import { planted } from "../planted/planted.js";
import { Schedule } from "../sim/schedule.js";
import { Broken, ViewChecks, type ViewViolation } from "./checks.js";
import { at, type Disk, type Framed, ViewNode, type WorldMessage, WorldOutbox } from "./node.js";
import { EARLIER, firstView, LATER, memberAt, ONLY, planned, saysLater, type Version } from "./views.js";

const ROUND_MS = 200;
const TICK_MS = 50;
const CHAOS_MS = 20_000;
const CALM_MS = 20_000;
/** In the calm time operations are asked for until this much before its end. */
const LAST_CALL_MS = 6_000;
const ASK_IN_CALM_MS = 8_000;
const MOST_NODES = 14;

export interface ViewRun {
  readonly seed: number;
  /** Views decided. */
  readonly views: number;
  readonly left: number;
  /** Nodes that began at the address of a lost member. */
  readonly successors: number;
  readonly violation: ViewViolation | null;
  readonly hash: number;
  readonly trace: readonly string[];
}

export interface ViewPlan {
  /**
   * The proposers plan by themselves, as those of real nodes; otherwise a careless planner tells them what to propose.
   */
  readonly planned: boolean;
  /** How long each message travels at least; not given: drawn by the seed. */
  readonly delayMs?: number;
  /** How long a view stands before the next one is proposed; not given: as in real nodes. */
  readonly viewStands?: Duration;
}

export function runViews(seed: number, keep = 0, plan: ViewPlan = { planned: false }): ViewRun {
  return new World(seed, keep, plan).run();
}

/** One machine: its processes come and go, its disk may be lost, and then its next process is another node. */
interface Host {
  id: NodeId;
  disk: Disk;
  node: ViewNode | null;
  life: number;
  /** Batches that wait for the disk, in order; the first is being written. */
  readonly waiting: { readonly out: WorldOutbox; readonly life: number }[];
  gone: boolean;
  readonly wishes: boolean;
  /** Somebody asked that it leaves. */
  leaves: boolean;
  /** The name of its address; another host may have had it before. */
  readonly address: string;
  /** It asks for the address of a member that lives, which it must not get. */
  readonly intrudes: boolean;
}

type Asked =
  | { readonly kind: "leave"; readonly node: NodeId }
  | { readonly kind: "transfer-writer"; readonly node: NodeId; readonly partitions: null };

interface Faults {
  readonly delayMs: number;
  readonly spreadMs: number;
  readonly loss: number;
  readonly doubled: number;
  readonly late: number;
  readonly diskMs: number;
  readonly everyMs: number;
  readonly crash: number;
  readonly cut: number;
  readonly wipe: number;
  readonly duel: number;
}

class World {
  private readonly schedule = new Schedule();
  private readonly chance: Prng;
  private readonly luck: Prng;
  private readonly faults: Faults;
  private readonly planned: boolean;
  private readonly viewStands: Duration | undefined;
  private readonly updates: Prng;
  /** Nodes of two versions side by side: each process is of either one. */
  private readonly updating: boolean;
  private readonly checks: ViewChecks;
  private readonly hosts: Host[] = [];
  private readonly byId = new Map<NodeId, Host>();
  private readonly former = new Set<NodeId>();
  private readonly leastVoters: number;
  private readonly cuts = new Set<string>();
  private readonly trace: string[] = [];
  private lastId: number;
  private calm = false;
  private mayWipe: boolean;
  private wiped = false;
  private operations = 0;
  private readonly asked: {
    readonly operation: ViewOperation;
    readonly at: Host;
    readonly life: number;
    readonly calm: boolean;
  }[] = [];
  private decidedInCalm = 0;
  private successors = 0;
  /** Members that stand at each other's addresses in the calm time, with what they want to be known at. */
  private readonly turned: Member[] = [];
  /** The member whose address another node wants in the calm time. */
  private intruded: NodeId | null = null;
  private leftCount = 0;
  private hash = 0;

  constructor(
    private readonly seed: number,
    private readonly keep: number,
    { planned, delayMs, viewStands }: ViewPlan,
  ) {
    this.planned = planned;
    this.viewStands = viewStands;
    this.chance = new Prng(seed).fork("nemesis");
    this.luck = new Prng(seed).fork("network");
    this.updates = new Prng(seed).fork("versions");
    this.updating = planned && this.updates.chance(0.3);
    const drawn = drawFaults(new Prng(seed).fork("faults"));
    this.faults = { ...drawn, delayMs: delayMs ?? drawn.delayMs };
    const members = 1 + this.chance.below(6);
    const voters = 1 + this.chance.below(Math.min(members, 5));
    this.mayWipe = voters >= 3;
    this.leastVoters = this.mayWipe ? 3 : 1;
    const first = firstView(members, voters, this.planned ? Math.min(2, members) : 1);
    this.checks = new ViewChecks(first, saysLater);
    this.lastId = members;
    for (const { id } of first.view.members) this.place(id, first, false);
  }

  run(): ViewRun {
    let violation: ViewViolation | null = null;
    try {
      for (const host of this.hosts) this.start(host);
      this.nemesis();
      this.schedule.runUntil(CHAOS_MS);
      this.calmDown();
      this.schedule.runUntil(CHAOS_MS + CALM_MS);
      this.judgeCalm();
    } catch (error) {
      if (error instanceof Broken) violation = { check: error.check, detail: error.message };
      else if (error instanceof Error && error.name === "AssertionError")
        violation = { check: "assertion in the core", detail: error.message };
      else throw error;
    }
    return {
      seed: this.seed,
      views: this.checks.newest.view.epoch,
      left: this.leftCount,
      successors: this.successors,
      violation,
      hash: this.hash >>> 0,
      trace: this.trace,
    };
  }

  // ---- Hosts. ----

  private place(id: NodeId, first: EncodedView, wishes: boolean, address = `n${id}`, intrudes = false): Host {
    const host: Host = {
      id,
      disk: { first, entries: [] },
      node: null,
      life: 0,
      waiting: [],
      gone: false,
      wishes,
      leaves: false,
      address,
      intrudes,
    };
    this.hosts.push(host);
    this.byId.set(id, host);
    return host;
  }

  private start(host: Host): void {
    host.life++;
    const { life } = host;
    host.node = new ViewNode(host.id, host.disk, this.planned, this.versionOfNext(), this.viewStands);
    // The wish is as durable as the view that grants it.
    if (host.wishes && !wasTaken(host)) host.node.wish(memberAt(host.id, host.address));
    const { version, chain } = host.node;
    this.note(`n${host.id} starts at view ${chain.epoch}${version === ONLY ? "" : ` as the ${version.name} version`}`);
    for (const other of this.hosts) if (other !== host) other.node?.restarted(host.id);
    this.every(host, life, ROUND_MS, (node, out) => node.roundEnded(at(this.schedule.now), out));
    this.every(host, life, TICK_MS, (node, out) => node.resend(at(this.schedule.now), out));
  }

  /** In the calm time the update is over. */
  private versionOfNext(): Version {
    if (!this.updating) return ONLY;
    return this.calm || this.updates.chance(0.5) ? LATER : EARLIER;
  }

  private every(host: Host, life: number, ms: number, act: (node: ViewNode, out: WorldOutbox) => void): void {
    const again = (): void => {
      if (host.life !== life || host.node === null) return;
      this.step(host, act);
      this.schedule.after(ms, again);
    };
    this.schedule.after(this.luck.fraction() * ms, again);
  }

  private step(host: Host, act: (node: ViewNode, out: WorldOutbox) => void): void {
    const { node } = host;
    if (node === null) return;
    const out = new WorldOutbox();
    act(node, out);
    for (const view of out.learned) {
      this.note(`n${host.id} learns view ${view.view.epoch} of voters ${view.view.voters}`);
      if (this.calm && view.view.epoch > this.checks.newest.view.epoch) this.decidedInCalm++;
      this.checks.learned(host.id, view);
      for (const { id } of view.view.members) this.former.add(id);
    }
    for (const { with: other, epoch } of out.conflicts)
      throw new Broken("one successor per view", `n${host.id} and n${other} differ on view ${epoch}`);
    out.sendNow.each((to, message) => this.post(host, to, message));
    if (out.entries.length === 0 && out.sendDurable.count === 0) return;
    host.waiting.push({ out, life: host.life });
    if (host.waiting.length === 1) this.write(host);
  }

  private write(host: Host): void {
    const batch = host.waiting[0];
    if (batch === undefined) return;
    const { out, life } = batch;
    const wait = out.entries.length === 0 ? 0 : this.faults.diskMs * (0.5 + this.luck.fraction());
    this.schedule.after(wait, () => {
      if (host.life !== life || host.waiting[0] !== batch) return;
      host.waiting.shift();
      for (const entry of out.entries) {
        host.disk.entries.push(entry);
        this.checks.durable(host.id, entry);
      }
      out.sendDurable.each((to, message) => {
        if (message.kind === "view-promised" || message.kind === "view-accepted")
          this.checks.answered(host.id, message.ballot);
        this.post(host, to, message);
      });
      this.write(host);
    });
  }

  private crash(host: Host): void {
    this.note(`n${host.id} crashes`);
    host.life++;
    host.node = null;
    host.waiting.length = 0;
  }

  /** The next process at this host is another node, which knows what some node knows. */
  private wipe(host: Host): void {
    this.crash(host);
    this.note(`n${host.id} loses its disk`);
    if (planted("V1.lost-disk")) {
      host.disk = { first: host.disk.first, entries: host.disk.entries.filter(({ kind }) => kind === "view") };
      return;
    }
    host.gone = true;
    if (this.planned) this.schedule.after(this.chance.fraction() * 3_000, () => this.succeed(host));
  }

  /** A new node begins at the address of the lost one, as a memory node does that is started again. */
  private succeed(lost: Host): void {
    const { view } = this.checks.newest;
    const member = memberOf(view, lost.id);
    const contact = this.hosts.find(({ node }) => node !== null);
    // A member that keeps a partition has no successor.
    if (member === undefined || hasReplicas(view, lost.id) || contact?.node == null) return;
    const host = this.place(nodeId(++this.lastId), contact.node.chain.newest, true, hostOf(member));
    this.note(`n${host.id} begins at the address of n${lost.id}`);
    this.successors++;
    this.start(host);
  }

  /** Two members stand at each other's addresses from now on. */
  private turn(): void {
    const { view } = this.checks.newest;
    const staying = this.hosts.filter(
      ({ id, node, leaves }) => node?.chain.isWishing === false && !leaves && !this.checks.leaving.has(id),
    );
    const members = staying.map(({ id }) => memberOf(view, id)).filter((member) => member !== undefined);
    const [one, other] = members;
    if (one === undefined || other === undefined) return;
    for (const wanted of [memberAt(one.id, hostOf(other)), memberAt(other.id, hostOf(one))]) {
      this.note(`n${wanted.id} moves to ${wanted.peerAddress}`);
      this.turned.push(wanted);
      this.step(this.byId.get(wanted.id) as Host, ({ chain }) => chain.wish(wanted, `turn of ${wanted.id}`));
    }
  }

  /** Somebody new wants the address of a member that lives. */
  private intrude(): void {
    const { view } = this.checks.newest;
    const alive = this.hosts.filter(({ id, node, leaves }) => node !== null && !leaves && !hasReplicas(view, id));
    const victim = alive.find(({ id }) => memberOf(view, id) !== undefined && !this.checks.leaving.has(id));
    const member = victim === undefined ? undefined : memberOf(view, victim.id);
    if (victim === undefined || member === undefined) return;
    const host = this.place(nodeId(++this.lastId), this.checks.newest, true, hostOf(member), true);
    this.note(`n${host.id} wants the address of n${victim.id}`);
    this.intruded = victim.id;
    this.start(host);
  }

  private leave(host: Host): void {
    const { node } = host;
    if (node === null || !node.chain.mayLeave || node.chain.isWishing) return;
    const { view } = node.chain.newest;
    this.note(`n${host.id} leaves at view ${view.epoch}`);
    this.crash(host);
    host.gone = true;
    this.leftCount++;
    const holders = this.hosts.filter(({ disk }) => newestOnDisk(disk) >= view.epoch).map(({ id }) => id);
    this.checks.left(host.id, view, new Set(holders));
  }

  // ---- The network. ----

  private post(host: Host, to: NodeId, message: WorldMessage): void {
    const { node, life } = host;
    const target = this.byId.get(to);
    if (node === null || target === undefined) return;
    if (message.kind === "view-prepare") this.checks.prepared(message.ballot, `n${host.id} in its life ${life}`);
    const frame = node.framed(message);
    this.hash = Math.imul(this.hash ^ (host.id * 31 + to), 0x01000193) ^ message.kind.length ^ this.schedule.count;
    if (to === host.id) {
      this.schedule.after(0, () => {
        if (host.life === life) this.deliver(host.id, host, frame);
      });
      return;
    }
    if (this.cuts.has(`${host.id} ${to}`)) return;
    const { faults, luck } = this;
    if (!this.calm && luck.chance(faults.loss)) return;
    const copies = !this.calm && luck.chance(faults.doubled) ? 2 : 1;
    const bound = message.kind === "heartbeat" || message.kind === "heartbeat-answer";
    const lifeThere = target.life;
    for (let copy = 0; copy < copies; copy++) {
      const late = !this.calm && luck.chance(faults.late) ? luck.fraction() * 5_000 : 0;
      this.schedule.after(faults.delayMs + luck.fraction() * faults.spreadMs + late, () => {
        if (!bound || target.life === lifeThere) this.deliver(host.id, target, frame);
      });
    }
  }

  private deliver(from: NodeId, target: Host, frame: Framed): void {
    if (target.node === null) return;
    this.step(target, (node, out) => node.receive(at(this.schedule.now), from, frame, out));
  }

  // ---- What happens. ----

  private nemesis(): void {
    const again = (): void => {
      if (this.calm) return;
      this.strike();
      this.schedule.after(this.faults.everyMs * (0.5 + this.chance.fraction()), again);
    };
    this.schedule.after(500, again);
  }

  private strike(): void {
    const { chance, faults } = this;
    const up = this.hosts.filter(({ node }) => node !== null);
    const down = this.hosts.filter(({ node, gone }) => node === null && !gone);
    if (down.length > 0 && (up.length === 0 || chance.chance(0.5))) this.start(chance.pick(down));
    if (up.length === 0) return;
    const host = chance.pick(up);
    if (chance.chance(0.35)) this.propose();
    if (chance.chance(faults.duel)) this.duel(chance.pick(up));
    if (chance.chance(0.15)) this.join(host);
    if (this.planned && chance.chance(0.1)) this.farewell(chance.pick(up), chance.pick(up));
    if (this.planned && chance.chance(0.05)) this.transfer(chance.pick(up));
    if (this.planned && chance.chance(0.1)) this.askAgain(chance.pick(up));
    if (this.planned && chance.chance(0.05)) this.move(chance.pick(up));
    for (const one of up) if (chance.chance(0.5)) this.leave(one);
    if (host.node !== null && chance.chance(faults.crash)) this.crash(host);
    if (chance.chance(faults.cut)) this.cut();
    // No voter of two may be lost, and none of three while another one leaves: then no view is ever decided again.
    const enough =
      this.checks.newest.view.voters.length >= 3 && !this.hosts.some(({ leaves, gone }) => leaves && !gone);
    const missing = this.hosts.some(({ id, gone }) => gone && memberOf(this.checks.newest.view, id) !== undefined);
    if (this.mayWipe && enough && !missing && host.node !== null && chance.chance(faults.wipe)) {
      // One that was replaced may be lost in its turn.
      this.mayWipe = this.planned;
      this.wiped = true;
      this.wipe(host);
    }
  }

  /** Another proposer beside the one that works, whatever the election says; it proposes as soon as it may. */
  private duel(host: Host): void {
    this.step(host, (node, out) => node.campaign(at(this.schedule.now), out));
    this.schedule.after(this.chance.fraction() * 300, () => this.proposeAt(host));
  }

  /** Somebody asks one node that another one, which keeps no partition, leaves. */
  private farewell(host: Host, at: Host): void {
    if (host.leaves || this.wiped || at.node === null) return;
    if (this.ask(at, { kind: "leave", node: host.id })) host.leaves = true;
  }

  /** Somebody asks that another replica is the preferred writer. */
  private transfer(at: Host): void {
    const replicas = at.node?.chain.newest.view.partitions[0]?.replicas ?? [];
    const node = replicas.length === 0 ? undefined : this.chance.pick(replicas);
    if (node !== undefined) this.ask(at, { kind: "transfer-writer", node, partitions: null });
  }

  private ask(at: Host, what: Asked): boolean {
    const { node } = at;
    if (node === null) return false;
    const { view } = node.chain.newest;
    const operation = { ...what, id: `op${++this.operations}`, epoch: view.epoch };
    if (memberOf(view, at.id) === undefined || operationFault(view, operation) !== null) return false;
    this.note(
      `n${at.id} is asked at view ${view.epoch} for ${operation.kind} of n${operation.node} as ${operation.id}`,
    );
    this.asked.push({ operation, at, life: at.life, calm: this.calm });
    this.step(at, ({ chain }) => chain.askFor(operation));
    return true;
  }

  /** Whoever did not hear the answer asks the same once more, of whatever node. */
  private askAgain(at: Host): void {
    if (this.asked.length === 0) return;
    const { operation } = this.chance.pick(this.asked);
    this.note(`n${at.id} is asked again for ${operation.id}`);
    this.step(at, ({ chain }) => chain.askFor(operation));
  }

  /** A member has another address from now on. */
  private move(host: Host): void {
    const { node } = host;
    if (node === null || memberOf(node.chain.newest.view, host.id) === undefined) return;
    this.note(`n${host.id} moves`);
    this.step(host, ({ chain }) =>
      chain.wish(memberAt(host.id, `n${host.id}-${++this.operations}`), `move of ${host.id}`),
    );
  }

  private propose(): void {
    if (this.planned) return;
    const proposers = this.hosts.filter(({ node }) => node?.isProposer === true);
    if (proposers.length > 0) this.proposeAt(this.chance.pick(proposers));
  }

  private proposeAt(host: Host): void {
    if (this.planned) return;
    this.step(host, (node, out) => {
      const { chain } = node;
      const plan = {
        wishing: chain.wishing().map(({ member }) => member),
        former: [...this.former],
        leastVoters: this.leastVoters,
        operation: `op${++this.operations}`,
      };
      const next = planned(chain.newest, plan, this.chance);
      if (node.propose(at(this.schedule.now), next, out))
        this.note(`n${host.id} proposes view ${next.view.epoch}: members ${next.view.members.map(({ id }) => id)}`);
    });
  }

  /** Somebody new asks to be a member; it was told a view by whoever it met, which may be an old one. */
  private join(contact: Host): void {
    if (contact.node === null || this.hosts.filter(({ gone }) => !gone).length >= MOST_NODES) return;
    const host = this.place(nodeId(++this.lastId), contact.node.chain.newest, true);
    this.start(host);
  }

  private cut(): void {
    if (this.cuts.size > 0 && this.chance.chance(0.5)) return this.cuts.clear();
    const side = new Set(this.hosts.filter(() => this.chance.chance(0.5)).map(({ id }) => id));
    const oneWay = this.chance.chance(0.3);
    for (const a of this.hosts)
      for (const b of this.hosts)
        if (side.has(a.id) && !side.has(b.id)) {
          this.cuts.add(`${a.id} ${b.id}`);
          if (!oneWay) this.cuts.add(`${b.id} ${a.id}`);
        }
  }

  // ---- The calm time. ----

  private calmDown(): void {
    this.calm = true;
    this.cuts.clear();
    for (const host of this.hosts) if (host.node?.version === EARLIER) this.crash(host);
    for (const host of this.hosts) if (host.node === null && !host.gone) this.start(host);
    // So that there is something to decide.
    if (this.planned) this.join(this.chance.pick(this.hosts.filter(({ node }) => node !== null)));
    if (this.planned) this.schedule.after(ASK_IN_CALM_MS, () => this.askInCalm());
    if (this.planned) this.schedule.after(ASK_IN_CALM_MS / 4, () => this.turn());
    if (this.planned) this.schedule.after(ASK_IN_CALM_MS / 2, () => this.intrude());
    const again = (): void => {
      const { now } = this.schedule;
      if (now > CHAOS_MS + CALM_MS - LAST_CALL_MS) return;
      const up = this.hosts.filter(({ node }) => node !== null);
      this.propose();
      for (const host of up) this.leave(host);
      this.schedule.after(300, again);
    };
    this.schedule.after(3_000, again);
  }

  private askInCalm(): void {
    const { view } = this.checks.newest;
    const members = this.hosts.filter(({ id, node }) => node !== null && memberOf(view, id) !== undefined);
    if (members.length > 0) this.transfer(this.chance.pick(members));
  }

  private judgeCalm(): void {
    const { view } = this.checks.newest;
    const holders = view.voters.filter((voter) => this.byId.get(voter)?.node != null);
    if (2 * holders.length <= view.voters.length) throw new Error(`seed ${this.seed}: the world took a majority`);
    const fail = (detail: string): never => {
      throw new Broken("a healthy majority goes on", detail);
    };
    for (const { id } of view.members) {
      const known = this.byId.get(id)?.node?.chain.epoch;
      if (known !== undefined && known !== view.epoch) fail(`n${id} knows view ${known} of ${view.epoch}`);
    }
    for (const { id, peerAddress } of this.turned) {
      const known = memberOf(view, id);
      if (known !== undefined && known.peerAddress !== peerAddress) fail(`n${id} is not known at ${peerAddress}`);
    }
    if (this.intruded !== null && memberOf(view, this.intruded) === undefined)
      fail(`n${this.intruded} lives, and another node has its place`);
    for (const { id, node, wishes, leaves, gone, intrudes } of this.hosts) {
      if (!this.planned || node === null || gone || intrudes) continue;
      if (this.checks.leaving.has(id) && !this.wiped) fail(`n${id} was asked to leave and is still there`);
      if (wishes && !leaves && memberOf(view, id) === undefined) fail(`n${id} asked to be a member and is none`);
    }
    for (const { operation, at, life, calm } of this.asked) {
      if (!calm || at.node === null || at.life !== life) continue;
      const { state } = fateOf(view, operation.id, operation.epoch);
      if (state === "undecided") fail(`nothing became of ${operation.id}`);
    }
    if (this.decidedInCalm === 0 && !this.planned) fail(`no view was decided in ${CALM_MS} ms without faults`);
    for (const host of this.hosts) {
      if (host.node === null || memberOf(view, host.id) !== undefined || host.node.chain.isWishing) continue;
      // All members that it was told of may have left while it was down: then nobody is there who could tell it.
      const told = host.node.chain.newest.view.members;
      const reachable = told.some(({ id }) => id !== host.id && this.byId.get(id)?.node != null);
      if (reachable && !host.node.chain.mayLeave) fail(`n${host.id} may not leave`);
    }
  }

  private note(line: string): void {
    if (this.keep === 0) return;
    this.trace.push(`${this.schedule.now.toFixed(1).padStart(9)} ${line}`);
    if (this.trace.length > this.keep) this.trace.shift();
  }
}

/** It holds a view, or did, that names it as a member. */
/** The name of an address, as memberAt takes it. */
const hostOf = ({ peerAddress }: Member): string => peerAddress.slice(0, peerAddress.lastIndexOf(":"));

const wasTaken = ({ id, disk }: Host): boolean =>
  disk.entries.some((entry) => entry.kind === "view" && memberOf(entry.decided.view, id) !== undefined);

function newestOnDisk({ first, entries }: Disk): number {
  let newest: number = first.view.epoch;
  for (const entry of entries) if (entry.kind === "view") newest = Math.max(newest, entry.decided.view.epoch);
  return newest;
}

function drawFaults(chance: Prng): Faults {
  const some = (probability: number, most: number): number =>
    chance.chance(probability) ? chance.fraction() * most : 0;
  return {
    delayMs: chance.pick([0.2, 1, 10, 60, 120]),
    spreadMs: chance.pick([0, 1, 20, 100]),
    loss: some(0.6, 0.2),
    doubled: some(0.6, 0.3),
    late: some(0.5, 0.1),
    diskMs: chance.pick([0, 1, 5, 80]),
    everyMs: chance.pick([40, 100, 400]),
    crash: some(0.8, 0.15),
    cut: some(0.6, 0.1),
    wipe: some(0.5, 0.05),
    duel: chance.pick([0, 0.1, 0.5]),
  };
}
