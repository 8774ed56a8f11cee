/**
 * LMDB, as checkpoints use it: trees of bytes, and batches that are durable before they are told.
 *
 * LMDB reads are from mapped memory and block the loop for a microsecond, or for a page of disk when it is not cached.
 * Its writes run on a thread of its own: data, sync, then the new root with a write that is itself synced. Its pages
 * have no checksums, so everything in them must have some.
 */
import { statfs } from "node:fs";
import { getSystemErrorName } from "node:util";
import { type Database, open, type RootDatabase } from "lmdb";
import type { Done } from "../files.js";
import { CheckpointError } from "./checkpoint.js";
import { prepareDataFile } from "./data-file.js";
import { withLockInMemory } from "./lock-in-memory.js";
import { mapSize } from "./map-size.js";

/** Free space that a transaction may need: it writes every page that it touches anew. */
const NEEDED_BYTES = 4 * 1024 * 1024;
const PAGE_BYTES = 4_096;

const META_PAGES = 2;

/** Figures of a tree, and those that all have in common. */
interface Stats {
  readonly pageSize?: number;
  readonly lastPageNumber?: number;
  readonly treeBranchPageCount?: number;
  readonly treeLeafPageCount?: number;
  readonly overflowPages?: number;
  readonly root?: Stats;
  readonly free?: Stats;
}

const pagesOf = ({ treeBranchPageCount = 0, treeLeafPageCount = 0, overflowPages = 0 }: Stats): number =>
  treeBranchPageCount + treeLeafPageCount + overflowPages;

export type Tree = Database<Buffer, Buffer>;

const BINARY = { encoding: "binary", keyEncoding: "binary", cache: false } as const;

export class Environment {
  private readonly root: RootDatabase<Buffer, Buffer>;
  private readonly trees: Tree[] = [];
  private closed = false;
  private lastWritten: Promise<unknown> | null = null;

  /**
   * `folder` is made when it is missing. Throws a CheckpointError. `readOnly`: but LMDB keeps a lock beside the file.
   */
  constructor(
    private readonly folder: string,
    private readonly readOnly: boolean,
  ) {
    asCheckpointError(() => prepareDataFile(folder, readOnly));
    const opened = (): RootDatabase<Buffer, Buffer> =>
      open<Buffer, Buffer>({
        path: folder,
        ...mapSize(),
        ...BINARY,
        readOnly,
        // Else a folder whose name has a dot counts as a file.
        noSubdir: false,
        maxDbs: 8,
        pageSize: PAGE_BYTES,
        // Without overlapping syncs a commit is durable before it is told.
        overlappingSync: false,
        // All writes are in batches of our own. LMDB's batch of a turn has a promise that nobody can catch when its
        // commit fails.
        eventTurnBatching: false,
        noMemInit: true,
      });
    this.root = asCheckpointError(() => (readOnly ? opened() : withLockInMemory(folder, opened)));
  }

  /** A tree that is not there is made, unless nothing may be written. */
  tree(name: string): Tree {
    const tree = this.treeIfThere(name);
    if (tree === null) throw new CheckpointError(`the checkpoint has no tree named ${name}`);
    return tree;
  }

  /** null: it is not there, and nothing may be written. */
  treeIfThere(name: string): Tree | null {
    const options = { name, ...BINARY, readOnly: this.readOnly };
    const tree = asCheckpointError(() => this.root.openDB(options) as Tree | undefined);
    if (tree === undefined) return null;
    this.trees.push(tree);
    return tree;
  }

  get bytes(): number {
    const stats = statsOf(this.root);
    return (stats.pageSize ?? PAGE_BYTES) * ((stats.lastPageNumber ?? 0) + 1);
  }

  /** Bytes of empty pages in the file: they are written before the file grows. */
  get freeBytes(): number {
    if (this.closed) return 0;
    const { root, free = {}, pageSize = PAGE_BYTES, lastPageNumber = 0 } = statsOf(this.root);
    const used = [root ?? {}, free, ...this.trees.map(statsOf)];
    const pages = used.reduce((sum, stats) => sum + pagesOf(stats), META_PAGES);
    return Math.max(0, lastPageNumber + 1 - pages) * pageSize;
  }

  /** One transaction of what `writes` puts and removes. Without space it fails with ENOSPC, and may be tried again. */
  commit(writes: () => void, done: Done): void {
    // LMDB reports a full disk as any other error, so it is asked before and after.
    this.freeSpace((free) => {
      if (free < NEEDED_BYTES) return done(noSpace());
      this.batch(writes).then(
        () => {
          this.root.resetReadTxn();
          done(null);
        },
        (error: Error) => this.freeSpace((left) => done(left < 4 * NEEDED_BYTES ? noSpace() : error)),
      );
    });
  }

  /** Within `commit`. */
  put(tree: Tree, key: Buffer, value: Buffer): void {
    this.quiet(tree.put(key, value));
  }

  /** Within `commit`. */
  remove(tree: Tree, key: Buffer): void {
    this.quiet(tree.remove(key));
  }

  close(done: () => void): void {
    this.closed = true;
    this.root.close().then(done, done);
  }

  private async batch(writes: () => void): Promise<void> {
    try {
      await this.root.batch(writes);
    } catch (error) {
      // The error itself comes by another way.
      const { commitError } = error as { readonly commitError?: Promise<never> };
      if (commitError === undefined) throw error;
      await commitError.catch((why: Error) => {
        throw writeError(why);
      });
    }
  }

  private freeSpace(told: (bytes: number) => void): void {
    statfs(this.folder, (error, stats) => {
      // An answer that cannot be had leaves the judgement to the write itself.
      told(error === null ? stats.bavail * stats.bsize + this.freeBytes : Number.POSITIVE_INFINITY);
    });
  }

  /** All writes of a batch succeed or fail with it; nobody waits for them one by one. */
  private quiet(written: Promise<unknown>): void {
    if (written === this.lastWritten) return;
    this.lastWritten = written;
    written.catch(() => {});
  }
}

/** Once a write of its root has failed LMDB tells nothing any more, and the write's own error is still on its way. */
function statsOf(tree: Tree | RootDatabase<Buffer, Buffer>): Stats {
  try {
    return tree.getStats() as Stats;
  } catch {
    return {};
  }
}

function asCheckpointError<T>(opened: () => T): T {
  try {
    return opened();
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    const why = error instanceof Error ? error.message : error;
    throw new CheckpointError(`the checkpoint cannot be opened: ${why}`, { cause: error });
  }
}

/** LMDB gives the system's number of an error. */
function writeError(why: Error): Error {
  const { code } = why as { readonly code?: unknown };
  const name = typeof code === "number" && code > 0 ? { code: getSystemErrorName(-code) } : {};
  return Object.assign(new Error(`the checkpoint cannot be written: ${why.message}`), name);
}

const noSpace = (): Error => Object.assign(new Error("there is no space left for the checkpoint"), { code: "ENOSPC" });
