import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { type NodeId, nodeId } from "../../../src/core/model/ids.js";
import { Appends } from "../../../src/observe/appends.js";
import { CallMetrics } from "../../../src/observe/calls.js";
import { counterText, Distribution, histogramText } from "../../../src/observe/exposition.js";
import { Metrics } from "../../../src/observe/metrics.js";
import { Serving } from "../../../src/rpc/services/serving.js";
import { MemoryStorage } from "../../../src/storage/memory.js";

const opened: Metrics[] = [];
afterEach(() => {
  for (const metrics of opened.splice(0)) metrics.close();
});

/** The metrics of a node that waits for its cluster. */
function metricsOf(queues: { readonly peer: NodeId; readonly bytes: number }[] = []): Metrics {
  const metrics = new Metrics({
    serving: new Serving(nodeId(7)),
    softwareVersion: "1.2.3",
    healthy: () => false,
    admission: () => ({ counters: { failures: 2, closed: 3 }, strangerCount: 1 }),
    queues: () => queues,
    storage: () => null,
    figures: () => null,
    freeSpace: () => null,
    linesDropped: () => 0,
    descriptorsShortMs: () => 0,
    ports: {
      client: { open: 0, refused: 0, limits: [["max-connection-age", 3]] },
      peer: { open: 0, refused: 0, limits: [] },
    },
  });
  opened.push(metrics);
  return metrics;
}

test("connections that say nothing do not keep readers out", async () => {
  const metrics = metricsOf();
  const port = await metrics.listen("127.0.0.1", 0);
  const silent = Array.from({ length: 200 }, () => connect(port, "127.0.0.1").on("error", () => {}));
  try {
    await Promise.all(silent.slice(0, 64).map((socket) => socket.connecting && once(socket, "connect")));
    for (let i = 0; i < 3; i++) expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(200);
  } finally {
    for (const socket of silent) socket.destroy();
  }
});

/** Every name that can stand in a query. */
async function namesOf(metrics: Metrics): Promise<Set<string>> {
  const names = new Set<string>();
  for (const [, name = "", type] of (await metrics.text()).matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    if (type === "histogram") for (const suffix of ["_bucket", "_sum", "_count"]) names.add(name + suffix);
    else names.add(name);
  }
  return names;
}

const textOf = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), "utf8");

describe("the text", () => {
  test("of counters escapes what labels may hold", () => {
    expect(counterText("c_total", "h", [{ labels: { a: 'x"\\\n' }, value: 2 }])).toBe(
      '# HELP c_total h\n# TYPE c_total counter\nc_total{a="x\\"\\\\\\n"} 2\n',
    );
  });

  test("of histograms is cumulative, and what equals a bound lies below it", () => {
    const seconds = new Distribution([1, 2]);
    for (const value of [0.5, 1, 1.5, 7]) seconds.add(value);
    const { counts, sum } = seconds;
    expect(
      histogramText("s", "h", seconds.bounds, [{ labels: {}, counts, sum }])
        .split("\n")
        .slice(2, 7),
    ).toEqual(['s_bucket{le="1"} 2', 's_bucket{le="2"} 3', 's_bucket{le="+Inf"} 4', "s_sum 10", "s_count 4"]);
  });
});

describe("calls", () => {
  test("are counted by method and status, under the usual names", () => {
    const calls = new CallMetrics();
    const begin = () => calls.began("/onar.kv.v1.KeyValueService/Get", "unary");
    begin().ended(0, 3);
    begin().ended(14, 700);
    begin();
    begin().ended(99, 1);
    const labels = 'grpc_type="unary",grpc_service="onar.kv.v1.KeyValueService",grpc_method="Get"';
    const text = calls.text();
    expect(text).toContain(`grpc_server_started_total{${labels}} 4\n`);
    expect(text).toContain(`grpc_server_handled_total{${labels},grpc_code="OK"} 1\n`);
    expect(text).toContain(`grpc_server_handled_total{${labels},grpc_code="Unavailable"} 1\n`);
    // A status that gRPC does not have.
    expect(text).toContain(`grpc_server_handled_total{${labels},grpc_code="Unknown"} 1\n`);
    expect(text).toContain(`grpc_server_handling_seconds_bucket{${labels},le="0.005"} 2\n`);
    expect(text).toContain(`grpc_server_handling_seconds_count{${labels}} 3\n`);
  });
});

test("appends to storage are counted, empty ones are passed on uncounted", () => {
  const storage = new MemoryStorage();
  const appends = new Appends();
  appends.observe(storage);
  let durable = 0;
  storage.append([], () => durable++);
  storage.append([...storage.restored()], () => durable++);
  expect(durable).toBe(2);
  expect(appends.text()).toContain("onar_storage_batch_entries_count 0\n");
});

describe("a node that waits for its cluster", () => {
  test("has its metrics already", async () => {
    const metrics = metricsOf([{ peer: nodeId(9), bytes: 5 }]);
    const text = await metrics.text();
    expect(text).toContain('onar_info{node="7",cluster="",version="1.2.3",storage=""} 1');
    expect(text).toContain("onar_serving 0\n");
    expect(text).toContain('onar_peer_queue_bytes{node="9"} 5');
    // Asked twice, counted once.
    expect(await metrics.text()).toContain("onar_elections_total 0\n");
  });

  test("serves them at /metrics and nothing else, and stops", async () => {
    const metrics = metricsOf();
    const port = await metrics.listen("127.0.0.1", 0);
    expect((await ask(port, "/metrics")).text).toContain("# TYPE grpc_server_handled_total counter");
    expect(await ask(port, "/metrics?x=1")).toMatchObject({ status: 200 });
    expect(await ask(port, "/metrics", "HEAD")).toMatchObject({ status: 200, text: "" });
    expect(await ask(port, "/metrics", "POST")).toMatchObject({ status: 405 });
    for (const path of ["/", "/metrics/", "/healthz", "/../metrics"])
      expect(await ask(port, path)).toMatchObject({ status: 404 });
    metrics.close();
    await expect(ask(port, "/metrics")).rejects.toThrow("ECONNREFUSED");
  });
});

describe("what names metrics", () => {
  test("the Grafana dashboard names only metrics that exist, and each panel asks something", async () => {
    const names = await namesOf(metricsOf());
    const dashboard = JSON.parse(textOf("deploy/grafana/onar.json"));
    const panels = dashboard.panels.filter((panel: { type: string }) => panel.type !== "row");
    expect(panels.length).toBeGreaterThan(10);
    const queries: string[] = panels.flatMap((panel: { targets: { expr: string }[] }) =>
      panel.targets.map((t) => t.expr),
    );
    expect(queries.length).toBeGreaterThanOrEqual(panels.length);
    for (const query of queries) {
      const named = query.match(/\b(?:onar|grpc|process|nodejs)_[a-z_]+(?=\{)/g) ?? [];
      expect(named.length, query).toBeGreaterThan(0);
      for (const name of named) expect(names, query).toContain(name);
    }
  });

  test("the alert rules for Prometheus name only metrics that exist, and each rule has an expression", async () => {
    const names = await namesOf(metricsOf());
    const rules = textOf("deploy/prometheus/onar.rules.yml").split("- alert: ").slice(1);
    expect(rules.length).toBeGreaterThanOrEqual(6);
    for (const rule of rules) {
      const [, expression = ""] = rule.match(/^ +expr: (.+)$/m) ?? [];
      const named = expression.match(/\b(?:onar|grpc|process|nodejs)_[a-z_]+/g) ?? [];
      expect(named.length, rule).toBeGreaterThan(0);
      for (const name of named) expect(names, rule).toContain(name);
      expect(rule).toMatch(/severity: (page|ticket)/);
    }
  });

  test("docs/operating.md has every metric of Onar's own, and none that does not exist", async () => {
    const types = [...(await metricsOf().text()).matchAll(/^# TYPE (\S+) /gm)].map((match) => match[1] as string);
    const exported = types.filter((name) => /^(onar|grpc)_/.test(name));
    const documented = [...textOf("docs/operating.md").matchAll(/^\| `((?:onar|grpc)_\w+)/gm)].map((match) => match[1]);
    expect(documented.toSorted()).toEqual(exported.toSorted());
  });
});

function ask(port: number, path: string, method = "GET"): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, method, agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.on("error", reject);
    asked.end();
  });
}
