/**
 * A node as one deterministic machine: the core and the router above it. The loop drives it on a real clock, network
 * and disk, the simulator on virtual ones.
 */
import { unreachable } from "../base/assert.js";
import type { Instant } from "../base/time.js";
import { Core } from "../core/core.js";
import type { RaiseInput } from "../core/input.js";
import type { Key, NodeId, Partition, ViewEpoch } from "../core/model/ids.js";
import type { NodeMessage, Request } from "../core/model/node-message.js";
import type { Outcome, Ticket } from "../core/model/outbox.js";
import { planted } from "../core/model/planted.js";
import type { CoreOptions } from "../core/options.js";
import type { KnownNumbers, PlacesKeys } from "../core/plausible/known.js";
import { Plausible } from "../core/plausible/plausible.js";
import type { ViewOperation } from "../core/view/operation.js";
import type { Member } from "../core/view/view.js";
import type { Outgoing } from "./outgoing.js";
import { Router } from "./router.js";
import { Syncs } from "./syncs.js";
import { ViewHolder } from "./view-holder.js";
import type { RequestWatcher } from "./watcher.js";

export type NodeInput =
  | { readonly kind: "message"; readonly from: NodeId; readonly message: NodeMessage }
  | { readonly kind: "link-lost"; readonly peer: NodeId }
  /** A Forward of this id was not handed to any stream, and is not going to be. */
  | { readonly kind: "unsent"; readonly id: number }
  | { readonly kind: "peer-restarted"; readonly peer: NodeId }
  | { readonly kind: "peer-view"; readonly peer: NodeId; readonly epoch: ViewEpoch; readonly digest: string }
  | { readonly kind: "wish"; readonly member: Member; readonly operation: string }
  | { readonly kind: "ask"; readonly operation: ViewOperation }
  | { readonly kind: "leave" }
  | { readonly kind: "disk-full"; readonly full: boolean }
  | { readonly kind: "bad-register"; readonly partition: Partition; readonly key: Key }
  | RaiseInput
  /** The node stops now: who still waits is told what is known. */
  | { readonly kind: "give-up" }
  | { readonly kind: "wake" };

/** Is told of a message that cannot be and was left alone. */
export type Implausible = (from: NodeId, message: NodeMessage, why: string) => void;

export class NodeMachine {
  readonly core: Core;
  readonly router: Router;
  /** Messages that could not be. */
  refused = 0;
  private readonly plausible: Plausible;
  /** The newest view that counts. */
  readonly views: ViewHolder;
  /** The driver tells what it gives to the disk, and what of it is durable. */
  readonly syncs = new Syncs();

  /**
   * `watcher` is told of requests; null: nobody is. `partitionOf`: where keys must lie that peers speak of; null:
   * anywhere.
   */
  constructor(
    options: CoreOptions,
    watcher: RequestWatcher | null = null,
    private readonly implausible: Implausible = () => {},
    partitionOf: PlacesKeys | null = null,
  ) {
    this.core = new Core(options);
    this.views = new ViewHolder(this.core.newest);
    this.plausible = new Plausible({
      view: () => this.core.view,
      known: (partition) => this.known(partition),
      asked: (forward) => this.router.asked(forward),
      partitionOf,
    });
    this.router = new Router({ core: this.core, firstForward: options.firstAttempt, syncs: this.syncs, watcher });
  }

  step(now: Instant, input: NodeInput, out: Outgoing): void {
    switch (input.kind) {
      case "message":
        this.receive(now, input.from, input.message, out);
        break;
      case "link-lost":
        this.router.onLinkLost(input.peer, out);
        break;
      case "unsent":
        this.router.onUnsent(input.id, out);
        break;
      case "give-up":
        this.router.giveUp(out);
        break;
      case "leave":
      case "disk-full":
      case "bad-register":
      case "raise-revisions":
      case "peer-restarted":
      case "peer-view":
      case "wish":
      case "ask":
        this.core.step(now, input, out);
        break;
      case "wake":
        if (now >= this.core.nextDeadline()) this.core.step(now, WAKE, out);
        this.route(out);
        this.router.wake(now, out);
        break;
      default:
        return unreachable(input);
    }
    this.route(out);
    if (this.core.newest !== this.views.newest) this.views.advance(this.core.newest);
  }

  /** A client's request; the reply names the ticket returned. */
  submit(now: Instant, partition: Partition, request: Request, deadline: Instant, out: Outgoing): Ticket {
    const ticket = this.router.submit(now, partition, request, deadline, out);
    this.route(out);
    return ticket;
  }

  nextDeadline(): Instant {
    const core = this.core.nextDeadline();
    const router = this.router.nextDeadline();
    return core < router ? core : router;
  }

  private known(partition: Partition): KnownNumbers {
    const replica = this.core.partitions.get(partition)?.copy.replica;
    return replica === undefined
      ? NOTHING_KNOWN
      : { round: replica.promise.round, revision: replica.revisions.reservation };
  }

  private receive(now: Instant, from: NodeId, message: NodeMessage, out: Outgoing): void {
    const own = from === this.core.self || planted("W5.taken");
    const why = own ? null : this.plausible.wrong(now, from, message);
    if (why !== null) {
      this.refused++;
      return this.implausible(from, message, why);
    }
    switch (message.kind) {
      case "forward":
        return this.router.onForward(now, from, message, out);
      case "forwarded":
        return this.router.onForwarded(message, out);
      default:
        return this.core.step(now, { kind: "message", from, message }, out);
    }
  }

  /** The core's outcomes are the router's business; what it does with them may lead to more. */
  private route(out: Outgoing): void {
    const { outcomes } = out;
    if (outcomes.length === 0) return;
    for (let i = 0; i < outcomes.length; i++) this.router.onOutcome(outcomes[i] as Outcome, out);
    outcomes.length = 0;
  }
}

const NOTHING_KNOWN: KnownNumbers = { round: 0, revision: 0 };
const WAKE = { kind: "wake" } as const;
