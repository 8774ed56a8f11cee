import { describe, expect, test } from "vitest";
import { argsOfOneMore, planCluster } from "../../../src/cli/local/cluster.js";
import { nodeConfig, type StartOptions } from "../../../src/cli/start/start.js";
import { onar } from "./fake-node.js";

const options: StartOptions = {
  listen: "127.0.0.1:4600",
  peerListen: "127.0.0.1:4700",
  join: "127.0.0.1:4701,127.0.0.1:4702",
  expect: "3",
  memory: true,
  logLevel: "info",
};

describe("start", () => {
  test("what is left out takes its default", () => {
    expect(nodeConfig(options)).toEqual({
      listen: "127.0.0.1:4600",
      advertise: "",
      peerListen: "127.0.0.1:4700",
      peerAdvertise: "",
      metricsListen: "",
      join: ["127.0.0.1:4701", "127.0.0.1:4702"],
      expect: 3,
      clusterSecretFile: null,
      rebalance: true,
      replaceAfterMs: 300_000,
      moveCaps: { perNode: 16, perCluster: 64 },
      zone: "",
      processes: 1,
      storage: "memory",
      data: "",
      storageMemory: 128,
      diskStallMs: 2_000,
      clusterId: "",
      cluster: { replicationFactor: 3, partitions: 256 },
      insisted: [],
      maxConnections: null,
      limits: { maxKeyBytes: 4_096, maxValueBytes: 1_048_576, maxMessageBytes: 4_194_304 },
      clientPort: {
        reflection: true,
        backup: true,
        transport: "lean",
        connectionMemory: 256,
        resetBurst: 10_000,
        resetRate: 1_000,
        maxConcurrentStreams: 2_048,
        maxHeaderListSize: 16_384,
        connectionTimeoutMs: 20_000,
        maxConnectionIdleMs: null,
        maxConnectionAgeMs: null,
        maxConnectionAgeGraceMs: 30_000,
        keepaliveTimeMs: 10_000,
        keepaliveTimeoutMs: 10_000,
        keepaliveMinTimeMs: 1_000,
        keepalivePermitWithoutStream: true,
      },
      transfers: { rateMib: 8, partitions: 4 },
      drainDelayMs: 500,
      traces: null,
    });
  });

  test("the default replication factor is never more than the nodes", () => {
    const { join: _, ...alone } = options;
    expect(nodeConfig({ ...alone, expect: "1" }).cluster.replicationFactor).toBe(1);
  });

  test("this node's own peer address may be in the list", () => {
    const join = "127.0.0.1:4700,127.0.0.1:4701,127.0.0.1:4702";
    expect(nodeConfig({ ...options, join }).join).toHaveLength(3);
    expect(
      nodeConfig({ ...options, join, peerListen: "0.0.0.0:4700", peerAdvertise: "127.0.0.1:4700", insecure: true })
        .join,
    ).toHaveLength(3);
  });

  test("an IPv6 address stands in brackets", () => {
    expect(nodeConfig({ ...options, listen: "[::1]:4600" }).listen).toBe("[::1]:4600");
    expect(() => nodeConfig({ ...options, listen: "::1:4600" })).toThrow("--listen must be HOST:PORT");
  });

  test.each<[string, Partial<StartOptions>, string]>([
    ["no port", { listen: "127.0.0.1" }, "--listen must be HOST:PORT"],
    ["a port beyond 65535", { peerListen: "127.0.0.1:65536" }, "--peer-listen: the port must be from 0 to 65535"],
    ["the same address twice", { peerListen: "127.0.0.1:4600" }, "--listen and --peer-listen must be different"],
    ["an advertised port 0", { advertise: "host:0" }, "--advertise: the port must be from 1 to 65535"],
    ["a wildcard that nobody can connect to", { listen: "0.0.0.0:4600", insecure: true }, "--advertise"],
    ["a port that others reach, without a secret", { listen: "0.0.0.0:4600" }, "--insecure"],
    ["no nodes", { expect: "0" }, "--expect must be a whole number from 1 to 31"],
    ["too many nodes", { expect: "32" }, "--expect must be a whole number from 1 to 31"],
    ["a part of the list", { join: "127.0.0.1:4701" }, "--join must name all 2 other founding nodes"],
    [
      "a list without this node's own address",
      { join: "a:1,b:1,c:1" },
      "none of them is this node's own, 127.0.0.1:4700",
    ],
    ["a node named twice", { join: "a:1,a:1" }, "--join names a:1 twice"],
    [
      "more replicas than nodes",
      { replicationFactor: "4" },
      "--replication-factor must be at most the number of nodes, 3",
    ],
    ["no power of two", { partitions: "100" }, "--partitions must be a power of two from 1 to 65536; it is 100"],
    ["too many partitions", { partitions: "131072" }, "--partitions must be a whole number from 1 to 65536"],
    ["a cluster id that is too short", { clusterId: "abcd" }, "--cluster-id must be 32 hexadecimal digits"],
    ["a zone with spaces", { zone: "a b" }, "--zone"],
    ["a level that is none", { logLevel: "loud" }, "--log-level must be one of"],
  ])("%s is refused by name", (_, wrong, message) => {
    expect(() => nodeConfig({ ...options, ...wrong })).toThrow(message);
  });

  test("without --data or --memory nothing is started, nor with both", async () => {
    const args = ["start", "--listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0", "--expect", "1"];
    expect(await onar(args)).toMatchObject({ code: 2, error: expect.stringContaining("--data DIR keeps it") });
    const both = await onar([...args, "--memory", "--data", "somewhere"]);
    expect(both).toMatchObject({ code: 2, error: expect.stringContaining("--data and --memory exclude each other") });
  });

  test("a node with a directory need not say again with whom it founded its cluster", () => {
    const { expect: _expect, join: _join, memory: _memory, ...rest } = options;
    expect(nodeConfig({ ...rest, data: "dir" })).toMatchObject({ storage: "disk", data: "dir", expect: 0, join: [] });
  });

  test("options without which no node can start are asked for by name", () => {
    for (const name of ["listen", "peerListen", "expect"] as const) {
      // A node that names others and founds nothing with them joins their cluster.
      const { [name]: _, join: __, ...rest } = options;
      expect(() => nodeConfig(rest)).toThrow("is required");
    }
  });

  test("an unknown flag is wrong usage", async () => {
    expect(await onar(["start", "--frobnicate"])).toMatchObject({
      code: 2,
      error: expect.stringContaining("--frobnicate"),
    });
  });
});

describe("cluster", () => {
  const plan = (more: object) => planCluster({ nodes: "3", basePort: "4600", memory: true, ...more });

  test("clients are at the base port and up, peers 100 above, and everybody is told of everybody", () => {
    const { nodes } = plan({});
    expect(nodes.map((node) => [node.number, node.client.port, node.peer.port])).toEqual([
      [1, 4600, 4700],
      [2, 4601, 4701],
      [3, 4602, 4702],
    ]);
    for (const node of nodes) expect(node.args).toContain("127.0.0.1:4700,127.0.0.1:4701,127.0.0.1:4702");
  });

  test("one more node joins at the ports behind the last, unless there are none left", () => {
    const args = argsOfOneMore(plan({ memory: undefined, data: "/d" }));
    expect(args.join(" ")).toBe(
      "start --listen 127.0.0.1:4603 --peer-listen 127.0.0.1:4703 --join 127.0.0.1:4700,127.0.0.1:4701,127.0.0.1:4702 --data /d/node4 --cluster-secret-file /d/cluster-secret",
    );
    expect(argsOfOneMore(plan({ basePort: "65433" }))).toEqual([]);
  });

  test("the highest base port is the one at which the last peer still has a port", () => {
    expect(plan({ basePort: "65433" }).nodes[2]?.peer.port).toBe(65_535);
    expect(() => plan({ basePort: "65434" })).toThrow("--base-port must be at most 65433 with 3 nodes");
  });

  test("settings of the cluster are handed on when given, and left to the nodes otherwise", () => {
    const given = ["--replication-factor", "--partitions", "--transport"];
    for (const { args } of plan({}).nodes) expect(args.filter((word) => given.includes(word))).toEqual([]);
    for (const { args } of plan({ partitions: "8", replicationFactor: "2" }).nodes) {
      expect(args.join(" ")).toContain("--replication-factor 2 --partitions 8");
    }
    for (const { args } of plan({ transport: "grpc-js" }).nodes)
      expect(args.join(" ")).toContain("--transport grpc-js");
  });

  test("nodes keep their data in directories of their own, or in memory", () => {
    const data = (more: object) => plan(more).nodes.map(({ args }) => args.slice(args.indexOf("--expect") + 2));
    expect(data({})).toEqual([["--memory"], ["--memory"], ["--memory"]]);
    const kept = data({ memory: undefined, data: "/somewhere" });
    const secret = ["--cluster-secret-file", "/somewhere/cluster-secret"];
    expect(kept).toEqual([1, 2, 3].map((number) => [...secret, "--data", `/somewhere/node${number}`]));
    expect(data({ memory: undefined })[0]?.[3]).toMatch(/\/\.onar-data\/node1$/);
  });

  test.each<[object, string]>([
    [{ nodes: "0" }, "--nodes must be a whole number from 1 to 31"],
    [{ nodes: "32" }, "--nodes must be a whole number from 1 to 31"],
    [{ nodes: "abc" }, '--nodes must be a whole number from 1 to 31; it is "abc"'],
    [{ transport: "lear" }, "--transport must be one of lean, grpc-js"],
    [{ basePort: "0" }, "--base-port must be a whole number from 1 to 65535"],
    [{ basePort: "70000" }, "--base-port must be a whole number from 1 to 65535"],
    [{ replicationFactor: "4" }, "--replication-factor must be at most the number of nodes, 3"],
    [{ partitions: "3" }, "--partitions must be a power of two"],
    [{ data: "somewhere" }, "--data and --memory exclude each other"],
  ])("%j is refused by name", (wrong, message) => {
    expect(() => plan(wrong)).toThrow(message);
  });
});
