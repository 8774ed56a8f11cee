/** What a node with a full disk does not take in. */
import { expect, test } from "vitest";
import { attempt, groupEpoch, nodeId, partition } from "../../../src/core/ids.js";
import type { Forward, NodeMessage } from "../../../src/core/node-message.js";
import { refusedWhenFull } from "../../../src/node/disk-full.js";
import { keyOf, register } from "../../conformance/operations.js";

const from = nodeId(7);
const P = partition(3);
const common = { partition: P, groupEpoch: groupEpoch(1), attempt: attempt(5) } as const;

function taken(message: NodeMessage): { refused: boolean; said: NodeMessage[] } {
  const said: NodeMessage[] = [];
  const refused = refusedWhenFull({ kind: "message", from, message }, (to, answer) => {
    expect(to).toBe(from);
    said.push(answer);
  });
  return { refused, said };
}

test("messages that bring registers are dropped as if they had been lost", () => {
  expect(taken({ kind: "impose", partition: P, attempt: attempt(1), register: register(keyOf(1)) })).toEqual({
    refused: true,
    said: [],
  });
});

test("reads, promises and wakes go on", () => {
  expect(taken({ kind: "read", ...common, key: keyOf(1), holding: null }).refused).toBe(false);
  expect(taken({ kind: "prepare", partition: P, ballot: register(keyOf(1)).timestamp.ballot }).refused).toBe(false);
  expect(refusedWhenFull({ kind: "wake" }, () => {})).toBe(false);
});

test("a write that another node passes on is refused with the reason, and a read is not", () => {
  const base = { kind: "forward", id: 12, partition: P, groupEpoch: groupEpoch(1), remaining: 100 } as const;
  const write = {
    ...base,
    request: {
      kind: "write",
      write: {
        operation: { kind: "put", key: keyOf(1), value: Buffer.from("v") },
        requestId: null,
        fingerprint: 0,
        after: null,
      },
    },
  } as unknown as Forward;
  expect(taken(write)).toEqual({
    refused: true,
    said: [{ kind: "forwarded", id: 12, result: { status: "refused", refusal: { reason: "disk-full" } } }],
  });
});
