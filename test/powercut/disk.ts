/**
 * Disks whose power can be cut while they are written to. A disk is a file system on a loop device, so a file has what
 * has reached the device. A cut is a copy of that file at one instant, which is then mounted in the disk's place. The
 * kernel replays the journal as it does when a machine comes up again. Bytes that were only in the page cache are not
 * in the copy.
 *
 * Two files deep, since a disk has a cache of its own that a cut may lose, too:
 *
 *   shelf (ext4)  holds  NAME.cells    what is on stable storage: reached by a flush, or because the kernel wrote it back
 *   NAME (ext4 on NAME.cells)  holds  device.img    all that was ever sent to the disk; what of it is not in the cells yet is in its cache
 *   NAME (ext4 on device.img)  is what a node's directory lies on
 *
 * The instant is made by FIFREEZE on the file system that holds the file to be copied. It stops the writes to the file,
 * whatever the file systems above have not sent yet, and sends nothing for them. On a tmpfs, so that a flush costs next
 * to nothing.
 */
import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const execute = promisify(execFile);

const MIB = 1024 * 1024;
const DISK_MIB = 96;
const CELLS_MIB = DISK_MIB + 24;
const PREFIX = "onar-powercut-";
/** A process that is just ending may still hold its files. */
const BUSY_MS = 10_000;

/** Whether a cut loses what the disk had not flushed, or its cache is backed by a battery. */
export type Cache = "lost" | "kept";

export class Disk {
  /** The mounted file system. */
  readonly path: string;
  private readonly cells: string;
  private readonly inside: string;

  constructor(
    private readonly rack: Rack,
    readonly name: string,
  ) {
    this.path = join(rack.root, name);
    this.inside = join(rack.root, `${name}.device`);
    this.cells = join(rack.shelf, `${name}.cells`);
  }

  async make(): Promise<void> {
    for (const path of [this.path, this.inside]) mkdirSync(path);
    await makeFileSystem(this.cells, CELLS_MIB);
    await mountImage(this.cells, this.inside);
    await makeFileSystem(this.device, DISK_MIB);
    await mountImage(this.device, this.path, this.rack.options.flushes);
  }

  /** Where the copy of a cut is, until it is put in the disk's place. */
  get copied(): string {
    return join(this.rack.root, `${this.name}.copy`);
  }

  get device(): string {
    return join(this.inside, "device.img");
  }

  /** Stops what would be written to the disk (or, where it keeps its cache, to the device's file) until `thaw`. */
  async freeze(cache: Cache): Promise<void> {
    await execute("fsfreeze", ["-f", cache === "kept" ? this.inside : this.rack.shelf]);
  }

  async thaw(cache: Cache): Promise<void> {
    await execute("fsfreeze", ["-u", cache === "kept" ? this.inside : this.rack.shelf]);
  }

  async copy(cache: Cache): Promise<void> {
    await execute("cp", ["--sparse=always", cache === "kept" ? this.device : this.cells, this.copied]);
  }

  /** Mounts the copy in the place of what is there. Nobody may use the disk. */
  async swap(cache: Cache): Promise<void> {
    await unmount(this.path);
    if (cache === "lost") {
      await unmount(this.inside);
      await execute("mv", [this.copied, this.cells]);
      await mountImage(this.cells, this.inside);
    } else {
      await execute("mv", [this.copied, this.device]);
    }
    await mountImage(this.device, this.path, this.rack.options.flushes);
  }
}

export interface RackOptions {
  /** false: the file systems do not tell the disks to flush their caches, as they must. */
  readonly flushes: boolean;
}

/** All disks of a test. */
export class Rack {
  readonly root: string;
  readonly shelf: string;
  readonly disks: Disk[] = [];
  private readonly cleanUp = (): void => sweep(this.root);

  private constructor(readonly options: RackOptions) {
    this.root = join(tmpdir(), `${PREFIX}${process.pid}-${Math.random().toString(36).slice(2, 8)}`);
    this.shelf = join(this.root, "shelf");
  }

  static async make(count: number, options: RackOptions = { flushes: true }): Promise<Rack> {
    sweepLeftovers();
    const rack = new Rack(options);
    process.once("exit", rack.cleanUp);
    mkdirSync(rack.root);
    await execute("mount", ["-t", "tmpfs", "-o", "mode=700", "tmpfs", rack.root]);
    mkdirSync(rack.shelf);
    const image = join(rack.root, "shelf.img");
    // Room for a cut's copies, which take the old ones' place one after the other.
    await makeFileSystem(image, CELLS_MIB * (count + 1) + 32);
    await mountImage(image, rack.shelf);
    for (let i = 1; i <= count; i++) {
      const disk = new Disk(rack, `node${i}`);
      await disk.make();
      rack.disks.push(disk);
    }
    return rack;
  }

  /**
   * Cuts the power of these disks; `dark` is called at the instant of the cut and must end who writes to them, without
   * waiting. Resolves with what puts the copies in their place.
   */
  async cut(disks: readonly Disk[], cache: Cache, dark: () => void): Promise<() => Promise<void>> {
    // One shelf for all; a file system each otherwise. Their instants differ a little, which does no harm. Whatever is
    // acknowledged was durable on a majority before, on each of them before its own instant.
    const frozen = cache === "lost" ? disks.slice(0, 1) : disks;
    const done: Disk[] = [];
    try {
      for (const disk of frozen) {
        await disk.freeze(cache);
        done.push(disk);
      }
      // Answers from here on would not be in the copies.
      dark();
      await Promise.all(disks.map((disk) => disk.copy(cache)));
    } finally {
      for (const disk of done) await disk.thaw(cache);
    }
    return async () => {
      for (const disk of disks) await disk.swap(cache);
    };
  }

  remove(): void {
    process.off("exit", this.cleanUp);
    sweep(this.root);
  }
}

/** The things that this machine lacks, in words; null: it can. */
export function whyNoPowerCuts(): string | null {
  if (process.platform !== "linux") return "it needs Linux";
  if (process.getuid?.() !== 0) return "it needs root, to mount file systems";
  for (const [program, ...args] of [
    ["mkfs.ext4", "-V"],
    ["fsfreeze", "--version"],
    ["losetup", "--version"],
  ] as const) {
    if (spawnSync(program, args).error !== undefined) return `there is no ${program}`;
  }
  if (!existsSync("/dev/loop-control")) return "there are no loop devices";
  const root = join(tmpdir(), `${PREFIX}${process.pid}-probe`);
  mkdirSync(root, { recursive: true });
  try {
    const image = join(root, "probe.img");
    const inner = join(root, "probe");
    mkdirSync(inner);
    const steps = [
      ["truncate", "-s", "8M", image],
      ["mkfs.ext4", "-q", "-F", image],
      ["mount", "-o", "loop", image, inner],
      ["fsfreeze", "-f", inner],
      ["fsfreeze", "-u", inner],
    ] as const;
    for (const [program, ...args] of steps) {
      const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
      if (status !== 0) return `${program} fails: ${stderr.trim().split("\n").at(-1) ?? "?"}`;
    }
    return null;
  } finally {
    sweep(root);
  }
}

// ---- helpers

async function makeFileSystem(image: string, mib: number): Promise<void> {
  await execute("truncate", ["-s", String(mib * MIB), image]);
  await execute("mkfs.ext4", ["-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,nodiscard", image]);
}

async function mountImage(image: string, path: string, flushes = true): Promise<void> {
  await execute("mount", ["-o", flushes ? "loop" : "loop,nobarrier", image, path]);
}

async function unmount(path: string): Promise<void> {
  const giveUp = performance.now() + BUSY_MS;
  for (;;) {
    try {
      await execute("umount", [path]);
      return;
    } catch (error) {
      if (performance.now() > giveUp) throw error;
      await sleep(20);
    }
  }
}

/** Unmounts everything below, innermost first, and removes the folder. */
function sweep(root: string): void {
  const mounted = mountsBelow(root);
  for (const path of mounted.reverse()) {
    // Thawed already, unless a cut was broken off.
    spawnSync("fsfreeze", ["-u", path]);
    if (spawnSync("umount", [path]).status !== 0) spawnSync("umount", ["-l", path]);
  }
  rmSync(root, { recursive: true, force: true });
}

/** In the order in which they were mounted. */
const mountsBelow = (root: string): string[] =>
  readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .flatMap((line) => line.split(" ")[1] ?? [])
    .filter((path) => path === root || path.startsWith(`${root}/`));

/** Cleans up after runs that were killed. */
function sweepLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(PREFIX) ? Number(/^\d+/.exec(name.slice(PREFIX.length))?.[0] ?? 0) : 0;
    if (pid > 0 && !existsSync(`/proc/${pid}`)) sweep(join(tmpdir(), name));
  }
}
