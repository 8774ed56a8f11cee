/** Tells of what members do that they should not. Each kind is told three times a minute for each of them, with the
 * number of times that it happened besides. */
import type { NodeId } from "../../core/model/ids.js";

const WINDOW_MS = 60_000;
const MOST = 3;

/**
 * A message that cannot be (core/plausible/), a frame that cannot be read, a second process, a position without
 * proof, no stream.
 */
export type Misconduct = "implausible" | "unreadable" | "second" | "unproved" | "no stream" | "other view";

export class PeerNotices {
  private readonly windows = new Map<string, { readonly at: number; told: number; untold: number }>();

  constructor(
    private readonly notice: (text: string) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** False: it was told often enough. `peer`: a member, so that what is kept is bounded. */
  tell(peer: NodeId, what: Misconduct, text: string): boolean {
    const name = `${peer} ${what}`;
    const now = this.now();
    let window = this.windows.get(name);
    const before = window?.untold ?? 0;
    const begins = window === undefined || now - window.at >= WINDOW_MS;
    if (window === undefined || begins) {
      window = { at: now, told: 0, untold: 0 };
      this.windows.set(name, window);
    }
    if (window.told >= MOST) {
      window.untold++;
      return false;
    }
    window.told++;
    this.notice(begins && before > 0 ? `${text} (and ${before} more before)` : text);
    return true;
  }
}
