import { connect, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { nextOf, SharedPort, type Taker } from "../../../src/cli/start/shared-port.js";
import { freePorts, HOST } from "../../e2e/harness.js";

const taker = (serves: boolean, handed = 0): Taker => ({ serves, handed, hand: () => {} });

describe("a port of several processes", () => {
  test("goes round among those that serve", () => {
    const [a, b, c] = [taker(true), taker(false), taker(true)];
    expect([0, 1, 2, 3].map((turn) => nextOf([a, b, c], turn))).toEqual([a, c, a, c]);
  });

  test("prefers whoever has fewest connections on the way", () => {
    const [a, b, c] = [taker(true, 2), taker(true, 1), taker(true, 1)];
    expect([0, 1].map((turn) => nextOf([a, b, c], turn))).toEqual([b, c]);
  });

  test("lets a process that does not serve answer only if none does", () => {
    const [a, b] = [taker(false), taker(false)];
    expect(nextOf([a, b], 1)).toBe(b);
    expect(nextOf([], 0)).toBeNull();
  });

  test("gives nothing more to processes that do not take what they were given", () => {
    expect(nextOf([taker(true, 1_024), taker(true, 1_024)], 0)).toBeNull();
    // One that serves and is full is not replaced by one that does not serve.
    expect(nextOf([taker(true, 1_024), taker(false)], 0)).toBeNull();
  });

  test("reads nothing of a connection, and closes it when nobody can take it", async () => {
    const [port = 0] = await freePorts(1);
    let handed: Socket | null = null;
    const takers: Taker[] = [{ serves: true, handed: 0, hand: (socket) => (handed = socket) }];
    const shared = new SharedPort(() => takers);
    await shared.listen(`${HOST}:${port}`);
    try {
      const first = connect(port, HOST);
      first.write("first words");
      await expect.poll(() => handed).not.toBeNull();
      expect((handed as unknown as Socket).bytesRead).toBe(0);
      first.destroy();
      takers.pop();
      const second = connect(port, HOST).on("error", () => {});
      await new Promise((resolve) => second.once("close", resolve));
    } finally {
      (handed as Socket | null)?.destroy();
      shared.close();
    }
  });

  test("rejects if somebody else has the port", async () => {
    const [port = 0] = await freePorts(1);
    const first = new SharedPort(() => []);
    await first.listen(`${HOST}:${port}`);
    await expect(new SharedPort(() => []).listen(`${HOST}:${port}`)).rejects.toThrow("EADDRINUSE");
    first.close();
  });
});
