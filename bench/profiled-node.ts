/**
 * A node that tells where its time goes: profiled-node LISTEN PEER_LISTEN PEER,PEER,… DIRECTORY. It runs from the files
 * as the compiler made them, so that a profile names the source of each function. SIGUSR2 begins a profile, which it
 * tells by the file DIRECTORY.N.begun. The next one ends it and writes it to DIRECTORY.N.cpuprofile.
 */
import { renameSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { startNode } from "../src/embed/node.js";

/** More often would be felt in what is measured. */
const INTERVAL_MICROS = 1_000;

const [listen = "", peerListen = "", peers = "", data = ""] = process.argv.slice(2);
const join = peers.split(",");
const node = await startNode({ listen, peerListen, join, expect: join.length, data, onNotice: () => {} });
const session = new Session();
session.connect();
await session.post("Profiler.enable");
await session.post("Profiler.setSamplingInterval", { interval: INTERVAL_MICROS });
let profiles = 0;
let running = false;

async function turn(): Promise<void> {
  running = !running;
  if (running) {
    profiles++;
    await session.post("Profiler.start");
    return writeFileSync(`${data}.${profiles}.begun`, "");
  }
  const { profile } = await session.post("Profiler.stop");
  const name = `${data}.${profiles}.cpuprofile`;
  writeFileSync(`${name}.part`, JSON.stringify(profile));
  renameSync(`${name}.part`, name);
}

process.on("SIGUSR2", () => void turn());
process.on("SIGTERM", () => void node.close().then(() => process.exit(0)));
process.stdout.write("ready\n");
