/** Where a node lives: in memory, or in a directory. */
import { randomInt } from "node:crypto";
import type { NodeId } from "../core/model/ids.js";
import { isViewEntry } from "../core/model/node-entry.js";
import type { EncodedView } from "../core/view/encoded-view.js";
import { type ClusterId, memberOf } from "../core/view/view.js";
import type { CopyStorage, StorageFigures } from "../ports/storage.js";
import { CheckpointError } from "./checkpoint/checkpoint.js";
import { convert } from "./checkpoint/convert.js";
import { LmdbCheckpoint } from "./checkpoint/lmdb.js";
import { DataDirectory, DirectoryError, newNodeId, type Votes } from "./directory.js";
import { DiskStorage } from "./disk.js";
import type { BadRegister, DiskEvents } from "./disk-options.js";
import { DiskSpace, type FreeSpace } from "./disk-space.js";
import { RecoveryError } from "./log/recovery.js";
import { MemoryStorage } from "./memory.js";
import { NodeFiles } from "./node-files.js";
import { storageSettings } from "./settings.js";
import { SpareFiles } from "./spare-files.js";

export interface Home {
  readonly node: NodeId;
  /** null: this node has not been in a cluster yet. */
  readonly view: EncodedView | null;
  /** A view that was saved named this node: it has been in a cluster, whatever the newest view says. */
  readonly wasMember: boolean;
  /** The cluster that this node has left for good; null: none. */
  readonly left: ClusterId | null;
  readonly votes: Votes | null;
  readonly storage: CopyStorage;
  /** "" = memory. */
  readonly path: string;
  /** Resolves when it is as safe as it gets here. */
  saveVotes(votes: Votes): Promise<void>;
  saveView(view: EncodedView): Promise<void>;
  /** This node is no member of that cluster any more, and its directory serves nobody. */
  saveLeft(cluster: ClusterId): Promise<void>;
  /** Registers known to be bad now. */
  bad(): Iterable<BadRegister>;
  /** null: memory has none. */
  figures(): StorageFigures | null;
  /** null: memory has none, or nobody knows. */
  freeSpace(): FreeSpace | null;
  /** Resolves when the checkpoint has everything. */
  fold(): Promise<void>;
  close(): Promise<void>;
}

export interface HomeEvents extends DiskEvents {
  /** The disk is full, or has space again. */
  space(writable: boolean, freeBytes: number): void;
}

export interface DiskHomeOptions {
  readonly path: string;
  readonly memoryMib: number;
  /** Whether this process is short of CPU time. */
  readonly shortOfTime: () => boolean;
  readonly events: HomeEvents;
}

export function memoryHome(): Home {
  const storage = new MemoryStorage();
  let view: EncodedView | null = null;
  return {
    node: newNodeId(),
    get view() {
      return view;
    },
    wasMember: false,
    left: null,
    votes: null,
    storage,
    path: "",
    saveVotes: () => Promise.resolve(),
    saveView: (saved) => {
      view = saved;
      return Promise.resolve();
    },
    saveLeft: () => Promise.resolve(),
    bad: () => [],
    figures: () => null,
    freeSpace: () => null,
    fold: () => Promise.resolve(),
    close: async () => storage.close(),
  };
}

/** Whether what was thrown says in words for people why a directory cannot be used. */
export const isForPeople = (error: unknown): error is Error =>
  error instanceof DirectoryError || error instanceof RecoveryError || error instanceof CheckpointError;

/** Takes the directory and recovers what is in it; rejects with an error for people. */
export async function diskHome(options: DiskHomeOptions): Promise<Home> {
  const directory = await DataDirectory.open(options.path);
  try {
    return await DiskHome.open(directory, options);
  } catch (error) {
    await directory.release();
    throw error;
  }
}

/** The open parts of a directory. */
interface Opened {
  readonly files: NodeFiles;
  readonly checkpoint: LmdbCheckpoint;
  readonly spares: SpareFiles;
}

class DiskHome implements Home {
  private closing: Promise<void> | null = null;

  private constructor(
    private readonly directory: DataDirectory,
    private readonly files: NodeFiles,
    private readonly checkpoint: LmdbCheckpoint,
    private readonly space: DiskSpace,
    private readonly spares: SpareFiles,
    readonly storage: DiskStorage,
  ) {}

  static async open(directory: DataDirectory, options: DiskHomeOptions): Promise<DiskHome> {
    const { events } = options;
    await convert(directory, (text) => events.notice(text));
    const spares = new SpareFiles();
    try {
      const files = new NodeFiles(await directory.folder("log"), spares);
      const checkpoint = new LmdbCheckpoint(await directory.folder("checkpoint"));
      return await DiskHome.recover(directory, options, { files, checkpoint, spares });
    } catch (error) {
      spares.close();
      throw error;
    }
  }

  private static async recover(
    directory: DataDirectory,
    options: DiskHomeOptions,
    { files, checkpoint, spares }: Opened,
  ): Promise<DiskHome> {
    const { events } = options;
    const opened: { storage: DiskStorage | null } = { storage: null };
    const space = new DiskSpace({
      folder: directory.path,
      inside: () => checkpoint.freeBytes,
      makeRoom: () => opened.storage?.makeRoom(),
      changed: (writable, free) => events.space(writable, free),
    });
    try {
      await space.start();
      const storage = await new Promise<DiskStorage>((resolve, reject) => {
        DiskStorage.open(
          {
            files,
            checkpoint,
            node: directory.node,
            positionKey: directory.positionKey,
            settings: storageSettings(options.memoryMib),
            mustExist: directory.view !== null,
            salt: () => randomInt(2 ** 31),
            later: (ms, call) => setTimeout(call, ms).unref(),
            shortOfTime: options.shortOfTime,
            space,
            events,
          },
          (error, opened) => (opened === null ? reject(error) : resolve(opened)),
        );
      });
      opened.storage = storage;
      return new DiskHome(directory, files, checkpoint, space, spares, storage);
    } catch (error) {
      space.close();
      await new Promise<void>((resolve) => files.close(resolve));
      await new Promise<void>((resolve) => checkpoint.close(resolve));
      throw error;
    }
  }

  get node(): NodeId {
    return this.directory.node;
  }

  get view(): EncodedView | null {
    let newest = this.directory.view;
    // The log has what was decided while this node was in a cluster: the view comes before all that is of partitions.
    for (const entry of this.storage.restored()) {
      if (!isViewEntry(entry)) break;
      if (entry.kind === "view" && entry.decided.view.epoch > (newest?.view.epoch ?? 0)) newest = entry.decided;
    }
    return newest;
  }

  get wasMember(): boolean {
    const { view, node } = this.directory;
    return view !== null && memberOf(view.view, node) !== undefined;
  }

  get left(): ClusterId | null {
    return this.directory.left;
  }

  saveLeft(cluster: ClusterId): Promise<void> {
    return this.directory.saveLeft(cluster);
  }

  get votes(): Votes | null {
    return this.directory.votes;
  }

  get path(): string {
    return this.directory.path;
  }

  saveVotes(votes: Votes): Promise<void> {
    return this.directory.saveVotes(votes);
  }

  async saveView(view: EncodedView): Promise<void> {
    await new Promise<void>((resolve) => this.storage.mark(resolve));
    await this.directory.saveView(view);
  }

  bad(): Iterable<BadRegister> {
    return this.storage.bad();
  }

  figures(): StorageFigures {
    return this.storage.figures();
  }

  freeSpace(): FreeSpace | null {
    return this.space.found;
  }

  fold(): Promise<void> {
    return new Promise((resolve) => this.storage.foldNow(resolve));
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    this.space.close();
    this.storage.close();
    await new Promise<void>((resolve) => this.files.close(resolve));
    this.spares.close();
    await new Promise<void>((resolve) => this.checkpoint.close(resolve));
    await this.directory.release();
  }
}
