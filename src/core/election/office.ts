/** An office or candidacy, as the election sees it. */
import type { Ballot } from "../model/ballot.js";

/**
 * The office that the writer machine holds for this node; null: none. The machine may hand in the same object each
 * time, with changed fields.
 */
export interface Office {
  readonly ballot: Ballot;
  /** A majority has promised: an office. Otherwise a candidacy. */
  readonly elected: boolean;
  /** Mask of the places whose Promised of this ballot was counted. */
  readonly promised: number;
  /**
   * Mask of the places that acknowledged every Write but those of about the last batch. Only asked of a working writer.
   */
  readonly caughtUp: number;
}
