/** Three NATS servers on this machine with a key-value bucket of three replicas that syncs every write to disk. */

import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { endpointText, freeBasePort, PEER_PORT_OFFSET } from "../cluster.js";
import { BUCKET, STREAM } from "../load/nats.js";
import type { Endpoint } from "../load/options.js";
import { INBOX_MARK, INBOX_TOKEN_BYTES, NatsLine } from "../nats/line.js";
import { type Child, startProgram } from "../process/child.js";
import type { PeerCluster } from "./etcd-cluster.js";

const HOST = "127.0.0.1";
const MONITOR_PORT_OFFSET = 50;
const START_LIMIT_MS = 30_000;
const ANSWER_LIMIT_MS = 10_000;
const MAX_FILE_BYTES = 8 * 2 ** 30;

export async function startNats(program: string, count: number, folder: string): Promise<PeerCluster> {
  const basePort = await freeBasePort(count);
  const indexes = Array.from({ length: count }, (_, i) => i);
  const endpoints = indexes.map((i) => ({ host: HOST, port: basePort + i }));
  const routes = indexes.map((i) => `nats://${HOST}:${basePort + PEER_PORT_OFFSET + i}`);
  const children: Omit<Child, "lines">[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(children.map((child) => child.stop()));
  };
  try {
    const starting = indexes.map(async (i) => {
      const file = `${folder}/n${i + 1}.conf`;
      const monitor = basePort + MONITOR_PORT_OFFSET + i;
      writeFileSync(
        file,
        [
          `server_name: n${i + 1}`,
          `listen: "${HOST}:${basePort + i}"`,
          `http: "${HOST}:${monitor}"`,
          `jetstream { store_dir: "${folder}/n${i + 1}", sync_interval: always, max_file_store: ${MAX_FILE_BYTES} }`,
          `cluster { name: bench, listen: "${HOST}:${basePort + PEER_PORT_OFFSET + i}", routes: [${routes.map((r) => `"${r}"`).join(", ")}] }`,
        ].join("\n"),
      );
      const isUp = async (): Promise<boolean> =>
        (await fetch(`http://${HOST}:${monitor}/healthz?js-server-only=true`, { signal: AbortSignal.timeout(1000) }))
          .ok;
      children.push(await startProgram(program, ["-c", file], isUp, START_LIMIT_MS));
    });
    const failed = (await Promise.allSettled(starting)).find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    await createBucket(endpoints[0] as Endpoint, count);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    endpoints,
    pids: children.map(({ pid }) => pid),
    connections: 1,
    writerOf: async () => {
      const info = await ask(endpoints[0] as Endpoint, `$JS.API.STREAM.INFO.${STREAM}`, "");
      const number = /"leader":"n(\d+)"/.exec(info)?.[1];
      const leader = endpoints[Number(number ?? 0) - 1];
      if (leader === undefined) throw new Error("the bucket has no leader");
      return endpointText(leader);
    },
    stop,
  };
}

/** As its own clients make it: the last value of each key, and reads at every replica. */
async function createBucket(endpoint: Endpoint, replicas: number): Promise<void> {
  const config = {
    name: STREAM,
    subjects: [`$KV.${BUCKET}.>`],
    max_msgs_per_subject: 1,
    storage: "file",
    num_replicas: replicas,
    discard: "new",
    allow_rollup_hdrs: true,
    deny_delete: true,
    allow_direct: true,
    duplicate_window: 120_000_000_000,
    max_bytes: -1,
    max_msgs: -1,
    retention: "limits",
  };
  let said = "";
  for (const giveUp = Date.now() + START_LIMIT_MS; Date.now() < giveUp; await sleep(200)) {
    said = await ask(endpoint, `$JS.API.STREAM.CREATE.${STREAM}`, JSON.stringify(config)).catch(String);
    if (/"did_create":true/.test(said)) return;
  }
  throw new Error(`NATS makes no bucket: ${said}`);
}

/** One question over a connection of its own. */
function ask(endpoint: Endpoint, subject: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const timer = setTimeout(() => {
      line.close();
      reject(new Error(`no answer to ${subject}`));
    }, ANSWER_LIMIT_MS);
    const over = (end: () => void): void => {
      clearTimeout(timer);
      line.close();
      end();
    };
    const request = Buffer.from(
      `PUB ${subject} ${INBOX_MARK}${"0".repeat(INBOX_TOKEN_BYTES)} ${Buffer.byteLength(body)}\r\n${body}\r\n`,
    );
    const line = new NatsLine({
      ...endpoint,
      deadlineMs: 0,
      onReady: () =>
        line.call("", request, request.length, {
          data: (chunk, start, end) => {
            said = chunk.toString("utf8", start, end);
          },
          done: (status, why) => over(() => (status === 0 ? resolve(said) : reject(new Error(why)))),
        }),
      onDraining: () => {},
      onClosed: (reason) => over(() => reject(new Error(reason))),
    });
  });
}
