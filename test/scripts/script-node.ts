/** A node of a script over all its lives, with its disk: nothing in it happens by itself. */
import type { Key, NodeId } from "../../src/core/model/ids.js";
import type { NodeEntry } from "../../src/core/model/node-entry.js";
import { MemoryTable } from "../../src/core/model/table.js";
import type { Loop } from "../../src/node/loop.js";
import type { Storage } from "../../src/ports/storage.js";

/** Keeps what was synced over all lives of its node. Syncs at once, unless told to be slow. */
class ScriptDisk {
  slow = false;
  /** Durable records so far, and the most that each peer told of its own, which goes with the process here. */
  position = 0;
  readonly seen = new Map<NodeId, number>();
  log: NodeEntry[] = [];
  /** Durable, with what changed last; as bad as the disk made it. */
  table = new MemoryTable();
  private saved: Pick<ScriptDisk, "position" | "log" | "table"> | null = null;
  private waiting: { readonly entries: readonly NodeEntry[]; readonly durable: () => void }[] = [];
  /** The table of the running process. */
  private live = new MemoryTable();

  open(): Storage {
    const table = this.table.copy();
    this.live = table;
    const position = (): number => this.position;
    return {
      kind: "log",
      get position() {
        return position();
      },
      sawPosition: (peer, told) => this.sawPosition(peer, told),
      table: () => table,
      restored: () => this.log.slice(),
      append: (entries, durable) => {
        this.waiting.push({ entries, durable });
        if (!this.slow) this.sync();
      },
      close: () => {},
    };
  }

  sync(): void {
    const done = this.waiting;
    this.waiting = [];
    for (const { entries, durable } of done) {
      for (const entry of entries) {
        if (entry.kind === "register") this.table.put(entry.register, entry.change);
        else if (entry.kind === "removed") this.table.remove(entry.key, entry.change);
        else this.log.push(entry);
        this.position++;
      }
      durable();
    }
  }

  crash(): void {
    this.waiting = [];
    this.seen.clear();
  }

  sawPosition(peer: NodeId, told: number): void {
    if (told > (this.seen.get(peer) ?? 0)) this.seen.set(peer, told);
  }

  /** Keeps what is durable now, for `putBack`. */
  copy(): void {
    this.saved = { position: this.position, log: this.log.slice(), table: this.table.copy() };
  }

  /** Its node is down: from now on it holds what the copy does. */
  putBack(): void {
    if (this.saved === null) throw new Error("nothing was copied");
    const { position, log, table } = this.saved;
    Object.assign(this, { position, log: log.slice(), table: table.copy() });
  }

  /** From now on the register of that key fails its checksum. */
  spoil(key: Key): void {
    this.table.spoil(key);
    this.live.spoil(key);
  }
}

export class ScriptNode {
  readonly disk = new ScriptDisk();
  loop: Loop | null = null;
  life = 0;
  due: { readonly when: number; readonly call: () => void } | null = null;
  /** By how much its clock is ahead of the others. */
  ahead = 0;
  /** Work that waits for it while it stands still; null: it runs. */
  backlog: (() => void)[] | null = null;

  constructor(readonly id: NodeId) {}

  /** Now, or once it goes on. */
  run(call: () => void): void {
    if (this.backlog === null) call();
    else this.backlog.push(call);
  }
}
