import { describe, expect, test } from "vitest";
import { Gathered } from "../../../src/config/gather.js";
import { nodeConfigOf } from "../../../src/config/node-config.js";
import { configOfProcess } from "../../../src/config/processes.js";
import { NODE_SETTINGS } from "../../../src/config/settings.js";
import { fromFlags } from "../../../src/config/sources.js";

const configOf = (flags: object) =>
  nodeConfigOf(
    new Gathered(NODE_SETTINGS, [
      fromFlags({ listen: "10.0.0.1:4600", peerListen: "10.0.0.1:4700", insecure: true, processes: "3", ...flags }),
    ]),
  );

describe("several nodes from one configuration", () => {
  test("each has ports and a folder of its own, and all share one client port and a zone", () => {
    const config = configOf({ expect: "3", data: "/d", metricsListen: "127.0.0.1:9100", zone: "rack-1" });
    expect(config).toMatchObject({ listen: "10.0.0.1:4600", processes: 3 });
    const nodes = [1, 2, 3].map((number) => configOfProcess(config, number));
    expect(nodes.map(({ listen }) => listen)).toEqual(["10.0.0.1:4601", "10.0.0.1:4602", "10.0.0.1:4603"]);
    expect(nodes.map(({ peerListen }) => peerListen)).toEqual(["10.0.0.1:4700", "10.0.0.1:4701", "10.0.0.1:4702"]);
    expect(nodes.map(({ metricsListen }) => metricsListen)).toEqual([9100, 9101, 9102].map((p) => `127.0.0.1:${p}`));
    expect(nodes.map(({ data }) => data)).toEqual(["/d/node1", "/d/node2", "/d/node3"]);
    expect(nodes.map(({ zone }) => zone)).toEqual(["rack-1", "rack-1", "rack-1"]);
    expect(nodes.every(({ processes, advertise }) => processes === 1 && advertise === "")).toBe(true);
  });

  test("advertised addresses count on from the one that is given", () => {
    const config = configOf({ expect: "3", memory: true, advertise: "[::1]:4600", peerAdvertise: "h:7" });
    expect(configOfProcess(config, 2)).toMatchObject({ advertise: "[::1]:4602", peerAdvertise: "h:8" });
    expect(config.join).toEqual(["h:7", "h:8", "h:9"]);
  });

  test("founding nodes that start together know each other, and the others are named", () => {
    const others = "10.0.0.2:4700,10.0.0.2:4701,10.0.0.2:4702";
    const own = ["10.0.0.1:4700", "10.0.0.1:4701", "10.0.0.1:4702"];
    expect(configOf({ expect: "6", memory: true, join: others }).join).toEqual([...own, ...others.split(",")]);
    // All machines may be given the same list.
    expect(configOf({ expect: "6", memory: true, join: [...own, others].join(",") }).join).toHaveLength(6);
    expect(configOf({ expect: "3", memory: true }).join).toEqual(own);
  });

  test("without a zone, the machine is one", () => {
    expect(configOf({ expect: "3", memory: true }).zone).toMatch(/^[\x21-\x7e]{1,64}$/);
  });

  test("one that joins a cluster names only nodes of that", () => {
    expect(configOf({ memory: true, join: "10.0.0.2:4700" }).join).toEqual(["10.0.0.2:4700"]);
  });

  test.each([
    ["a free port", { listen: "10.0.0.1:0" }, "--listen must name a port with --processes 3; it is 10.0.0.1:0"],
    ["the last ports", { listen: "10.0.0.1:65533" }, "--listen must have a port of at most 65532 with --processes 3"],
    [
      "ports that overlap",
      { peerListen: "10.0.0.1:4603" },
      "the ports of --listen (4600 to 4603) and --peer-listen (4603 to 4605) must not overlap with --processes 3",
    ],
    ["fewer founders", { expect: "2" }, "--expect must be at least 3, as so many founding nodes start here"],
    ["missing founders", { expect: "5" }, "--join must name the 2 other founding nodes (--expect 5); it is missing"],
    ["too few of them", { expect: "5", join: "h:1" }, "--join must name all 2 other founding nodes (--expect 5)"],
    ["no process", { processes: "0" }, "--processes must be a whole number from 1 to 31"],
    ["too many", { processes: "32" }, "--processes must be a whole number from 1 to 31"],
  ])("is refused: %s", (_name, flags, message) => {
    expect(() => configOf({ expect: "3", memory: true, ...flags })).toThrow(message);
  });
});
