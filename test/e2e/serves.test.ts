/**
 * Ways in which people use a cluster at hand: grpcurl without any proto file, health probes, reflection of both
 * versions.
 */
import { createClient } from "nice-grpc";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HealthCheckResponse_ServingStatus as ServingStatus } from "../../gen/ts/grpc/health/v1/health.js";
import {
  ServerReflectionDefinition as ReflectionV1,
  type ServerReflectionRequest,
} from "../../gen/ts/grpc/reflection/v1/reflection.js";
import { ServerReflectionDefinition as ReflectionV1Alpha } from "../../gen/ts/grpc/reflection/v1alpha/reflection.js";
import { answerOf, errorOf } from "./clients.js";
import { Cluster } from "./harness.js";
import { findGrpcurl, type Ran, run } from "./programs.js";
import { RawClient } from "./raw.js";

const SERVICES = [
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
  "onar.backup.v1.BackupService",
  "onar.kv.v1.KeyValueService",
  "onar.reconfiguration.v1.ReconfigurationService",
  "onar.text.v1.TextService",
];
const KV = "onar.kv.v1.KeyValueService";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start({ nodes: 3, replicas: 3 });
});
afterAll(() => cluster?.stop());

const found = findGrpcurl();
if ("missing" in found) console.log(`grpcurl: ${found.missing}`);

describe.skipIf("missing" in found)("grpcurl without proto files", () => {
  const grpcurl = (...args: string[]): Promise<Ran> => run("path" in found ? found.path : "", ["-plaintext", ...args]);
  const text = async (node: number, method: string, request: object): Promise<Record<string, unknown>> => {
    const { address } = cluster.node(node);
    const ran = await grpcurl("-d", JSON.stringify(request), address, `onar.text.v1.TextService/${method}`);
    expect(ran.stderr).toBe("");
    return JSON.parse(ran.stdout) as Record<string, unknown>;
  };

  test("a PUT at one port is read at the two others, with plain strings", async () => {
    await text(0, "Put", { key: "hello", value: "world" });
    for (const node of [1, 2]) {
      expect(await text(node, "Get", { key: "hello" })).toMatchObject({
        entry: { value: "world" },
        consistency: "CONSISTENCY_LINEARIZABLE",
      });
    }
    expect((await text(2, "Get", { key: "nothing here" })).entry).toBeUndefined();
    expect(await text(1, "Add", { key: "visits", delta: 2 })).toMatchObject({ number: "2" });
    expect(await text(0, "Delete", { key: "hello" })).toMatchObject({ deleted: true });
    expect((await text(2, "Get", { key: "hello" })).entry).toBeUndefined();
  });

  test("list names every service, and describe shows each of them and each of their messages", async () => {
    const { address } = cluster.node(0);
    const list = await grpcurl(address, "list");
    expect(list.stdout.trim().split("\n").sort()).toEqual(SERVICES);
    const all = await grpcurl(address, "describe");
    expect(all.stderr).toBe("");
    const shown = await Promise.all(SERVICES.map((service) => grpcurl(address, "describe", service)));
    const messages = new Set<string>();
    for (const { code, stdout, stderr } of shown) {
      expect([code, stderr]).toEqual([0, ""]);
      for (const match of stdout.matchAll(/\(\s*(?:stream )?\.([\w.]+)\s*\)/g)) messages.add(match[1] as string);
    }
    expect(messages.size).toBeGreaterThan(20);
    const names = [
      ...messages,
      "onar.kv.v1.Condition",
      "onar.kv.v1.ErrorReason",
      "onar.kv.v1.Outcome",
      "google.rpc.Status",
    ];
    const described = await Promise.all(names.map((name) => grpcurl(address, "describe", name)));
    for (const [i, { code, stdout }] of described.entries()) {
      expect(code, names[i]).toBe(0);
      expect(stdout).toContain(names[i]);
    }
  });

  test("describe shows a field that is optional as optional", async () => {
    const { stdout } = await grpcurl(cluster.node(0).address, "describe", "onar.kv.v1.AddResponse");
    expect(stdout).toMatch(/optional sint64 number|optional int64 number/);
  });

  test("an error shows its details by name", async () => {
    const { address } = cluster.node(0);
    const ran = await grpcurl("-d", '{"value":"x"}', address, "onar.text.v1.TextService/Put");
    expect(ran.code).not.toBe(0);
    for (const part of ["InvalidArgument", "KEY_EMPTY", "google.rpc.ErrorInfo", "EXECUTION_NOT_EXECUTED"])
      expect(ran.stderr + ran.stdout).toContain(part);
  });
});

describe.each([
  ["v1", ReflectionV1],
  ["v1alpha", ReflectionV1Alpha],
] as const)("reflection %s", (_version, definition) => {
  type Request = Pick<ServerReflectionRequest, "messageRequest">["messageRequest"];
  const ask = async (requests: readonly Request[]) => {
    async function* all() {
      for (const messageRequest of requests) yield { host: "", messageRequest };
    }
    const client = createClient(definition as typeof ReflectionV1, cluster.node(1).clients.channel);
    const answers = [];
    for await (const answer of client.serverReflectionInfo(all())) answers.push(answer.messageResponse);
    return answers;
  };

  test("lists every service", async () => {
    const [answer] = await ask([{ $case: "listServices", value: "" }]);
    if (answer?.$case !== "listServicesResponse") return expect.fail(`got ${answer?.$case}`);
    expect(answer.value.service.map(({ name }) => name).sort()).toEqual(SERVICES);
  });

  test("gives the file of every service and every file that those import, without a gap", async () => {
    const files = new Map<string, Buffer>();
    const missing = new Set<string>();
    const take = (answers: Awaited<ReturnType<typeof ask>>): void => {
      for (const answer of answers) {
        if (answer?.$case !== "fileDescriptorResponse") return expect.fail(`got ${JSON.stringify(answer)}`);
        for (const bytes of answer.value.fileDescriptorProto) {
          const { name, imports } = fileOf(bytes);
          files.set(name, bytes);
          for (const one of imports) missing.add(one);
        }
      }
      for (const name of files.keys()) missing.delete(name);
    };
    take(await ask(SERVICES.map((value) => ({ $case: "fileContainingSymbol", value }) as const)));
    while (missing.size > 0) {
      const before = files.size;
      take(await ask([...missing].map((value) => ({ $case: "fileByFilename", value }) as const)));
      expect(files.size).toBeGreaterThan(before);
    }
    for (const name of [
      "onar/kv/v1/kv.proto",
      "onar/kv/v1/common.proto",
      "google/rpc/status.proto",
      "google/protobuf/any.proto",
    ])
      expect([...files.keys()]).toContain(name);
  });

  test("says NOT_FOUND of what it does not have, and goes on", async () => {
    const answers = await ask([
      { $case: "fileContainingSymbol", value: "no.such.Thing" },
      { $case: "fileByFilename", value: "../../etc/passwd" },
      { $case: "fileContainingSymbol", value: KV },
    ]);
    expect(answers.map((answer) => answer?.$case)).toEqual([
      "errorResponse",
      "errorResponse",
      "fileDescriptorResponse",
    ]);
    for (const answer of answers.slice(0, 2)) expect(answer).toMatchObject({ value: { errorCode: 5 } });
  });
});

describe("reflection at the edge", () => {
  const INFO = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

  // The decoder that was there before looped over the declared length: nine seconds for these bytes.
  test("a question that declares 2 GiB is refused at once, and nobody else waits for it", async () => {
    const { address, clients } = cluster.node(0);
    const raw = await RawClient.open(address);
    const refused = raw.unary(INFO, Buffer.from("22ffffffff07", "hex"));
    await answerOf((o) => clients.health.check({ service: "live" }, o), 2_000);
    const { headers, trailers } = await refused;
    expect((trailers ?? headers)["grpc-status"]).toBe("13");
    raw.close();
  });

  test("a question that asks nothing is answered so, and the stream goes on", async () => {
    const client = createClient(ReflectionV1, cluster.node(0).clients.channel);
    async function* questions() {
      yield { host: "h" };
      yield { messageRequest: { $case: "allExtensionNumbersOfType", value: "onar.kv.v1.Entry" } } as const;
      yield { messageRequest: { $case: "listServices", value: "" } } as const;
    }
    const answers = [];
    for await (const answer of client.serverReflectionInfo(questions())) answers.push(answer);
    expect(answers.map(({ messageResponse }) => messageResponse?.$case)).toEqual([
      "errorResponse",
      "allExtensionNumbersResponse",
      "listServicesResponse",
    ]);
    expect(answers[0]).toMatchObject({ validHost: "h", originalRequest: { host: "h" } });
  });
});

/** Name and imports of an encoded FileDescriptorProto: fields 1 and 3, all before them being short. */
function fileOf(bytes: Buffer): { readonly name: string; readonly imports: string[] } {
  let name = "";
  const imports: string[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    if ((tag & 7) === 0) {
      varint();
      continue;
    }
    const length = varint();
    const text = bytes.toString("utf8", at, at + length);
    at += length;
    if (tag >> 3 === 1) name = text;
    if (tag >> 3 === 3) imports.push(text);
  }
  return { name, imports };
}

describe("health", () => {
  const names = [
    "",
    "live",
    KV,
    "onar.text.v1.TextService",
    "onar.reconfiguration.v1.ReconfigurationService",
    "onar.backup.v1.BackupService",
  ];

  test("Check says SERVING per service and for the server as a whole, NOT_FOUND for another one", async () => {
    for (const { clients } of cluster.nodes) {
      for (const service of names) {
        const { status } = await answerOf((o) => clients.health.check({ service }, o));
        expect(status, service).toBe(ServingStatus.SERVING);
      }
    }
    const { clients } = cluster.node(0);
    expect(await errorOf((o) => clients.health.check({ service: "no.such.Service" }, o))).toMatchObject({
      status: "NOT_FOUND",
    });
  });

  test("List names them all", async () => {
    const { statuses } = await answerOf((o) => cluster.node(0).clients.health.list({}, o));
    expect(Object.keys(statuses).sort()).toEqual([...names].sort());
  });

  test("Watch tells at once and then what changes; an unknown service is SERVICE_UNKNOWN", async () => {
    const other = await Cluster.start({ nodes: 3, replicas: 3, partitions: 16 });
    try {
      const { clients } = other.node(0);
      const told: ServingStatus[] = [];
      const watched = (async () => {
        for await (const { status } of clients.health.watch({ service: KV })) {
          told.push(status);
          if (told.length === 3) return;
        }
      })();
      for await (const { status } of clients.health.watch({ service: "no.such.Service" })) {
        expect(status).toBe(ServingStatus.SERVICE_UNKNOWN);
        break;
      }
      for (const node of [1, 2]) other.node(node).process.pause();
      await expect.poll(() => told.length, { timeout: 8_000 }).toBe(2);
      for (const node of [1, 2]) other.node(node).process.resume();
      await watched;
      expect(told).toEqual([ServingStatus.SERVING, ServingStatus.NOT_SERVING, ServingStatus.SERVING]);
    } finally {
      await other.stop();
    }
  });
});
