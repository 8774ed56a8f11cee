/** A bound on what goes on at a time, for calls that stay under way: further ones are refused. */
import { STATUS } from "../../grpc/status.js";
import { Failure } from "../call/failure.js";

export class Places {
  private taken = 0;

  constructor(
    private readonly what: string,
    private readonly most: number,
  ) {}

  async during<T>(act: () => Promise<T>): Promise<T> {
    this.take();
    try {
      return await act();
    } finally {
      this.taken--;
    }
  }

  async *while<T>(act: () => AsyncIterable<T>): AsyncIterable<T> {
    this.take();
    try {
      yield* act();
    } finally {
      this.taken--;
    }
  }

  private take(): void {
    if (this.taken >= this.most) {
      throw new Failure({
        code: STATUS.resourceExhausted,
        reason: "OVERLOADED",
        message: `${this.most} ${this.what} at this node already, and it takes no more`,
        metadata: { bound: String(this.most) },
        retry: true,
      });
    }
    this.taken++;
  }
}
