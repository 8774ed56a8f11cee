/** Much work at once, but not more than so much. */

/** Does it for each item, `limit` of them at a time; rejects with the first error, after what is under way has ended. */
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
  private readonly running = new Set<Promise<void>>();
  private error: { readonly thrown: unknown } | null = null;

  constructor(private readonly limit: number) {}

  get failed(): boolean {
    return this.error !== null;
  }

  /** Begins the work when there is room; resolves then. After a failure nothing is begun any more. */
  async run(work: () => Promise<void>): Promise<void> {
    while (this.running.size >= this.limit) await Promise.race(this.running);
    if (this.error !== null) return;
    const lane: Promise<void> = work()
      .catch((thrown: unknown) => {
        this.error ??= { thrown };
      })
      .finally(() => this.running.delete(lane));
    this.running.add(lane);
  }

  /** Resolves when all is done, rejects with the first error. */
  async end(): Promise<void> {
    await Promise.all(this.running);
    if (this.error !== null) throw this.error.thrown;
  }
}
