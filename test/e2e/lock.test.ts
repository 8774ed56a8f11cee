/** `onar lock` as a process, with a node in this one. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OnarClient } from "../../src/client/client.js";
import { type OnarNode, startNode } from "../../src/index.js";
import { eventually, PROGRAM } from "./harness.js";

const LONG_MS = 60_000;

let node: OnarNode;
let client: OnarClient;
let folder: string;
beforeAll(async () => {
  const ports = { listen: "127.0.0.1:0", peerListen: "127.0.0.1:0" };
  node = await startNode({ ...ports, expect: 1, partitions: 16, memory: true });
  await node.serving;
  client = node.client();
  folder = mkdtempSync(join(tmpdir(), "onar-lock-"));
}, LONG_MS);
afterAll(async () => {
  await node?.close({ drain: false });
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly out: string; readonly error: string }>;
  error(): string;
}

/** `script`: what the command does, in a shell. */
function lock(name: string, script: string, ...options: string[]): Running {
  const args = [PROGRAM, "lock", name, "--endpoint", node.clientAddress, ...options, "--", "sh", "-c", script];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let error = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    error += text;
  });
  const ended = new Promise<Awaited<Running["ended"]>>((resolve) => {
    child.once("close", (code) => resolve({ code, out, error }));
  });
  return { child, ended, error: () => error };
}

const holderOf = async (name: string) => (await client.get(name)).entry;
const isHeld = (name: string) =>
  eventually(`${name} is held`, LONG_MS, async () => (await holderOf(name)) !== undefined || undefined);
const isThere = (file: string) =>
  eventually(`${file} is there`, LONG_MS, () => {
    try {
      return readFileSync(join(folder, file), "utf8").trim() || undefined;
    } catch {
      return undefined;
    }
  });

describe("the command", () => {
  test(
    "has a token that grows with every holder, its exit code is told, and the lock is free afterwards",
    async () => {
      const script = 'echo "$ONAR_LOCK_NAME $ONAR_LOCK_TOKEN"; exit 7';
      const first = await lock("token", script).ended;
      expect(first).toMatchObject({ code: 7, error: "", out: expect.stringMatching(/^token \d+\n$/) });
      expect(await holderOf("token")).toBeUndefined();
      const second = await lock("token", script).ended;
      const tokenOf = ({ out }: { readonly out: string }) => BigInt(out.trim().split(" ")[1] ?? "0");
      expect(tokenOf(second)).toBeGreaterThan(tokenOf(first));
    },
    LONG_MS,
  );

  test(
    "that there is not ends with 127, and the lock is free",
    async () => {
      const args = [PROGRAM, "lock", "missing", "--endpoint", node.clientAddress, "--", "no-such-command"];
      const child = spawn(process.execPath, args, { stdio: "ignore" });
      expect(await new Promise((resolve) => child.once("close", resolve))).toBe(127);
      expect(await holderOf("missing")).toBeUndefined();
    },
    LONG_MS,
  );

  test(
    "is told of signals, and what it ends with then is told",
    async () => {
      const running = lock("signals", "trap 'exit 9' TERM; echo on > on; while :; do sleep 0.05; done");
      await isThere("on");
      running.child.kill("SIGTERM");
      expect(await running.ended).toMatchObject({ code: 9, error: "" });
      expect(await holderOf("signals")).toBeUndefined();
    },
    LONG_MS,
  );
});

describe("while somebody else holds the lock", () => {
  test(
    "it is renewed beyond its lease; others give up with 3, or wait and get it",
    async () => {
      const holder = lock("held", "until [ -f enough ]; do sleep 0.05; done", "--lease", "3");
      await isHeld("held");
      const taken = (await holderOf("held"))?.version ?? 0n;
      expect(await lock("held", "true", "--wait", "0").ended).toMatchObject({
        code: 3,
        error: "error: held is held by somebody else\n",
      });
      const waiting = lock("held", "echo mine");
      await eventually("it waits", LONG_MS, () => (waiting.error().includes("waiting") ? true : undefined));
      await eventually("it was renewed", LONG_MS, async () => {
        const version = (await holderOf("held"))?.version ?? 0n;
        return version > taken ? true : undefined;
      });
      spawn("touch", [join(folder, "enough")]);
      expect(await holder.ended).toMatchObject({ code: 0, error: "" });
      expect(await waiting.ended).toMatchObject({ code: 0, out: "mine\n" });
    },
    LONG_MS,
  );

  test(
    "a holder that is gone is followed after its lease",
    async () => {
      const gone = lock("gone", "echo there > gone; exec sleep 30", "--lease", "1");
      await isThere("gone");
      gone.child.kill("SIGKILL");
      expect(await lock("gone", "echo mine").ended).toMatchObject({ code: 0, out: "mine\n" });
    },
    LONG_MS,
  );
});

describe("a lock that is lost", () => {
  test(
    "stops the command, and says so: exit code 1",
    async () => {
      const running = lock(
        "lost",
        "trap 'exit 0' TERM; echo on > lost-on; while :; do sleep 0.05; done",
        "--lease",
        "1",
      );
      await isThere("lost-on");
      await client.put("lost", "another 1000");
      const { code, error } = await running.ended;
      expect(code).toBe(1);
      expect(error).toContain("the lock lost is lost: somebody else has taken it");
      expect((await holderOf("lost"))?.text()).toBe("another 1000");
    },
    LONG_MS,
  );

  test(
    "what holds something else is not taken",
    async () => {
      await client.put("other", "a value of its own");
      expect(await lock("other", "true").ended).toMatchObject({
        code: 1,
        error: "error: other cannot be taken: the key holds something that is no lock\n",
      });
    },
    LONG_MS,
  );
});
