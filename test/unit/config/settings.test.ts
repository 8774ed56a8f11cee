import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parseSettings } from "../../../src/config/file.js";
import { Gathered } from "../../../src/config/gather.js";
import { nearest } from "../../../src/config/nearest.js";
import { limitsOf, nodeConfigOf } from "../../../src/config/node-config.js";
import { NODE_KEYS, NODE_SETTINGS } from "../../../src/config/settings.js";
import {
  type Environment,
  fromEnvironment,
  fromFlags,
  fromOptions,
  mistyped,
  withoutNodeSettings,
} from "../../../src/config/sources.js";
import { withTables } from "../../../src/config/tables.js";

const gather = (...sources: ConstructorParameters<typeof Gathered>[1]) => new Gathered(NODE_SETTINGS, sources);
const alone = { listen: "a:1", peerListen: "a:2", expect: "1", memory: true, insecure: true };

describe("settings", () => {
  test("a flag counts before the environment, and the environment before the file", () => {
    const file = parseSettings("o.yaml", "zone: file\nexpect: 1\nlog-level: warn\n");
    const all = gather(fromFlags({ zone: "flag" }), fromEnvironment({ ONAR_ZONE: "env", ONAR_EXPECT: "2" }), file);
    expect([all.value("zone"), all.value("expect"), all.value("logLevel"), all.value("join")]).toEqual([
      "flag",
      2,
      "warn",
      undefined,
    ]);
    expect([all.origin("zone"), all.origin("expect"), all.origin("logLevel"), all.origin("join")]).toEqual([
      "flag",
      "environment",
      "file",
      "default",
    ]);
  });

  test("an error says where the value came from", () => {
    const bad = "0";
    expect(() => gather(fromFlags({ expect: bad })).value("expect")).toThrow("--expect must be a whole number from 1");
    expect(() => gather(fromEnvironment({ ONAR_EXPECT: bad })).value("expect")).toThrow(
      'ONAR_EXPECT (environment) must be a whole number from 1 to 31; it is "0"',
    );
    expect(() => gather(parseSettings("/etc/o.yaml", "expect: 0")).value("expect")).toThrow(
      "expect (/etc/o.yaml line 1) must be a whole number from 1 to 31",
    );
    expect(() => gather(fromOptions({ expect: 0 })).value("expect")).toThrow("options.expect must be a whole number");
  });

  test("an empty variable counts as not set", () => {
    expect(gather(fromEnvironment({ ONAR_ZONE: "" })).value("zone")).toBeUndefined();
  });

  test("settings that contradict each other are named as they were given", () => {
    const two = gather(fromFlags(alone), fromEnvironment({ ONAR_METRICS_LISTEN: "0.0.0.0:2" }));
    expect(() => nodeConfigOf(two)).toThrow(
      "--peer-listen and ONAR_METRICS_LISTEN (environment) must be different; both are at port 2",
    );
    const limits = gather(fromFlags(alone), parseSettings("o.yaml", "max-message-bytes: 10000"));
    expect(() => nodeConfigOf(limits)).toThrow(
      "max-message-bytes (o.yaml line 1) must be at least 2102272, so that a CompareAndSet with a key of 4096 and two values of 1048576 bytes fits; it is 10000",
    );
  });

  test("a switch that is on when nobody says is turned off by a flag, a variable or a file", () => {
    const reflection = (...sources: ConstructorParameters<typeof Gathered>[1]) =>
      nodeConfigOf(gather(fromFlags(alone), ...sources)).clientPort.reflection;
    expect(reflection()).toBe(true);
    expect(reflection(fromFlags({ reflection: false }))).toBe(false);
    expect(reflection(fromEnvironment({ ONAR_REFLECTION: "false" }))).toBe(false);
    expect(reflection(parseSettings("o.yaml", "reflection: false"))).toBe(false);
    expect(reflection(fromFlags({ reflection: true }), fromEnvironment({ ONAR_REFLECTION: "false" }))).toBe(true);
  });

  test.each([
    ["127.0.0.1:1", true],
    ["127.8.0.1:1", true],
    ["localhost:1", true],
    ["[::1]:1", true],
    ["10.0.0.1:1", false],
    ["0.0.0.0:1", false],
    ["127.example:1", false],
  ])("backups are offered at %s unless somebody says otherwise: %s", (listen, offered) => {
    const flags = { ...alone, listen, advertise: "a:1" };
    expect(nodeConfigOf(gather(fromFlags(flags))).clientPort.backup).toBe(offered);
    expect(nodeConfigOf(gather(fromFlags({ ...flags, backup: !offered }))).clientPort.backup).toBe(!offered);
  });

  test("a node that others reach drains for longer than one at loopback, unless somebody says otherwise", () => {
    const delay = (flags: object) => nodeConfigOf(gather(fromFlags({ ...alone, ...flags }))).drainDelayMs;
    expect(delay({ listen: "127.0.0.1:1", peerListen: "127.0.0.1:2" })).toBe(500);
    expect(delay({ listen: "127.0.0.1:1", peerListen: "10.0.0.1:2" })).toBe(5_000);
    expect([delay({ drainDelay: "0" }), delay({ drainDelay: "7.5" })]).toEqual([0, 7_500]);
    expect(() => delay({ drainDelay: "-1" })).toThrow(
      "--drain-delay must be 0, or a number of seconds from 0.001 to 3600",
    );
  });

  test("a connection's age is off, or seconds", () => {
    const age = (flags: object) =>
      nodeConfigOf(gather(fromFlags({ ...alone, ...flags }))).clientPort.maxConnectionAgeMs;
    expect([age({}), age({ maxConnectionAge: "off" }), age({ maxConnectionAge: "60" })]).toEqual([null, null, 60_000]);
  });

  test.each([
    ["127.0.0.1:1", "127.0.0.1:2", true],
    ["[::1]:1", "localhost:2", true],
    ["0.0.0.0:1", "127.0.0.1:2", false],
    ["127.0.0.1:1", "[::]:2", false],
    ["127.0.0.1:1", "127.example:2", false],
  ])(
    "a node without secret listens at %s and %s only if that is loopback, or said to be meant",
    (one, two, loopback) => {
      const flags = {
        ...{ listen: one, peerListen: two, advertise: "127.0.0.1:1", peerAdvertise: "127.0.0.1:2" },
        ...{ expect: "1", memory: true },
      };
      const of = (more: object) => (): unknown => nodeConfigOf(gather(fromFlags({ ...flags, ...more })));
      if (loopback) expect(of({})).not.toThrow();
      else expect(of({})).toThrow(/which other machines can reach.*--cluster-secret-file.*--insecure/);
      expect(of({ insecure: true })).not.toThrow();
      expect(of({ clusterSecretFile: "secret" })).not.toThrow();
    },
  );

  test("limits are settings", () => {
    const flags = { maxKeyBytes: "10", maxValueBytes: "20", maxMessageBytes: "4096" };
    expect(limitsOf(gather(fromFlags(flags)))).toEqual({ maxKeyBytes: 10, maxValueBytes: 20, maxMessageBytes: 4_096 });
  });

  test("an options object of a program is taken as flags are", () => {
    const options = { ...alone, expect: 2, join: ["b:2"], memory: true };
    expect(nodeConfigOf(gather(fromOptions(options)))).toEqual(
      nodeConfigOf(gather(fromFlags({ ...alone, expect: "2", join: "b:2" }))),
    );
  });

  test("a variable that looks mistyped is told, one of an orchestrator is not", () => {
    expect(mistyped({ ONAR_LISTN: "a:1", ONAR_SERVICE_HOST: "10.0.0.1", ONAR_PORT_4600_TCP: "x", PATH: "" })).toEqual([
      "the environment has ONAR_LISTN, which is no setting; did you mean ONAR_LISTEN?",
    ]);
    expect(mistyped({ ONAR_LISTEN: "a:1", ONAR_ENDPOINT: "a:1", ONAR_CONFIG: "x", ONAR_HISTORY: "off" })).toEqual([]);
  });

  test("nodes that a command starts do not take settings from its environment", () => {
    const environment = { PATH: "p", ONAR_METRICS_LISTEN: "a:1", ONAR_CONFIG: "f", ONAR_ENDPOINT: "b:1" };
    expect(withoutNodeSettings(environment)).toEqual({ PATH: "p", ONAR_ENDPOINT: "b:1" });
  });

  test("where traces go is an http URL, and the path of OTLP is added to one without", () => {
    const traces = (flags: object) => nodeConfigOf(gather(fromFlags({ ...alone, ...flags }))).traces;
    expect(traces({})).toBeNull();
    expect(traces({ traceEndpoint: "off", traceSample: "1" })).toBeNull();
    expect(traces({ traceEndpoint: "http://a:4318" })).toEqual({ endpoint: "http://a:4318/v1/traces", sample: 0.01 });
    const own = { traceEndpoint: "https://a/otlp?x=1", traceSample: ".5" };
    expect(traces(own)).toEqual({ endpoint: "https://a/otlp?x=1", sample: 0.5 });
    for (const wrong of ["a:4318", "grpc://a:4317", "on", ""]) {
      expect(() => traces({ traceEndpoint: wrong })).toThrow("--trace-endpoint must be a URL with http or https");
    }
    for (const wrong of ["-1", "1.1", "50%", "1e-3", ""]) {
      expect(() => traces({ traceEndpoint: "http://a", traceSample: wrong })).toThrow(
        "--trace-sample must be a number from 0 to 1",
      );
    }
  });

  test("the variables of OpenTelemetry say where traces go when Onar's own do not", () => {
    const traces = (environment: Environment, flags: object = {}) =>
      nodeConfigOf(gather(fromFlags({ ...alone, ...flags }), fromEnvironment(environment))).traces;
    const all = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318/" };
    expect(traces(all)).toEqual({ endpoint: "http://c:4318/v1/traces", sample: 0.01 });
    expect(traces({ ...all, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://t/x" })?.endpoint).toBe("http://t/x");
    expect(traces({ ...all, ONAR_TRACE_ENDPOINT: "http://o/y" })?.endpoint).toBe("http://o/y");
    expect(traces({ ...all, ONAR_TRACE_ENDPOINT: "off" })).toBeNull();
    expect(traces(all, { traceEndpoint: "off" })).toBeNull();
    expect(traces({ ...all, OTEL_SDK_DISABLED: "true" })).toBeNull();
    expect(traces({ ...all, OTEL_TRACES_EXPORTER: "none" })).toBeNull();
    expect(traces({ ...all, OTEL_TRACES_SAMPLER: "always_on" })?.sample).toBe(1);
    expect(traces({ ...all, OTEL_TRACES_SAMPLER: "parentbased_always_off" })?.sample).toBe(0);
    const half = { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.5" };
    expect(traces({ ...all, ...half })?.sample).toBe(0.5);
    expect(traces({ ...all, ...half, ONAR_TRACE_SAMPLE: "0.1" })?.sample).toBe(0.1);
    expect(() => traces({ OTEL_EXPORTER_OTLP_ENDPOINT: "c:4317" })).toThrow(
      "OTEL_EXPORTER_OTLP_ENDPOINT (environment) must be a URL with http or https",
    );
  });

  test("every default of a setting that is not words is a value it may have", () => {
    for (const key of NODE_KEYS) {
      const { fallback } = NODE_SETTINGS[key];
      if (/^(\d+|info)$/.test(fallback)) expect(() => NODE_SETTINGS[key].read(key, fallback)).not.toThrow();
    }
  });
});

describe("docs/configuration.md", () => {
  const path = fileURLToPath(new URL("../../../docs/configuration.md", import.meta.url));
  const document = readFileSync(path, "utf8");

  test("has the tables that the code makes; npx tsx scripts/settings.ts writes them", () => {
    expect(document).toBe(withTables(document));
  });

  test("shows a file that is good", () => {
    const yaml = /```yaml\n([\s\S]*?)```/.exec(document)?.[1] ?? "";
    const file = parseSettings("onar.yaml", yaml);
    expect(file.problems).toEqual([]);
    expect(nodeConfigOf(gather(file)).join).toHaveLength(3);
  });
});

test.each([
  ["lisetn", "listen"],
  ["LOGLEVEL", "log-level"],
  ["metric-listen", "metrics-listen"],
  ["x", null],
  ["quite something else", null],
])("of the names, %j is nearest to %j", (typed, meant) => {
  expect(nearest(typed, ["listen", "log-level", "metrics-listen"])).toBe(meant);
});
