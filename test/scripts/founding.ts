/**
 * How a cluster is founded, as scripts: three founders, each a Founder of src/core/view/founding.ts, and whoever is
 * told to proposes view 1.
 *
 *   found by n1                           prepares with all, then has its proposal accepted by all, then tells all that it is decided
 *     … dies after 2 accepted             its process ends there; what it knows is lost, what its directory holds is not
 *     … and tells nobody                  it is decided, and the proposer's process ends before it tells
 *   wipe n1                               its directory is gone: it comes back at the same address as another node, n1'
 *   down n2, up n2                        does not answer; does again
 *   views                                 which view each founder has
 *
 * A view is named by a letter; views of one letter are the same cluster.
 */
import { encodedView } from "../../src/codec/peer/encoded-view.js";
import { nodeId } from "../../src/core/model/ids.js";
import type { EncodedView } from "../../src/core/view/encoded-view.js";
import { Founder, type FounderPromise, proposalOf, type StartBallot } from "../../src/core/view/founding.js";
import type { Member } from "../../src/core/view/view.js";
import { firstView } from "../sim/world.js";

const FOUNDERS = 3;
const LIST = ["n1:2", "n2:2", "n3:2"];

class Place {
  founder = new Founder(LIST);
  up = true;
  private incarnation = 0;

  constructor(readonly number: number) {}

  get name(): string {
    return `n${this.number}${"'".repeat(this.incarnation)}`;
  }

  get member(): Member {
    const { number, incarnation, name } = this;
    return { id: nodeId(number + 10 * incarnation), clientAddress: `${name}:1`, peerAddress: `n${number}:2`, zone: "" };
  }

  wipe(): void {
    this.incarnation++;
    this.founder = new Founder(LIST);
  }
}

class Founding {
  readonly lines: string[] = [];
  private readonly places = Array.from({ length: FOUNDERS }, (_, i) => new Place(i + 1));
  private rounds = 0;
  private views = 0;

  obey(line: string): void {
    const found = /^found by n(\d)(?: (dies after (\d) accepted|and tells nobody))?$/.exec(line);
    if (found !== null) return this.found(this.place(found[1]), Number(found[3] ?? FOUNDERS), found[2] === undefined);
    const [word, name] = line.split(" ");
    const place = this.places.find(({ number }) => `n${number}` === name);
    if (word === "views") return this.tell();
    if (place !== undefined && word === "wipe") return place.wipe();
    if (place !== undefined && (word === "down" || word === "up")) place.up = word === "up";
    else throw new Error(`no command: ${line}`);
  }

  private found(proposer: Place, acceptances: number, tells: boolean): void {
    const ballot: StartBallot = { round: ++this.rounds, node: proposer.member.id };
    const name = `${ballot.round}.${proposer.name}`;
    const promises: FounderPromise[] = [];
    for (const place of this.places) {
      const answer = this.ask(proposer, place, `Prepare ${name}`, () => place.founder.onPrepare(ballot, LIST));
      if (answer?.kind === "view") return proposer.founder.onView(answer.view);
      if (answer?.kind !== "promised") continue;
      promises.push({ member: place.member, accepted: answer.accepted });
    }
    if (promises.length < FOUNDERS)
      return this.say(`${proposer.name} waits: ${promises.length} of ${FOUNDERS} promised`);
    const view = proposalOf(promises, () => this.ownView());
    let accepted = 0;
    for (const place of this.places) {
      if (accepted === acceptances && !(tells || acceptances === FOUNDERS)) return this.say(`${proposer.name} dies`);
      const text = `Accept ${name} view ${view.view.clusterId}`;
      const answer = this.ask(proposer, place, text, () => place.founder.onAccept(ballot, view, LIST));
      if (answer?.kind === "view") return proposer.founder.onView(answer.view);
      if (answer?.kind === "accepted") accepted++;
    }
    if (accepted < FOUNDERS) return this.say(`${proposer.name} waits: ${accepted} of ${FOUNDERS} accepted`);
    this.say(`view ${view.view.clusterId} is decided`);
    if (!tells) return this.say(`${proposer.name} dies`);
    for (const place of this.places) if (place.up) place.founder.onView(view);
  }

  private ask<Answer extends ReturnType<Founder["onPrepare"]>>(
    from: Place,
    to: Place,
    text: string,
    act: () => Answer,
  ): Answer | null {
    this.say(`${from.name} → ${to.name} ${text}${to.up ? "" : " (lost)"}`);
    if (!to.up) return null;
    const answer = act();
    this.say(`${to.name} → ${from.name} ${rendered(answer)}`);
    return answer;
  }

  private ownView(): EncodedView {
    const clusterId = String.fromCharCode("a".charCodeAt(0) + this.views++);
    const view = firstView({ nodes: FOUNDERS, replicas: FOUNDERS, partitions: 1 });
    return encodedView({ ...view, clusterId, members: this.places.map(({ member }) => member) });
  }

  private tell(): void {
    const views = this.places.map(({ name, founder }) => `${name} ${founder.view?.view.clusterId ?? "none"}`);
    this.say(`views: ${views.join(", ")}`);
  }

  private place(number: string | undefined): Place {
    return this.places[Number(number) - 1] as Place;
  }

  private say(line: string): void {
    this.lines.push(line);
  }
}

function rendered(answer: ReturnType<Founder["onPrepare"]>): string {
  switch (answer.kind) {
    case "promised":
      return answer.accepted === null
        ? "Promised"
        : `Promised, had accepted view ${answer.accepted.view.view.clusterId}`;
    case "accepted":
      return "Accepted";
    case "view":
      return `has view ${answer.view.view.clusterId}`;
    default:
      return `refuses: ${answer.kind}`;
  }
}

/** The script with what its commands cause now. */
export function playFounding(script: string): string {
  const founding = new Founding();
  const blocks = script
    .trimEnd()
    .split(/\n{2,}/)
    .map((block) => {
      const [head = ""] = block.split("\n---");
      for (const line of head.split("\n")) if (!line.startsWith("#") && line.trim() !== "") founding.obey(line);
      return [head, "---", ...founding.lines.splice(0)].join("\n");
    });
  return `${blocks.join("\n\n")}\n`;
}
