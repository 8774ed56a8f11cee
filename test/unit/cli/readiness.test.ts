/** A node that is waited for while a local cluster starts is named by number and address. */
import { expect, test } from "vitest";
import { whatIsMissing } from "../../../src/cli/local/readiness.js";
import { address } from "../../../src/config/values.js";

const node = (number: number, ready: boolean) => ({
  ready,
  plan: {
    number,
    client: address("client", `127.0.0.1:${number}`, 1),
    peer: address("peer", "127.0.0.1:9", 1),
    args: [],
  },
});

test("nodes that do not serve yet", async () => {
  expect(await whatIsMissing([node(1, true), node(2, false), node(3, false)])).toEqual({
    missing: "nodes 2 (127.0.0.1:2), 3 (127.0.0.1:3) not serving yet",
    partitions: 0,
  });
});

test("nodes that do not answer", async () => {
  expect((await whatIsMissing([node(1, true)])).missing).toBe("node 1 (127.0.0.1:1) not answering yet");
});
