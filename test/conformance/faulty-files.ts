/**
 * Files in memory with all that a disk can do to them. Nothing happens before it is let happen. A crash keeps any part
 * of what was under way, in pieces, with zeros or nothing in between. Space runs out, and bytes rot.
 */
import { Prng } from "../../src/base/prng.js";
import { type Done, type Files, isPassing } from "../../src/storage/files.js";

interface Operation {
  readonly kind: "create" | "write" | "truncate" | "remove" | "read" | "list";
  readonly name: string;
  /** Its effect on the disk when all goes well. */
  readonly apply: () => void;
  /** Its possible effects after a crash. */
  readonly tear: () => void;
  readonly done: (error: Error | null) => void;
}

/** A crash keeps or loses pieces of this size. Smaller than a disk's, so that records are torn, too. */
const SECTOR = 32;

export class FaultyFiles implements Files {
  readonly content = new Map<string, Buffer>();
  /** Bytes left; writes beyond fail with ENOSPC after a part. */
  space = Number.POSITIVE_INFINITY;
  /** The next write, create or truncate fails with this. */
  nextError: Error | null = null;
  operations = 0;
  private readonly underway: Operation[] = [];
  /** Removed, but a crash may bring them back. */
  private readonly ghosts = new Map<string, Buffer>();

  /**
   * `held`: operations wait for `step`. `ahead`: a write that makes its file longer puts so many zeros behind itself.
   */
  constructor(
    private readonly chance: Prng = new Prng(1),
    public held = false,
    private readonly ahead = 0,
  ) {}

  get pending(): number {
    return this.underway.length;
  }

  /** Lets the oldest operation happen. */
  step(): void {
    const operation = this.underway.shift();
    if (operation === undefined) return;
    this.operations++;
    const error = this.errorFor(operation);
    if (error === null) operation.apply();
    // After an error that does not pass nobody knows what is there.
    else if (!isPassing(error)) operation.tear();
    operation.done(error);
  }

  /** Lets everything happen, and what follows from it. */
  settle(): void {
    while (this.underway.length > 0) this.step();
  }

  /** The process ends; what was under way is there in part. Nobody is told of it any more. */
  crash(): void {
    for (const operation of this.underway.splice(0)) operation.tear();
    for (const [name, bytes] of this.ghosts) if (this.chance.chance(0.3)) this.content.set(name, bytes);
    this.ghosts.clear();
  }

  /** As it is now: for a directory that is put back later. */
  saved(): ReadonlyMap<string, Buffer> {
    return new Map([...this.content].map(([name, bytes]) => [name, Buffer.from(bytes)]));
  }

  /** Puts these in the place of what is there. */
  replace(saved: ReadonlyMap<string, Buffer>): void {
    this.content.clear();
    this.ghosts.clear();
    for (const [name, bytes] of saved) this.content.set(name, Buffer.from(bytes));
  }

  /** Changes one bit of one byte. */
  rot(name: string, at: number): void {
    const bytes = this.content.get(name);
    if (bytes === undefined || at >= bytes.length) throw new Error(`there is no byte ${at} of ${name}`);
    bytes[at] = (bytes[at] as number) ^ (1 << this.chance.below(8));
  }

  list(done: (error: Error | null, names: readonly string[]) => void): void {
    const act = NOTHING;
    this.submit({
      kind: "list",
      name: "",
      apply: act,
      tear: act,
      done: (error) => done(error, [...this.content.keys()]),
    });
  }

  read(name: string, done: (error: Error | null, bytes: Buffer) => void): void {
    const tell = (error: Error | null): void => {
      const bytes = this.content.get(name);
      done(error ?? (bytes === undefined ? errorOf("ENOENT") : null), Buffer.from(bytes ?? Buffer.alloc(0)));
    };
    this.submit({ kind: "read", name, apply: NOTHING, tear: NOTHING, done: tell });
  }

  create(name: string, bytes: Buffer, done: Done): void {
    const copy = Buffer.from(bytes);
    const made = (): void => {
      this.content.set(name, copy);
      this.ghosts.delete(name);
      this.space -= copy.length;
    };
    this.submit({
      kind: "create",
      name,
      done,
      apply: made,
      tear: () => (this.chance.chance(0.5) ? made() : undefined),
    });
  }

  write(name: string, at: number, bytes: Buffer, done: Done): void {
    const old = (): Buffer => this.content.get(name) ?? Buffer.alloc(0);
    const copy = Buffer.concat([bytes, Buffer.alloc(at + bytes.length > old().length ? this.ahead : 0)]);
    this.submit({
      kind: "write",
      name,
      done,
      apply: () => {
        const next = Buffer.alloc(Math.max(old().length, at + copy.length));
        old().copy(next);
        copy.copy(next, at);
        this.space -= next.length - old().length;
        this.content.set(name, next);
      },
      tear: () => this.content.set(name, this.torn(old(), at, copy)),
    });
  }

  truncate(name: string, length: number, done: Done): void {
    const cut = (): void => {
      const bytes = this.content.get(name);
      if (bytes !== undefined) this.content.set(name, Buffer.from(bytes.subarray(0, length)));
    };
    this.submit({
      kind: "truncate",
      name,
      apply: cut,
      tear: () => (this.chance.chance(0.5) ? cut() : undefined),
      done,
    });
  }

  remove(name: string, done: Done): void {
    const gone = (): void => {
      const bytes = this.content.get(name);
      if (bytes === undefined) return;
      this.space += bytes.length;
      this.ghosts.set(name, bytes);
      this.content.delete(name);
    };
    this.submit({
      kind: "remove",
      name,
      apply: gone,
      tear: () => (this.chance.chance(0.5) ? gone() : undefined),
      done,
    });
  }

  private submit(operation: Operation): void {
    this.underway.push(operation);
    if (!this.held) this.settle();
  }

  private errorFor({ kind, name }: Operation): Error | null {
    if (kind === "read" || kind === "list" || kind === "remove") return null;
    const error = this.nextError;
    this.nextError = null;
    if (error !== null) return error;
    if (this.space > 0 || kind === "truncate") return null;
    // A full disk takes a part of it.
    if (kind === "write")
      this.content.set(name, Buffer.concat([this.content.get(name) ?? Buffer.alloc(0), Buffer.alloc(5, 0x52)]));
    return errorOf("ENOSPC");
  }

  /** Each sector of the new bytes is there, or zeros, or what was there; the file may end early. */
  private torn(old: Buffer, at: number, bytes: Buffer): Buffer {
    const { chance } = this;
    const whole = Buffer.alloc(Math.max(old.length, at + bytes.length));
    old.copy(whole);
    const all = chance.fraction();
    for (let sector = 0; sector < bytes.length; sector += SECTOR) {
      if (chance.fraction() < all) bytes.copy(whole, at + sector, sector, Math.min(sector + SECTOR, bytes.length));
    }
    const cut = chance.chance(0.5) ? whole.length : Math.max(old.length, at + chance.below(bytes.length + 1));
    return whole.subarray(0, cut);
  }
}

const NOTHING = (): void => {};

export const errorOf = (code: string): Error => Object.assign(new Error(`a planned ${code}`), { code });
