/** Much work at once, but not more than so much. */

/**
 * Does it for each item, `limit` of them at a time; rejects with the first error, after what is under way has ended.
 */
export async function inLanes<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const lanes = new Lanes(limit);
  for await (const item of items) {
    await lanes.run(() => work(item));
    if (lanes.failed) break;
  }
  await lanes.end();
}

/** The same for who brings the items. */
export class Lanes {
  private running = 0;
  /** Those that wait for room, in order; then the one that waits for the end. */
  private readonly waiting: (() => void)[] = [];
  private readonly ending: (() => void)[] = [];
  private error: { readonly thrown: unknown } | null = null;

  constructor(private readonly limit: number) {}

  get failed(): boolean {
    return this.error !== null;
  }

  /** Begins the work when there is room; resolves then. After a failure nothing is begun any more. */
  async run(work: () => Promise<void>): Promise<void> {
    // A waiting one gets the place of the one that has ended.
    if (this.running < this.limit) this.running++;
    else await new Promise<void>((room) => this.waiting.push(room));
    if (this.error !== null) return this.leave();
    work().then(
      () => this.leave(),
      (thrown: unknown) => {
        this.error ??= { thrown };
        this.leave();
      },
    );
  }

  /** Resolves when all is done, rejects with the first error. */
  async end(): Promise<void> {
    if (this.running > 0) await new Promise<void>((ended) => this.ending.push(ended));
    if (this.error !== null) throw this.error.thrown;
  }

  private leave(): void {
    const next = this.waiting.shift();
    if (next !== undefined) return next();
    this.running--;
    if (this.running > 0) return;
    for (const ended of this.ending.splice(0)) ended();
  }
}
