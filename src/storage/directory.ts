/**
 * A node's directory: who the node is, what it voted for when its cluster was founded, and the view it is in.
 *
 *   onar.json    this file's subject; written whole, next to the old one, and renamed over it
 *   lock         held by the running process (directory-lock.ts)
 *   log/         segments (log/segment.ts)
 *   checkpoint/  LMDB (checkpoint/lmdb.ts); for a while checkpoint-new/ beside it (checkpoint/convert.ts)
 *   reserve      space to let go when the disk is full (disk-space.ts)
 *
 * A directory is new when it is empty. It belongs to one incarnation of one node forever. Copied, restored or edited,
 * it is a danger to the cluster, and it is refused as far as that can be noticed (R10).
 */
import { randomInt } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { access, chmod, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf, pathReasonOf } from "../base/errno.js";
import { crc32 } from "../codec/bytes/checksum.js";
import { encodedViewFrom } from "../codec/peer/encoded-view.js";
import { type NodeId, nodeId } from "../core/model/ids.js";
import type { EncodedView } from "../core/view/encoded-view.js";
import type { AcceptedView, StartBallot } from "../core/view/founding.js";
import type { ClusterId } from "../core/view/view.js";
import { toBuffer } from "../wire/bytes.js";
import { isLockName, type Lock, Locked, lockDirectory, lockWithoutFile } from "./directory-lock.js";
import { isShortage } from "./files.js";
import { newPositionKey, PositionKey } from "./position-key.js";

/**
 * 2: the checkpoint has packed trees. 3: copies have tables of their own, which are begun and dropped. One of an
 * earlier format is converted when a node starts on it (checkpoint/convert.ts).
 */
export const DIRECTORY_FORMAT = 3;
const FILE = "onar.json";
const NEW_FILE = "onar.json.new";
const OWN = new Set([FILE, NEW_FILE, "log", "checkpoint", "checkpoint-new", "reserve"]);
const NEW_ONLY = constants.O_EXCL | constants.O_NOFOLLOW;
const SHORT_RETRY_MS = 200;
/** Names that a file system mounted here has. */
const NOT_OURS_BUT_FINE = new Set(["lost+found"]);

/** The directory cannot be used; the message is for people. Nothing in it was touched. */
export class DirectoryError extends Error {
  override readonly name = "DirectoryError";
}

/** Drawn, not counted: nobody knows which ids there were. */
export const newNodeId = (): NodeId => nodeId(randomInt(1, 2 ** 32 - 1));

/** Votes that a founder must not forget (docs/protocol.md, Start). */
export interface Votes {
  /** The one list of founders that it takes part in. */
  readonly peers: readonly string[];
  readonly promised: StartBallot;
  readonly accepted: AcceptedView | null;
}

/** The content of onar.json. */
export interface Contents {
  readonly format: number;
  readonly node: NodeId;
  readonly votes: Votes | null;
  readonly view: EncodedView | null;
  /** The key with which this node proves its log positions to itself (position-key.ts); null: the directory is of a
   * version that had none. */
  readonly positionKey: Buffer | null;
  /** The cluster that it has left for good; null: none. */
  readonly left: ClusterId | null;
}

export class DataDirectory {
  private saving: Promise<void> = Promise.resolve();
  private released = false;

  private constructor(
    readonly path: string,
    private contents: Contents,
    private readonly lock: Lock,
  ) {}

  /** Takes the directory, making it when it is missing or empty; rejects with a DirectoryError. */
  static async open(given: string): Promise<DataDirectory> {
    const path = resolve(given);
    await mustBeUsable(path);
    // Refused before anything in it is touched, and looked at again when nobody else can change it.
    await read(path);
    const lock = await locked(path);
    try {
      const contents = await read(path);
      if (contents !== null && contents.positionKey !== null) return new DataDirectory(path, contents, lock);
      const positionKey = newPositionKey();
      const now: Contents =
        contents === null
          ? { format: DIRECTORY_FORMAT, node: newNodeId(), votes: null, view: null, positionKey, left: null }
          : { ...contents, positionKey };
      await write(path, now);
      return new DataDirectory(path, now, lock);
    } catch (error) {
      await lock.release();
      throw error instanceof DirectoryError
        ? error
        : new DirectoryError(`${path}: ${pathReasonOf(error)}`, { cause: error });
    }
  }

  get format(): number {
    return this.contents.format;
  }

  /** Resolves when it is on stable storage that it has. */
  becomeCurrent(): Promise<void> {
    return this.save({ format: DIRECTORY_FORMAT });
  }

  get node(): NodeId {
    return this.contents.node;
  }

  get votes(): Votes | null {
    return this.contents.votes;
  }

  get positionKey(): PositionKey | null {
    const { positionKey, node } = this.contents;
    return positionKey === null ? null : new PositionKey(positionKey, node);
  }

  get view(): EncodedView | null {
    return this.contents.view;
  }

  /** Resolves when they are on stable storage. */
  saveVotes(votes: Votes): Promise<void> {
    return this.save({ votes });
  }

  saveView(view: EncodedView): Promise<void> {
    return this.save({ view });
  }

  get left(): ClusterId | null {
    return this.contents.left;
  }

  saveLeft(left: ClusterId): Promise<void> {
    return this.save({ left });
  }

  /** A folder within it. */
  async folder(name: "log" | "checkpoint"): Promise<string> {
    const path = join(this.path, name);
    await mkdir(path, { recursive: true, mode: 0o700 });
    // One that an earlier version made is open to others. A directory of others cannot be changed, and need not be.
    await chmod(path, 0o700).catch(() => {});
    await syncFolderOf(this.path);
    return path;
  }

  async release(): Promise<void> {
    this.released = true;
    await this.saving;
    await this.lock.release();
  }

  /** A system that is short of file descriptors or memory is waited for. */
  private async written(contents: Contents): Promise<void> {
    for (;;) {
      try {
        return await write(this.path, contents);
      } catch (error) {
        if (this.released || !(error instanceof Error) || !isShortage(error)) throw error;
        await sleep(SHORT_RETRY_MS);
      }
    }
  }

  private save(change: Partial<Contents>): Promise<void> {
    this.contents = { ...this.contents, ...change };
    const { contents } = this;
    // One after the other, so that an older state never comes last.
    const saved = this.saving.then(() => this.written(contents));
    this.saving = saved.catch(() => {});
    return saved;
  }
}

async function mustBeUsable(path: string): Promise<void> {
  let found: Stats;
  try {
    found = await stat(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw new DirectoryError(`${path}: ${pathReasonOf(error)}`);
    try {
      await mkdir(path, { recursive: true, mode: 0o700 });
      await syncFolderOf(dirname(path));
      return;
    } catch (failed) {
      throw new DirectoryError(`${path} does not exist and cannot be made: ${pathReasonOf(failed)}`, { cause: failed });
    }
  }
  if (!found.isDirectory()) throw new DirectoryError(`${path} is a file: give a directory of its own to each node`);
  try {
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new DirectoryError(`${path} cannot be written to: ${pathReasonOf(error)}`);
  }
}

async function locked(path: string): Promise<Lock> {
  try {
    return await lockDirectory(path);
  } catch (error) {
    if (error instanceof Locked) throw new DirectoryError(`${path} is in use by ${error.message}`);
    throw new DirectoryError(`${path} cannot be locked: ${pathReasonOf(error)}`, { cause: error });
  }
}

/**
 * Tells what a node's directory says of it, and touches nothing; rejects with a DirectoryError when there is none at
 * that path. The caller holds the lock, as far as that can be had without writing.
 */
export async function readDirectory(path: string): Promise<Contents> {
  let found: Stats;
  try {
    found = await stat(path);
  } catch (error) {
    const missing = codeOf(error) === "ENOENT";
    throw new DirectoryError(`${path}: ${missing ? "there is no such directory" : pathReasonOf(error)}`);
  }
  if (!found.isDirectory()) throw new DirectoryError(`${path} is a file: name a node's directory`);
  try {
    const contents = (await readdir(path)).includes(FILE) ? await read(path) : null;
    if (contents !== null) return contents;
  } catch (error) {
    throw error instanceof DirectoryError ? error : new DirectoryError(`${path}: ${pathReasonOf(error)}`);
  }
  throw new DirectoryError(`${path} is not a node's directory: there is no ${FILE} in it`);
}

/** The lock of a directory that is only read; rejects with a DirectoryError when a node runs there. */
export async function lockForReading(path: string): Promise<Lock> {
  try {
    return await lockWithoutFile(path);
  } catch (error) {
    if (error instanceof Locked) throw new DirectoryError(`${path} is in use by ${error.message}: stop the node first`);
    throw new DirectoryError(`${path}: ${pathReasonOf(error)}`);
  }
}

/** null: the directory is new. */
async function read(path: string): Promise<Contents | null> {
  const names = (await readdir(path)).filter((name) => !isLockName(name) && !NOT_OURS_BUT_FINE.has(name));
  if (names.includes(FILE)) return parse(path, await readFile(join(path, FILE), "utf8"));
  // A first start that was cut short has nothing but the beginning of the file.
  const others = names.filter((name) => name !== NEW_FILE);
  if (others.length === 0) return null;
  const [first = ""] = others;
  if (OWN.has(first)) {
    throw new DirectoryError(
      `${path} has a ${first} but no ${FILE}: it is a part of a node's directory. Replace the node by a new one with an empty directory`,
    );
  }
  throw new DirectoryError(
    `${path} holds other files (${first}${others.length > 1 ? ` and ${others.length - 1} more` : ""}): give an empty directory`,
  );
}

interface Stored {
  readonly format: number;
  readonly node: number;
  readonly votes: {
    readonly peers: readonly string[];
    readonly promised: StoredBallot;
    readonly accepted: { readonly ballot: StoredBallot; readonly view: string } | null;
  } | null;
  /** As the cluster encoded it, in base64; null: none yet. */
  readonly view: string | null;
  /** In base64; missing in what an older version wrote. */
  readonly positionKey?: string;
  /** The id of a cluster; missing when it has left none. */
  readonly left?: string;
}

interface StoredBallot {
  readonly round: number;
  readonly node: number;
}

function parse(path: string, text: string): Contents {
  const file = join(path, FILE);
  let stored: Stored & { readonly crc32: number };
  try {
    stored = JSON.parse(text) as Stored & { readonly crc32: number };
  } catch {
    throw new DirectoryError(`${file} cannot be read: it is not JSON. ${HINT}`);
  }
  if (typeof stored?.format !== "number") throw new DirectoryError(`${file} is not of a node's directory`);
  if (stored.format > DIRECTORY_FORMAT) {
    throw new DirectoryError(
      `${path} has format ${stored.format}, and this version of Onar knows formats up to ${DIRECTORY_FORMAT}: use a newer one`,
    );
  }
  const { crc32: told, ...rest } = stored;
  if (told !== crc32(JSON.stringify(rest))) throw new DirectoryError(`${file} fails its checksum. ${HINT}`);
  return fromStored(stored);
}

const HINT = "This node counts as lost: replace it by a new one with an empty directory";

function fromStored({ format, node, votes, view, positionKey, left }: Stored): Contents {
  return {
    left: left ?? null,
    positionKey: positionKey === undefined ? null : Buffer.from(positionKey, "base64"),
    format,
    node: nodeId(node),
    view: view === null ? null : encodedViewFrom(Buffer.from(view, "base64")),
    votes:
      votes === null
        ? null
        : {
            peers: votes.peers,
            promised: ballotFrom(votes.promised),
            accepted:
              votes.accepted === null
                ? null
                : {
                    ballot: ballotFrom(votes.accepted.ballot),
                    view: encodedViewFrom(Buffer.from(votes.accepted.view, "base64")),
                  },
          },
  };
}

/** The bytes that were decided, or proposed. */
const textOf = ({ bytes }: EncodedView): string => toBuffer(bytes).toString("base64");

const ballotFrom = ({ round, node }: StoredBallot): StartBallot => ({ round, node: nodeId(node) });

async function write(path: string, { format, node, votes, view, positionKey, left }: Contents): Promise<void> {
  const stored: Stored = {
    format,
    node,
    votes:
      votes === null
        ? null
        : {
            peers: votes.peers,
            promised: votes.promised,
            accepted:
              votes.accepted === null ? null : { ballot: votes.accepted.ballot, view: textOf(votes.accepted.view) },
          },
    view: view === null ? null : textOf(view),
    ...(positionKey === null ? {} : { positionKey: positionKey.toString("base64") }),
    ...(left === null ? {} : { left }),
  };
  const text = JSON.stringify({ ...stored, crc32: crc32(JSON.stringify(stored)) });
  // Whatever stands there is of a crash, or was put there by somebody else: it is not written through.
  await rm(join(path, NEW_FILE), { force: true });
  const handle = await open(join(path, NEW_FILE), constants.O_WRONLY | constants.O_CREAT | NEW_ONLY, 0o600);
  try {
    await handle.writeFile(`${text}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(join(path, NEW_FILE), join(path, FILE));
  await syncFolderOf(path);
}

/** Resolves when the names in that folder are on stable storage. */
export async function syncFolderOf(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
