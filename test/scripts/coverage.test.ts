/**
 * A reader learns the protocol from the traces: none of its messages, and nothing that a client may be told, is missing
 * there.
 */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Fenced } from "../../src/core/model/message.js";
import type { NodeMessage } from "../../src/core/model/node-message.js";
import type { Refusal, Unknown } from "../../src/core/model/operation.js";
import type { MergeMessage } from "../../src/core/model/transfer-message.js";
import type { ViewMessage } from "../../src/core/view/message.js";
import type { Verdict } from "../../src/node/outgoing.js";

/**
 * How render.ts writes each; the types make the tables complete. Those about views have scripts of their own (views/),
 * those of merges a world (test/transfer).
 */
const MESSAGES: Record<Exclude<NodeMessage["kind"], ViewMessage["kind"] | MergeMessage["kind"]>, string> = {
  prepare: " Prepare ",
  promised: " Promised ",
  reserve: " Reserve ",
  reserved: " Reserved ",
  recover: " Recover ",
  recovered: " Recovered ",
  confirm: " Confirm ",
  confirmed: " Confirmed ",
  write: " Write ",
  written: " Written ",
  nack: " Nack ",
  read: " Read ",
  "read-answer": " ReadAnswer ",
  impose: " Impose ",
  imposed: " Imposed\n",
  "hand-over": " HandOver ",
  "handed-over": " HandedOver ",
  "ask-changes": " AskChanges ",
  changes: " Changes ",
  "ask-tombstone": " AskTombstone ",
  "tombstone-held": " TombstoneHeld\n",
  purge: " Purge ",
  purged: " Purged\n",
  "your-turn": " YourTurn ",
  forward: " Forward ",
  forwarded: " Forwarded ",
  heartbeat: " Heartbeat ",
  "heartbeat-answer": " HeartbeatAnswer ",
};

const NACKS: Record<Fenced, string> = {
  prepare: " Nack of prepare ",
  recover: " Nack of recover ",
  reserve: " Nack of reserve ",
  confirm: " Nack of confirm ",
  write: " Nack of write ",
  impose: " Nack of impose ",
  purge: " Nack of purge ",
};

/** A full disk refuses before the machine is asked (src/node/disk-full.ts): no trace shows it. */
const REFUSALS: Record<Exclude<Refusal["reason"], "disk-full">, string> = {
  "not-writer": " refused: not the writer",
  "not-replica": " refused: not-replica",
  "no-quorum": " refused: no-quorum",
  "not-a-number": " refused: not-a-number",
  overflow: " refused: overflow",
  "request-id-reused": " refused: request-id-reused",
  "after-in-future": " refused: after-in-future",
  overloaded: " refused: overloaded",
};

const UNKNOWN: Record<Unknown["reason"], string> = {
  "outcome-unknown": " unknown: outcome-unknown",
  "request-expired": " unknown: request-expired",
};

const UNSERVED: Record<Extract<Verdict, { status: "unserved" }>["reason"], string> = {
  "no-writer": " unserved: no-writer",
  "no-quorum": " unserved: no-quorum",
};

const DEADLINES = { "may have run": " deadline: may have run", "did not run": " deadline: did not run" };

const ALL = {
  ...MESSAGES,
  ...prefixed("nack of ", NACKS),
  ...REFUSALS,
  ...UNKNOWN,
  ...prefixed("unserved: ", UNSERVED),
  ...prefixed("deadline: ", DEADLINES),
};

const folder = new URL("traces/", import.meta.url);
const traces = readdirSync(folder).map((file) => readFileSync(new URL(file, folder), "utf8"));

test.each(Object.entries(ALL))("%s occurs in a trace", (_name, text) => {
  expect(traces.filter((trace) => trace.includes(text)).length).toBeGreaterThan(0);
});

test("every trace begins with its story and shows what it causes", () => {
  for (const trace of traces) expect(trace).toMatch(/^# \S.*\n(?:.*\n)*---\n/);
});

function prefixed<K extends string>(prefix: string, table: Record<K, string>): Record<string, string> {
  return Object.fromEntries(Object.entries<string>(table).map(([name, text]) => [`${prefix}${name}`, text]));
}
