/** Transactions of the checkpoint, one at a time and in order: those of a fold and those of a sweep take turns. */

export class Turns {
  private readonly waiting: ((end: () => void) => void)[] = [];
  private busy = false;

  /** Runs it at once when nothing else does; it says when it has ended. */
  take(job: (end: () => void) => void): void {
    this.waiting.push(job);
    if (!this.busy) this.next();
  }

  private next(): void {
    const job = this.waiting.shift();
    this.busy = job !== undefined;
    job?.(() => this.next());
  }
}
