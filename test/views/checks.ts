/** Rules that must always hold in the world of views. The checks know the rules by themselves and ask no machine. */
import { type Ballot, compareBallots, formatBallot } from "../../src/core/model/ballot.js";
import type { NodeId, ViewEpoch } from "../../src/core/model/ids.js";
import type { EncodedView } from "../../src/core/view/encoded-view.js";
import type { ViewEntry } from "../../src/core/view/message.js";
import { ledgerOf } from "../../src/core/view/operation.js";
import type { Ledger, View } from "../../src/core/view/view.js";

export type ViewCheck =
  | "one successor per view"
  | "a ballot carries one view"
  | "a ballot serves one candidacy"
  | "a decided view is on a majority"
  | "a promise is never broken"
  | "one voter changes a view"
  | "no member that left"
  | "an operation runs once, in its time"
  | "a wish stays until it is done"
  | "no voter that leaves"
  | "what a later version said stays"
  | "who leaves is not needed"
  | "assertion in the core"
  | "a healthy majority goes on";

export interface ViewViolation {
  readonly check: ViewCheck;
  readonly detail: string;
}

export class Broken extends Error {
  constructor(
    readonly check: ViewCheck,
    detail: string,
  ) {
    super(detail);
  }
}

export class ViewChecks {
  /** Decided views by epoch. */
  private readonly decided = new Map<ViewEpoch, EncodedView>();
  /** By ballot: the digest accepted in it, and who accepted it durably. */
  private readonly accepted = new Map<string, { readonly digest: string; readonly by: Set<NodeId> }>();
  /** By node: the highest ballot that it answered for. */
  private readonly told = new Map<NodeId, Ballot>();
  /** By ballot: whose candidacy it serves. */
  private readonly candidacies = new Map<string, string>();
  private readonly gone = new Set<NodeId>();
  /** Whose leaving some view carries, or carried out. */
  readonly leaving = new Set<NodeId>();
  /** By a view. */
  private readonly leftOut = new Set<NodeId>();
  /** Operations that some view carries. */
  private readonly carried = new Set<string>();

  /** `saysLater`: whether a view says something that earlier versions do not read; left out: none does. */
  constructor(
    first: EncodedView,
    private readonly saysLater: (view: EncodedView) => boolean = () => false,
  ) {
    this.decided.set(first.view.epoch, first);
  }

  get newest(): EncodedView {
    let newest: EncodedView | null = null;
    for (const view of this.decided.values()) if (newest === null || view.view.epoch > newest.view.epoch) newest = view;
    if (newest === null) throw new Error("no view");
    return newest;
  }

  /** A node lets the view count as decided. */
  learned(node: NodeId, view: EncodedView): void {
    const { epoch } = view.view;
    const known = this.decided.get(epoch);
    if (known !== undefined) {
      if (known.digest !== view.digest) this.fail("one successor per view", `n${node} has another view ${epoch}`);
      return;
    }
    this.decided.set(epoch, view);
    this.judge(view);
  }

  /** An entry became durable at a node. */
  durable(node: NodeId, entry: ViewEntry): void {
    if (entry.kind !== "view-vote") return;
    const { ballot, next } = entry.vote;
    const name = formatBallot(ballot);
    const known = this.accepted.get(name);
    if (known === undefined) {
      this.accepted.set(name, { digest: next.digest, by: new Set([node]) });
      return;
    }
    if (known.digest !== next.digest) this.fail("a ballot carries one view", `${name} carries two`);
    known.by.add(node);
  }

  /** A candidate asks for promises. */
  prepared(ballot: Ballot, candidacy: string): void {
    const name = formatBallot(ballot);
    const known = this.candidacies.get(name) ?? candidacy;
    this.candidacies.set(name, known);
    if (known !== candidacy) this.fail("a ballot serves one candidacy", `${name}: ${known}, ${candidacy}`);
  }

  /** A node tells others that it promised or accepted in this ballot. */
  answered(node: NodeId, ballot: Ballot): void {
    const before = this.told.get(node);
    if (before !== undefined && compareBallots(ballot, before) < 0)
      this.fail("a promise is never broken", `n${node}: ${formatBallot(ballot)} after ${formatBallot(before)}`);
    this.told.set(node, ballot);
  }

  /** It leaves by what this view says; `holders` hold that view or a newer one durably. */
  left(node: NodeId, by: View, holders: ReadonlySet<NodeId>): void {
    this.gone.add(node);
    const { voters, epoch } = by;
    const holding = voters.filter((voter) => holders.has(voter)).length;
    if (2 * holding <= voters.length)
      this.fail("who leaves is not needed", `n${node} left while ${holding} of ${voters.length} voters hold ${epoch}`);
  }

  private judge(view: EncodedView): void {
    const { epoch, voters, members } = view.view;
    const before = this.decided.get((epoch - 1) as ViewEpoch);
    if (before === undefined) this.fail("one successor per view", `view ${epoch} before its predecessor`);
    const electorate = before.view.voters;
    const most = Math.max(
      0,
      ...[...this.accepted.values()]
        .filter(({ digest }) => digest === view.digest)
        .map(({ by }) => electorate.filter((voter) => by.has(voter)).length),
    );
    if (2 * most <= electorate.length)
      this.fail("a decided view is on a majority", `view ${epoch}: ${most} of ${electorate.length} voters`);
    const added = voters.filter((voter) => !electorate.includes(voter)).length;
    const removed = electorate.filter((voter) => !voters.includes(voter)).length;
    if (added > 1 || removed > 1) this.fail("one voter changes a view", `view ${epoch}: +${added} −${removed}`);
    this.judgeLedger(before.view, view.view);
    if (this.saysLater(before) && !this.saysLater(view))
      this.fail("what a later version said stays", `view ${epoch} drops what view ${epoch - 1} said`);
    for (const { id } of members)
      if (this.gone.has(id)) this.fail("no member that left", `n${id} left and is a member of view ${epoch}`);
  }

  private judgeLedger(before: View, after: View): void {
    const { epoch, members, voters } = after;
    const [earlier, ledger] = [ledgerOf(before), ledgerOf(after)];
    for (const { id, node } of earlier.wishes) {
      const goesOn = [...ledger.wishes, ...ledger.done].some((one) => one.id === id);
      if (!goesOn) this.fail("a wish stays until it is done", `view ${epoch} drops ${id} of n${node}`);
    }
    const remembered = new Set([...earlier.wishes, ...earlier.done].map(({ id }) => id));
    for (const { id, node, kind, epoch: asked } of [...ledger.wishes, ...ledger.done]) {
      if (kind === "join" || (remembered.has(id) && !isDoneAgain(ledger, id))) continue;
      if (this.carried.has(id) || asked !== epoch - 1)
        this.fail("an operation runs once, in its time", `view ${epoch} carries ${id} of view ${asked}`);
      this.carried.add(id);
      if (kind === "leave") this.leaving.add(node);
    }
    for (const { kind, node, doneIn } of ledger.done) {
      if (kind === "leave" && doneIn === epoch && members.some(({ id }) => id === node))
        this.fail("no member that left", `n${node} left by view ${epoch} and is a member of it`);
    }
    for (const { id } of members)
      if (this.leftOut.has(id))
        this.fail("no member that left", `n${id} left before view ${epoch} and is a member of it`);
    for (const { kind, node, doneIn } of ledger.done) if (kind === "leave" && doneIn === epoch) this.leftOut.add(node);
    for (const { kind, node } of earlier.wishes) {
      if (kind === "leave" && voters.includes(node) && !before.voters.includes(node))
        this.fail("no voter that leaves", `n${node} leaves and becomes a voter in view ${epoch}`);
    }
  }

  private fail(check: ViewCheck, detail: string): never {
    throw new Broken(check, detail);
  }
}

const isDoneAgain = ({ done }: Ledger, id: string): boolean => done.filter((one) => one.id === id).length > 1;
