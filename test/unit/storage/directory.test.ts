/** A node's directory: who may have it, and what is kept in it. */
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { encodedView } from "../../../src/codec/peer/encoded-view.js";
import { nodeId } from "../../../src/core/model/ids.js";
import { DataDirectory, DirectoryError } from "../../../src/storage/directory.js";
import { isLockName, type Lock, Locked, lockDirectory } from "../../../src/storage/directory-lock.js";
import { viewOf } from "../node/cluster.js";

const folders: string[] = [];
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "onar-dir-"));
  folders.push(path);
  return path;
}
const held: Lock[] = [];
afterEach(async () => {
  for (const lock of held.splice(0)) await lock.release();
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});

const take = async (path: string): Promise<Lock> => {
  const lock = await lockDirectory(path);
  held.push(lock);
  return lock;
};

/** A process that listens at the path and is then killed: what is left is a socket that nobody listens at. */
async function leaveStale(path: string): Promise<void> {
  const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => console.log("there"))`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("close", resolve));
}

describe("the lock", () => {
  test("is for one at a time, and names who has it", async () => {
    const path = folder();
    const first = await take(path);
    await expect(lockDirectory(path)).rejects.toMatchObject({ name: "Locked", pid: process.pid });
    expect(readdirSync(path)).toEqual(["lock"]);
    await first.release();
    held.pop();
    expect(readdirSync(path)).toEqual([]);
    await take(path);
  });

  test("of a process that was killed is nobody's", async () => {
    const path = folder();
    await leaveStale(join(path, "lock"));
    expect(readdirSync(path)).toEqual(["lock"]);
    await take(path);
    await expect(lockDirectory(path)).rejects.toBeInstanceOf(Locked);
    expect(readdirSync(path)).toEqual(["lock"]);
  });

  test.each([false, true])(
    "goes to exactly one of many that want it at once, a stale one in the way: %s",
    async (stale) => {
      for (let round = 0; round < 3; round++) {
        const path = folder();
        if (stale) await leaveStale(join(path, "lock"));
        const tries = await Promise.allSettled(Array.from({ length: 8 }, () => take(path)));
        expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
        for (const one of tries) if (one.status === "rejected") expect(one.reason).toBeInstanceOf(Locked);
        expect(readdirSync(path).filter((name) => name === "lock")).toHaveLength(1);
      }
    },
  );

  test("works where the path is longer than a socket's may be", async () => {
    const path = join(folder(), "deep".repeat(20), "deeper".repeat(20));
    mkdirSync(path, { recursive: true });
    await take(path);
    await expect(lockDirectory(path)).rejects.toBeInstanceOf(Locked);
  });

  test("its names are told apart from others", () => {
    expect(["lock", "lock.123.0a0b0c"].every(isLockName)).toBe(true);
    expect(["lock.txt", "locks", "lock.1.xyz"].some(isLockName)).toBe(false);
  });
});

describe("a directory", () => {
  const view = encodedView(viewOf(3));

  test("that is missing or empty is a new node, and keeps its id, votes and view", async () => {
    const path = join(folder(), "a", "b");
    const fresh = await DataDirectory.open(path);
    const { node } = fresh;
    expect(node).toBeGreaterThan(0);
    expect([fresh.votes, fresh.view]).toEqual([null, null]);
    const votes = {
      peers: ["a:1", "b:1"],
      promised: { round: 3, node: nodeId(9) },
      accepted: { ballot: { round: 2, node: nodeId(4) }, view },
    };
    await fresh.saveVotes(votes);
    await fresh.release();
    const again = await DataDirectory.open(path);
    expect(again.node).toBe(node);
    expect(again.votes).toEqual(votes);
    await again.saveView(view);
    await again.release();
    const third = await DataDirectory.open(path);
    expect(third.view).toEqual(view);
    expect(third.votes).toEqual(votes);
    await third.release();
    expect(readdirSync(path)).toEqual(["onar.json"]);
  });

  test("takes many changes at once, and the last of each stays", async () => {
    const path = folder();
    const directory = await DataDirectory.open(path);
    const saves = Array.from({ length: 20 }, (_, round) =>
      directory.saveVotes({ peers: ["a:1"], promised: { round, node: nodeId(1) }, accepted: null }),
    );
    await Promise.all([...saves, directory.saveView(view)]);
    await directory.release();
    const again = await DataDirectory.open(path);
    expect(again.votes?.promised.round).toBe(19);
    expect(again.view).toEqual(view);
    await again.release();
  });

  test("whose first start was cut short is new", async () => {
    const path = folder();
    writeFileSync(join(path, "onar.json.new"), '{"form');
    mkdirSync(join(path, "lost+found"));
    const directory = await DataDirectory.open(path);
    expect(directory.view).toBeNull();
    await directory.release();
  });

  test.each<[string, (path: string) => void, string]>([
    [
      "with files of somebody else",
      (path) => writeFileSync(join(path, "photo.jpg"), ""),
      "holds other files (photo.jpg)",
    ],
    ["with a log and nothing else", (path) => mkdirSync(join(path, "log")), "has a log but no onar.json"],
    ["of a newer format", (path) => writeFileSync(join(path, "onar.json"), '{"format":4}'), "has format 4"],
    ["whose file is no JSON", (path) => writeFileSync(join(path, "onar.json"), "{"), "is not JSON"],
    ["whose file is another's", (path) => writeFileSync(join(path, "onar.json"), "[]"), "is not of a node's directory"],
  ])("%s is refused, and not touched", async (_, prepare, why) => {
    const path = folder();
    prepare(path);
    const before = readdirSync(path, { recursive: true });
    const error = await DataDirectory.open(path).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DirectoryError);
    expect((error as Error).message).toContain(why);
    expect(readdirSync(path, { recursive: true })).toEqual(before);
  });

  test("that somebody edited is refused", async () => {
    const path = folder();
    const directory = await DataDirectory.open(path);
    await directory.saveView(view);
    await directory.release();
    const file = join(path, "onar.json");
    writeFileSync(file, readFileSync(file, "utf8").replace(/"node":\d+/, '"node":77'));
    await expect(DataDirectory.open(path)).rejects.toThrow("fails its checksum");
  });

  test("that is a file, or lies below one, is refused", async () => {
    const file = join(folder(), "file");
    writeFileSync(file, "");
    await expect(DataDirectory.open(file)).rejects.toThrow("is a file: give a directory of its own");
    await expect(DataDirectory.open(join(file, "below"))).rejects.toThrow("a part of the path is a file");
  });

  test("that is read-only is refused", async ({ skip }) => {
    const path = folder();
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", path]).status === 0;
    if (!mounted) return skip("this machine does not let us mount a read-only file system");
    try {
      await expect(DataDirectory.open(path)).rejects.toThrow("cannot be written to: the file system is read-only");
    } finally {
      spawnSync("umount", [path]);
    }
  });

  test("whose path has letters that take several bytes is locked, and nothing is left beside it", async () => {
    const parent = folder();
    // More than a socket's path may have in bytes, and less in letters.
    for (const name of ["ü".repeat(40), "数".repeat(25), `${"é".repeat(30)}/${"ж".repeat(10)}`]) {
      const path = join(parent, name);
      const directory = await DataDirectory.open(path);
      await expect(DataDirectory.open(path)).rejects.toThrow(`is in use by process ${process.pid}`);
      await directory.release();
      expect(readdirSync(path)).toEqual(["onar.json"]);
    }
    expect(readdirSync(parent)).toHaveLength(3);
  });

  test("is for its owner only, also where it was there before", async () => {
    const path = folder();
    chmodSync(path, 0o755);
    mkdirSync(join(path, "lost+found"));
    const directory = await DataDirectory.open(path);
    for (const name of ["log", "checkpoint"] as const) {
      expect(statSync(await directory.folder(name)).mode & 0o777).toBe(0o700);
      // As an earlier version made it.
      chmodSync(join(path, name), 0o755);
      expect(statSync(await directory.folder(name)).mode & 0o777).toBe(0o700);
    }
    expect(statSync(join(path, "onar.json")).mode & 0o777).toBe(0o600);
    await directory.release();
  });

  test("is not written through a link that stands where its new file goes", async () => {
    const path = folder();
    const elsewhere = join(folder(), "precious");
    writeFileSync(elsewhere, "kept");
    symlinkSync(elsewhere, join(path, "onar.json.new"));
    const directory = await DataDirectory.open(path);
    symlinkSync(elsewhere, join(path, "onar.json.new"));
    await directory.saveView(view);
    await directory.release();
    expect(readFileSync(elsewhere, "utf8")).toBe("kept");
    expect(lstatSync(join(path, "onar.json")).isFile()).toBe(true);
  });

  test("that is in use is refused, with the process", async () => {
    const path = folder();
    const directory = await DataDirectory.open(path);
    await expect(DataDirectory.open(path)).rejects.toThrow(`is in use by process ${process.pid}`);
    await directory.release();
  });
});
