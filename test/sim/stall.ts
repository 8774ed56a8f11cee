/**
 * A disk that stands still: what it has done by then is not told, and nothing is done, until it moves again. Nothing is
 * lost or reordered.
 */
export class Stall {
  /** Work that is to happen when it moves again; null: it moves. */
  private held: (() => void)[] | null = null;

  get standing(): boolean {
    return this.held !== null;
  }

  begin(): void {
    this.held ??= [];
  }

  end(): void {
    const { held } = this;
    this.held = null;
    for (const call of held ?? []) call();
  }

  /** Now, or when the disk moves again. */
  pass(call: () => void): void {
    if (this.held === null) call();
    else this.held.push(call);
  }
}
