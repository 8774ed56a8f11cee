/**
 * Promises merged into one async iterable in the order they settle, a bounded number at a time. Ends when the source is done and nothing
 * is under way; fails with the first error.
 */
export class Merge<T> implements AsyncIterable<T> {
  private readonly ready: T[] = [];
  private underWay = 0;
  private sourceDone = false;
  private failure: { readonly error: unknown } | null = null;
  private wakeReader: (() => void) | null = null;
  private wakeSource: (() => void) | null = null;

  constructor(private readonly limit: number) {}

  /** Resolves when one more may be added. */
  async room(): Promise<void> {
    while (this.failure === null && this.underWay + this.ready.length >= this.limit) {
      await new Promise<void>((resolve) => {
        this.wakeSource = resolve;
      });
    }
  }

  add(promise: Promise<T>): void {
    this.underWay++;
    promise.then(
      (value) => {
        this.underWay--;
        this.ready.push(value);
        this.wake();
      },
      (error: unknown) => this.fail(error),
    );
  }

  finishAfter(source: Promise<void>): void {
    source.then(
      () => {
        this.sourceDone = true;
        this.wake();
      },
      (error: unknown) => this.fail(error),
    );
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    while (true) {
      while (this.ready.length > 0) {
        const batch = this.ready.splice(0);
        this.wakeSource?.();
        this.wakeSource = null;
        yield* batch;
      }
      if (this.failure !== null) throw this.failure.error;
      if (this.sourceDone && this.underWay === 0) return;
      await new Promise<void>((resolve) => {
        this.wakeReader = resolve;
      });
    }
  }

  private fail(error: unknown): void {
    this.failure ??= { error };
    this.wakeSource?.();
    this.wakeSource = null;
    this.wake();
  }

  private wake(): void {
    this.wakeReader?.();
    this.wakeReader = null;
  }
}
