/** The doctor's findings: each a line that says how it is, and what to do about it when it is not well. */
import { printable } from "../../base/printable.js";
import type { Paint } from "../terminal/paint.js";
import { wrapped } from "../terminal/wrap.js";

export type Verdict = "ok" | "warn" | "fail";

export interface Finding {
  readonly verdict: Verdict;
  readonly text: string;
  /** "" when there is nothing to do. */
  readonly todo: string;
}

export const ok = (text: string): Finding => ({ verdict: "ok", text, todo: "" });
export const warn = (text: string, todo: string): Finding => ({ verdict: "warn", text, todo });
export const fail = (text: string, todo: string): Finding => ({ verdict: "fail", text, todo });

/** The columns in front of the text of a finding. */
const INDENT = 6;

export function linesOf({ verdict, text, todo }: Finding, paint: Paint, width: number): string {
  const word = verdict.padEnd(4);
  const painted = verdict === "ok" ? paint.good(word) : verdict === "warn" ? paint.doubtful(word) : paint.bad(word);
  const told = wrapped(printable(text), width - INDENT).replaceAll("\n", `\n${" ".repeat(INDENT)}`);
  return `${painted}  ${told}\n${todo === "" ? "" : `${wrapped(`      → ${todo}`, width, INDENT + 2)}\n`}`;
}
