/**
 * One proxied connection between two nodes: two directions, each a queue that rules hold up, slow down or empty.
 *
 * 1. Bytes of one direction never overtake each other. 2. Once bytes of a direction were lost, so are all later ones: a
 * stream with a hole is no stream. 3. An end travels behind the bytes before it.
 */
import type { Socket } from "node:net";
import { DialerReader } from "./dialer.js";
import type { Rule } from "./network.js";

export interface ConnectionOptions {
  /** The rules for what the node with this id says here, or is answered. */
  readonly rules: (dialer: number, answers: boolean) => ReadonlySet<Rule> | undefined;
  readonly ended: () => void;
  /** Index of the node that is dialed. */
  readonly target: number;
}

/** A sender whose bytes are held up is not read from beyond this. */
const MAX_HELD_BYTES = 4 * 1024 * 1024;

export class Connection {
  readonly target: number;
  private readonly reader = new DialerReader();
  private readonly lanes: readonly Lane[];
  private over = false;

  constructor(
    private readonly dialing: Socket,
    private readonly dialed: Socket,
    private readonly options: ConnectionOptions,
  ) {
    this.target = options.target;
    const rules = (answers: boolean) => (): ReadonlySet<Rule> | undefined =>
      this.dialer === null ? undefined : options.rules(this.dialer, answers);
    const finish = (): void => this.end((socket) => socket.destroy());
    const asked = new Lane(dialing, dialed, rules(false), finish);
    const answered = new Lane(dialed, dialing, rules(true), finish);
    this.lanes = [asked, answered];
    for (const socket of [dialing, dialed]) socket.setNoDelay(true);
    dialing.on("data", (chunk: Buffer) => {
      this.reader.read(chunk);
      asked.push(chunk);
    });
    dialed.on("data", (chunk: Buffer) => answered.push(chunk));
  }

  /** Node id; null while unknown, or when this connection is not one between two nodes that have a view. */
  get dialer(): number | null {
    return this.reader.dialer ?? null;
  }

  lostTo(rule: Rule): boolean {
    return this.lanes.some(({ lost }) => lost === rule);
  }

  /** Something changed: sends on what may pass. */
  pump(): void {
    for (const lane of this.lanes) lane.pump();
  }

  reset(): void {
    this.end((socket) => socket.resetAndDestroy());
  }

  private end(how: (socket: Socket) => void): void {
    if (this.over) return;
    this.over = true;
    for (const lane of this.lanes) lane.close();
    how(this.dialing);
    how(this.dialed);
    this.options.ended();
  }
}

interface Held {
  readonly chunk: Buffer;
  readonly due: number;
}

class Lane {
  /** The reason why its bytes were lost. */
  lost: Rule | null = null;
  private queue: Held[] = [];
  private heldBytes = 0;
  private ended = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly rules: () => ReadonlySet<Rule> | undefined,
    private readonly finish: () => void,
  ) {
    from.on("error", () => {});
    from.on("close", () => {
      this.ended = true;
      this.pump();
    });
  }

  push(chunk: Buffer): void {
    if (this.lost !== null) return;
    let delayMs = 0;
    for (const rule of this.rules() ?? []) {
      rule.touched++;
      if (rule.kind === "delay") delayMs += rule.delayMs;
      else if (rule.ending !== "late") return this.lose(rule);
    }
    const last = this.queue.at(-1)?.due ?? 0;
    this.queue.push({ chunk, due: Math.max(last, performance.now() + delayMs) });
    this.heldBytes += chunk.length;
    this.pump();
    if (this.heldBytes > MAX_HELD_BYTES) this.from.pause();
  }

  pump(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.isCut()) return;
    const now = performance.now();
    let sent = 0;
    for (const { chunk, due } of this.queue) {
      if (due > now) break;
      this.to.write(chunk);
      this.heldBytes -= chunk.length;
      sent++;
    }
    this.queue = this.queue.slice(sent);
    if (this.from.isPaused() && this.heldBytes <= MAX_HELD_BYTES) this.from.resume();
    const next = this.queue[0];
    if (next !== undefined) this.timer = setTimeout(() => this.pump(), Math.max(1, next.due - now));
    // Whoever lost bytes on the way does not learn of the end either.
    else if (this.ended && this.lost === null) this.finish();
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.queue = [];
  }

  private lose(rule: Rule): void {
    this.lost = rule;
    this.queue = [];
    this.heldBytes = 0;
  }

  private isCut(): boolean {
    for (const rule of this.rules() ?? []) if (rule.kind === "cut") return true;
    return false;
  }
}
