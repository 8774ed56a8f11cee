/**
 * One process to a directory. Node.js has no file locks. A file with a process id lies when the id is taken again (in
 * containers it is 1 every time). So the lock is a Unix socket that the process listens at. The kernel closes it with
 * the process, however that ends, and whoever connects knows for sure. There are two of them.
 *
 * On Linux one has no file: its name is the directory's device and number. Taking it is one step, and nothing of it is
 * ever left behind. But containers do not see each other's. So there is another in the directory. It is bound under a
 * name of its own and then linked to the name of the lock, which works for one process only. A lock that a killed
 * process left behind is taken away first.
 */

import { randomBytes } from "node:crypto";
import { link, open, readdir, rename, stat, unlink } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { codeOf } from "../base/errno.js";

const LOCK_NAME = "lock";
const OWN_NAME = /^lock\.[0-9]+\.[0-9a-f]+$/;
const TRIES = 5;
const ANSWER_MS = 1_000;
/** A socket's path is at most 107 bytes long; a longer one goes through the open folder. */
const MAX_PATH_BYTES = 70;

/** Somebody else has it; null: nobody knows who. */
export class Locked extends Error {
  override readonly name = "Locked";
  constructor(readonly pid: number | null) {
    super(pid === null ? "another process" : `process ${pid}`);
  }
}

export interface Lock {
  release(): Promise<void>;
}

const isLong = (folder: string): boolean => Buffer.byteLength(folder, "utf8") > MAX_PATH_BYTES;

export const isLockName = (name: string): boolean => name === LOCK_NAME || OWN_NAME.test(name);

/** Rejects with Locked, or with why a lock cannot be made here. */
export async function lockDirectory(folder: string): Promise<Lock> {
  const servers: Server[] = [];
  const handle = isLong(folder) ? await open(folder, "r") : null;
  const letGo = async (): Promise<void> => {
    for (const server of servers) server.close();
    await handle?.close();
  };
  try {
    if (process.platform === "linux") servers.push(await listenNameless(folder));
    const socketPath = (name: string): string =>
      handle === null ? join(folder, name) : `/proc/self/fd/${handle.fd}/${name}`;
    const own = `${LOCK_NAME}.${process.pid}.${randomBytes(6).toString("hex")}`;
    servers.push(await listen(socketPath(own)));
    await take(folder, own, socketPath);
    // Leftovers of processes that were killed on the way here.
    for (const name of await readdir(folder)) if (OWN_NAME.test(name)) await unlink(join(folder, name)).catch(() => {});
  } catch (error) {
    await letGo();
    throw error;
  }
  return {
    release: async () => {
      await unlink(join(folder, LOCK_NAME)).catch(() => {});
      await letGo();
    },
  };
}

/**
 * Keeps others out as far as that can be done without writing to the folder: on Linux, all of this machine. Rejects
 * with Locked when somebody has it.
 */
export async function lockWithoutFile(folder: string): Promise<Lock> {
  const server = process.platform === "linux" ? await listenNameless(folder) : null;
  const handle = isLong(folder) ? await open(folder, "r") : null;
  try {
    await refuseLiving(handle === null ? join(folder, LOCK_NAME) : `/proc/self/fd/${handle.fd}/${LOCK_NAME}`);
  } catch (error) {
    server?.close();
    throw error;
  } finally {
    await handle?.close();
  }
  return {
    release: async () => {
      server?.close();
    },
  };
}

async function listenNameless(folder: string): Promise<Server> {
  const { dev, ino } = await stat(folder);
  const name = `\0onar/${dev}/${ino}`;
  try {
    return await listen(name);
  } catch (error) {
    if (codeOf(error) !== "EADDRINUSE") throw error;
    await refuseLiving(name);
    throw new Locked(null);
  }
}

async function take(folder: string, own: string, socketPath: (name: string) => string): Promise<void> {
  const [from, to] = [join(folder, own), join(folder, LOCK_NAME)];
  for (let i = 0; i < TRIES; i++) {
    try {
      return await link(from, to);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    await refuseLiving(socketPath(LOCK_NAME));
    // Its process is gone. Only one of several that see this may take it away.
    const stale = `${LOCK_NAME}.0.${randomBytes(6).toString("hex")}`;
    try {
      await rename(to, join(folder, stale));
    } catch (error) {
      if (codeOf(error) === "ENOENT") continue;
      throw error;
    }
    try {
      await refuseLiving(socketPath(stale));
    } catch (error) {
      // Somebody was faster, and this is their lock: back with it.
      await link(join(folder, stale), to).catch(() => {});
      await unlink(join(folder, stale)).catch(() => {});
      throw error;
    }
    await unlink(join(folder, stale)).catch(() => {});
  }
  throw new Locked(null);
}

/** Errors of a connection to a socket that nobody listens at, that is not there any more, or that is none. */
const GONE: ReadonlySet<string | undefined> = new Set(["ECONNREFUSED", "ENOENT", "ENOTSOCK"]);

/** Rejects with Locked when somebody listens there, and with the system's error when that cannot be found out. */
function refuseLiving(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let text = "";
    let connected = false;
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
      if (connected) reject(new Locked(/^\d{1,9}$/.test(text) ? Number(text) : null));
      else resolve();
    };
    // A process that stands still does not say who it is.
    const timer = setTimeout(end, ANSWER_MS);
    socket.setEncoding("latin1");
    socket.on("connect", () => {
      connected = true;
    });
    socket.on("data", (chunk: string) => {
      text += chunk;
    });
    socket.on("end", end);
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (connected || GONE.has(error.code)) return end();
      clearTimeout(timer);
      // Its queue is full: it lives, and stands still. Any other error says nothing of whoever may listen there.
      reject(error.code === "EAGAIN" ? new Locked(null) : error);
    });
  });
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.end(String(process.pid));
    });
    server.once("error", reject);
    server.listen(path, () => {
      server.unref();
      server.removeListener("error", reject);
      server.on("error", () => {});
      resolve(server);
    });
  });
}
