/**
 * The fake server that the client libraries are tested against: it answers as cases.yaml says and finds what is wrong
 * with the calls. The header of cases.yaml tells how it is started and spoken to.
 */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import type { Case } from "./fake/case.js";
import { CLUSTER_ID, FakeCluster, OTHER_CLUSTER_ID } from "./fake/cluster.js";

const cases: readonly Case[] = parse(readFileSync(fileURLToPath(new URL("cases.yaml", import.meta.url)), "utf8")).cases;
const running = new Map<string, FakeCluster>();
let runs = 0;

async function handle(request: IncomingMessage): Promise<unknown> {
  const url = new URL(request.url ?? "", "http://control");
  if (request.method === "POST" && url.pathname === "/begin") {
    const name = url.searchParams.get("case");
    const found = cases.find((one) => one.name === name && one.on === "fake");
    if (found === undefined) throw new Error(`no fake case is called ${JSON.stringify(name)}`);
    const cluster = await FakeCluster.start(found);
    const run = String(++runs);
    running.set(run, cluster);
    return {
      run,
      endpoints: cluster.endpoints,
      cluster_id: CLUSTER_ID.toString("hex"),
      other_cluster_id: OTHER_CLUSTER_ID.toString("hex"),
    };
  }
  if (request.method === "POST" && url.pathname === "/end") {
    const run = url.searchParams.get("run") ?? "";
    const cluster = running.get(run);
    if (cluster === undefined) throw new Error(`no case runs as ${JSON.stringify(run)}`);
    const { script } = cluster;
    cluster.close();
    running.delete(run);
    return { problems: script.end(), calls: script.calls };
  }
  throw new Error(`POST /begin?case=NAME or POST /end?run=RUN, not ${request.method} ${url.pathname}`);
}

const answer = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
};

const control = createServer((request, response) => {
  handle(request).then(
    (body) => answer(response, 200, body),
    (error: unknown) => answer(response, 400, { error: error instanceof Error ? error.message : String(error) }),
  );
});
control.listen(0, "127.0.0.1", () => {
  const address = control.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  process.stdout.write(`${JSON.stringify({ control: `http://127.0.0.1:${address.port}` })}\n`);
});

process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
