/**
 * The founders that were met, and why nothing comes of the others: for the operator, who waits until all are there.
 */
import type { Member } from "../../core/view/view.js";
import type { Awaited } from "../naming/node-names.js";

/** The missing ones are said when that changes, and again after this long. */
const REMIND_MS = 10_000;
/** Reasons may come and go: another one is said after this long. */
const SETTLE_MS = 1_000;

export class RollCall {
  private readonly members = new Map<string, Member>();
  private readonly trouble = new Map<string, string>();
  private lastNotice = "";
  private lastNoticeAt = Number.NEGATIVE_INFINITY;

  /** `peers`: the addresses of all founders, this node's own included. */
  constructor(
    private readonly self: Member,
    private readonly peers: readonly string[],
    private readonly notice: (text: string) => void,
  ) {
    this.members.set(self.peerAddress, self);
  }

  /** All founders were met. */
  get complete(): boolean {
    return this.members.size === this.peers.length;
  }

  /** Begins anew, with this node alone; returns how many there were. */
  begin(): number {
    const { size } = this.members;
    this.members.clear();
    this.members.set(this.self.peerAddress, this.self);
    return size;
  }

  /** There were so many before: another number is said at once. */
  changed(before: number): void {
    if (this.members.size !== before) this.lastNoticeAt = Number.NEGATIVE_INFINITY;
  }

  meet(address: string, member: Member): void {
    this.trouble.delete(address);
    this.members.set(address, member);
  }

  met(address: string): Member | undefined {
    return this.members.get(address);
  }

  /** Why nobody was met at this address. */
  blame(address: string, why: string): void {
    this.trouble.set(address, why);
  }

  /** Why nothing comes of the founder at this address, whoever was met there. */
  doubt(address: string, why: string): void {
    this.members.delete(address);
    this.trouble.set(address, why);
  }

  /** All founders, met or not. */
  founders(): Awaited[] {
    return this.peers.map((peerAddress) => {
      const member = this.met(peerAddress) ?? null;
      return { peerAddress, member, why: member === null ? (this.trouble.get(peerAddress) ?? "") : "" };
    });
  }

  sayWhoIsMissing(): void {
    const missing = this.peers.filter((address) => !this.members.has(address));
    if (missing.length === 0) return;
    const parts = missing.map((address) => {
      const why = this.trouble.get(address);
      return why === undefined ? address : `${address} (${why})`;
    });
    const text = `waiting for ${missing.length} of ${this.peers.length} nodes: ${parts.join(", ")}`;
    const now = performance.now();
    if (now - this.lastNoticeAt < (text === this.lastNotice ? REMIND_MS : SETTLE_MS)) return;
    this.lastNotice = text;
    this.lastNoticeAt = now;
    this.notice(text);
  }
}
