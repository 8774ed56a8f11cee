/**
 * How views are decided, as scripts: nodes of the world of views (test/views), whose messages and disks do what the
 * script says.
 *
 *   voters 1,2,3 of 5            five members, three of them voters; each begins in view 1
 *   campaign n1                  takes the next ballot, whatever the election says
 *   propose n1: voters 1,2,4     the next view: these voters; `members 1,2,3` as well or instead; `nothing` changes nothing
 *   held n4                      every voter has heard that n4 holds the newest view that it knows
 *   join n6                      starts, knowing view 1, and asks to be a member
 *   lose n1 → n2, keep n1 → n2   messages that way are lost; are not any more. n* stands for all
 *   disk n1 stops, disk n1 goes  nothing becomes durable; what waits becomes durable
 *   crash n1, restart n1         what was not durable is lost
 *   earlier n1, later n1         starts anew as that version: views of the later one say what the earlier does not read
 *   wait 500                     milliseconds in which what was not answered is asked again
 *   rounds 8                     heartbeat rounds; the heartbeats themselves are not shown
 *   views                        the newest view that each node knows, and whether those it leaves out may leave
 */
import { type NodeId, nodeId, viewEpoch } from "../../src/core/model/ids.js";
import type { EncodedView } from "../../src/core/view/encoded-view.js";
import { memberOf } from "../../src/core/view/view.js";
import { at, type Disk, type Framed, ViewNode, type WorldMessage, WorldOutbox } from "../views/node.js";
import {
  EARLIER,
  encoded,
  firstView,
  followed,
  LATER,
  memberAt,
  ONLY,
  saysLater,
  type Version,
} from "../views/views.js";
import { renderView } from "./render-view.js";

const ROUND_MS = 200;
const TICK_MS = 50;

interface Place {
  readonly id: NodeId;
  readonly disk: Disk;
  node: ViewNode | null;
  stopped: boolean;
  version: Version;
  readonly waiting: WorldOutbox[];
}

interface Letter {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly frame: Framed;
}

class ViewScript {
  readonly lines: string[] = [];
  private readonly places = new Map<NodeId, Place>();
  private readonly lost = new Set<string>();
  private readonly letters: Letter[] = [];
  private ms = 0;
  private operations = 0;

  obey(line: string): void {
    const [word = "", ...rest] = line.split(" ");
    const place = this.places.get(nodeId(Number(rest[0]?.replace(/[n:]/g, ""))));
    switch (word) {
      case "voters":
        return this.begin(Number(rest[2]), listOf(rest[0]));
      case "wait":
        return this.wait(Number(rest[0]));
      case "rounds":
        return this.rounds(Number(rest[0]));
      case "views":
        return this.tell();
      case "lose":
      case "keep":
        return this.link(word === "lose", rest[0] ?? "", rest[2] ?? "");
      case "join":
        return this.join(nodeId(Number(rest[0]?.slice(1))));
    }
    if (place === undefined) throw new Error(`no command: ${line}`);
    switch (word) {
      case "campaign":
        return this.act(place, (node, out) => node.campaign(this.now, out));
      case "propose":
        return this.propose(place, rest.slice(1));
      case "held":
        return this.held(place);
      case "disk":
        return this.setDisk(place, rest[1] === "stops");
      case "crash":
        place.node = null;
        place.waiting.length = 0;
        return;
      case "earlier":
      case "later":
        place.version = word === "later" ? LATER : EARLIER;
        return this.restart(place);
      case "restart":
        return this.restart(place);
      default:
        throw new Error(`no command: ${line}`);
    }
  }

  private restart(place: Place): void {
    place.waiting.length = 0;
    place.node = new ViewNode(place.id, place.disk, false, place.version);
    for (const other of this.places.values()) other.node?.restarted(place.id);
  }

  private get now() {
    return at(this.ms);
  }

  private begin(members: number, voters: readonly NodeId[]): void {
    const { view } = firstView(members, 1);
    const first = encoded({ ...view, voters });
    for (const { id } of view.members) this.place(id, first);
  }

  private place(id: NodeId, first: EncodedView): Place {
    const disk: Disk = { first, entries: [] };
    const place: Place = { id, disk, node: new ViewNode(id, disk), stopped: false, version: ONLY, waiting: [] };
    this.places.set(id, place);
    return place;
  }

  private join(id: NodeId): void {
    const first = [...this.places.values()][0]?.disk.first;
    if (first === undefined) throw new Error("nobody is there to join");
    this.place(id, first).node?.wish(memberAt(id));
  }

  private propose(place: Place, words: readonly string[]): void {
    this.act(place, (node, out) => {
      const { view, digest } = node.chain.newest;
      const given = (name: string): readonly NodeId[] | undefined => {
        const index = words.indexOf(name);
        return index < 0 ? undefined : listOf(words[index + 1]);
      };
      const members = given("members") ?? view.members.map(({ id }) => id);
      const next = node.version.encode({
        ...view,
        epoch: viewEpoch(view.epoch + 1),
        previousDigest: digest,
        operationId: `op${++this.operations} by n${place.id}`,
        members: members.map((id) => memberOf(view, id) ?? memberAt(id)),
        partitions: followed(view, members),
        voters: given("voters") ?? view.voters,
      });
      const refusal = node.chain.propose(this.now, next, out);
      if (refusal === null) return;
      const { reason, ...about } = refusal;
      this.say(`n${place.id} does not propose it: ${[reason, ...Object.values(about)].join(" ")}`);
    });
  }

  private held(place: Place): void {
    const { newest } = (place.node as ViewNode).chain;
    const held = { kind: "view-held", epoch: newest.view.epoch, digest: newest.digest } as const;
    for (const voter of newest.view.voters) {
      const to = this.places.get(voter);
      if (to?.node != null) this.act(to, (node, out) => node.chain.receive(this.now, place.id, held, out));
    }
  }

  private setDisk(place: Place, stopped: boolean): void {
    place.stopped = stopped;
    if (!stopped) for (const out of place.waiting.splice(0)) this.sync(place, out);
    this.carry();
  }

  private link(lose: boolean, from: string, to: string): void {
    for (const a of this.named(from))
      for (const b of this.named(to)) {
        if (a === b) continue;
        if (lose) this.lost.add(`${a} ${b}`);
        else this.lost.delete(`${a} ${b}`);
      }
  }

  private named(name: string): NodeId[] {
    return name === "n*" ? [...this.places.keys()] : [nodeId(Number(name.slice(1)))];
  }

  private wait(ms: number): void {
    for (const end = this.ms + ms; this.ms < end; ) {
      this.ms += TICK_MS;
      for (const place of this.places.values()) this.act(place, (node, out) => node.resend(this.now, out));
    }
  }

  private rounds(count: number): void {
    for (let round = 0; round < count; round++) {
      for (const place of this.places.values()) this.act(place, (node, out) => node.roundEnded(this.now, out));
      this.wait(ROUND_MS);
    }
  }

  private act(place: Place, step: (node: ViewNode, out: WorldOutbox) => void): void {
    this.step(place, step);
    this.carry();
  }

  private step(place: Place, step: (node: ViewNode, out: WorldOutbox) => void): void {
    const { node } = place;
    if (node === null) return;
    const out = new WorldOutbox();
    step(node, out);
    for (const learned of out.learned) {
      const { epoch, members, voters } = learned.view;
      const more = saysLater(learned) ? `, ${learned.unread === true ? "and what it does not read" : "and more"}` : "";
      this.say(`n${place.id} is in view ${epoch}: members ${members.map(({ id }) => id)}, voters ${voters}${more}`);
    }
    for (const conflict of out.conflicts)
      this.say(`n${place.id} and n${conflict.with} differ on view ${conflict.epoch}`);
    out.sendNow.each((to, message) => this.post(place, to, message));
    if (place.stopped) place.waiting.push(out);
    else this.sync(place, out);
  }

  private sync(place: Place, out: WorldOutbox): void {
    place.disk.entries.push(...out.entries);
    out.sendDurable.each((to, message) => this.post(place, to, message));
  }

  private post(place: Place, to: NodeId, message: WorldMessage): void {
    if (place.node !== null) this.letters.push({ from: place.id, to, frame: place.node.framed(message) });
  }

  /** Delivers in the order of sending, until nothing is on its way. */
  private carry(): void {
    for (let letter = this.letters.shift(); letter !== undefined; letter = this.letters.shift()) {
      const { from, to, frame } = letter;
      const place = this.places.get(to);
      const lost = this.lost.has(`${from} ${to}`) || place?.node == null;
      const shown = rendered(frame.message);
      if (shown !== null && from !== to) this.say(`n${from} → n${to} ${shown}${lost ? " (lost)" : ""}`);
      if (!lost && place !== undefined) this.step(place, (node, out) => node.receive(this.now, from, frame, out));
    }
  }

  private tell(): void {
    for (const { id, node } of this.places.values()) {
      if (node === null) this.say(`n${id}: down`);
      else {
        const { view } = node.chain.newest;
        const outside = memberOf(view, id) === undefined;
        const leaves = node.chain.mayLeave ? ", left out, may leave" : ", left out, must stay";
        this.say(`n${id}: view ${view.epoch}${outside ? leaves : ""}`);
      }
    }
  }

  private say(line: string): void {
    this.lines.push(line);
  }
}

const listOf = (text = ""): NodeId[] => text.split(",").map((id) => nodeId(Number(id)));

/** null: not shown. */
function rendered(message: WorldMessage): string | null {
  switch (message.kind) {
    case "heartbeat":
    case "heartbeat-answer":
      return null;
    default:
      return renderView(message);
  }
}

/** The script with what its commands cause now. */
export function playViews(script: string): string {
  const world = new ViewScript();
  const blocks = script
    .trimEnd()
    .split(/\n{2,}/)
    .map((block) => {
      const [head = ""] = block.split("\n---");
      for (const line of head.split("\n")) if (!line.startsWith("#") && line.trim() !== "") world.obey(line);
      return [head, "---", ...world.lines.splice(0)].join("\n");
    });
  return `${blocks.join("\n\n")}\n`;
}
