/**
 * The five calls: from what people hand in to a request, from the answer to an outcome. Shared by the client and its
 * pipelines.
 */
import { randomFillSync } from "node:crypto";
import { Consistency as WireConsistency } from "../../gen/ts/onar/kv/v1/common.js";
import { AssertionError } from "../base/assert.js";
import type { Courier, Ended } from "./courier.js";
import { type Bytes, bytesOf, entryOf } from "./entry.js";
import {
  type CallOptions,
  type Condition,
  checkConsistency,
  checkDelta,
  checkTimeout,
  conditionToWire,
  type DeleteOptions,
  type GetOptions,
} from "./options.js";
import {
  Added,
  type AddOutcome,
  type CompareAndSetOutcome,
  Deleted,
  type DeleteOutcome,
  done,
  type GetOutcome,
  Got,
  NotDeleted,
  NotSwapped,
  type PutOutcome,
  Stored,
  Swapped,
} from "./outcome.js";
import { Patience, type UnderWay } from "./patience.js";
import type { Response } from "./transport.js";

/** The five calls, each to an outcome: none of them throws because of the cluster or the network. */
export interface OutcomeCalls {
  /** As {@link KeyValueCalls.get}. */
  get(key: Bytes, options?: GetOptions): Promise<GetOutcome>;
  /** As {@link KeyValueCalls.put}. */
  put(key: Bytes, value: Bytes, options?: CallOptions): Promise<PutOutcome>;
  /** As {@link KeyValueCalls.compareAndSet}. */
  compareAndSet(key: Bytes, condition: Condition, value: Bytes, options?: CallOptions): Promise<CompareAndSetOutcome>;
  /** As {@link KeyValueCalls.delete}. */
  delete(key: Bytes, options?: DeleteOptions): Promise<DeleteOutcome>;
  /** As {@link KeyValueCalls.add}. */
  add(key: Bytes, delta: bigint | number, options?: CallOptions): Promise<AddOutcome>;
}

/**
 * The calls that a client and a pipeline have in common. Each call resolves when it is done, and otherwise rejects:
 * with a NotDoneError, or with an UnknownError, which only writes do.
 */
export abstract class KeyValueCalls {
  /** The same calls to an outcome, for those who decide case by case. */
  abstract readonly outcome: OutcomeCalls;

  /** Reads a key. A key that does not exist is an answer without entry. */
  get(key: Bytes, options?: GetOptions): Promise<Got> {
    return this.outcome.get(key, options).then(done);
  }

  /** Stores a value, whatever was there. */
  put(key: Bytes, value: Bytes, options?: CallOptions): Promise<Stored> {
    return this.outcome.put(key, value, options).then(done);
  }

  /** Stores a value if the condition holds, and otherwise answers what was found. */
  compareAndSet(key: Bytes, condition: Condition, value: Bytes, options?: CallOptions): Promise<Swapped | NotSwapped> {
    return this.outcome.compareAndSet(key, condition, value, options).then(done);
  }

  /** Removes a key, if it is there and the condition, if one is given, holds. */
  delete(key: Bytes, options?: DeleteOptions): Promise<Deleted | NotDeleted> {
    return this.outcome.delete(key, options).then(done);
  }

  /**
   * Adds to a number, which is stored in decimal digits; a key that does not exist counts as zero. The outcomes
   * NOT_A_NUMBER and OVERFLOW (beyond 64 bits, signed) are not done.
   */
  add(key: Bytes, delta: bigint | number, options?: CallOptions): Promise<Added> {
    return this.outcome.add(key, delta, options).then(done);
  }
}

export interface CallsOptions {
  readonly courier: Courier;
  readonly timeoutMs: number;
  readonly underWay: UnderWay;
  readonly closed: () => boolean;
}

const KEY_SPACE = "";

export class Calls implements OutcomeCalls {
  constructor(private readonly options: CallsOptions) {}

  async get(key: Bytes, options: GetOptions = {}): Promise<GetOutcome> {
    const local = checkConsistency(options.consistency ?? "linearizable") === "local";
    const value = {
      key: bytesOf("key", key),
      consistency: local ? WireConsistency.LOCAL : WireConsistency.LINEARIZABLE,
      keySpace: KEY_SPACE,
    };
    const { courier } = this.options;
    const ended = await this.within(options, (patience) => courier.read({ $case: "get", value }, patience));
    if ("outcome" in ended) return ended;
    if (ended.$case !== "get") throw otherKind("get", ended);
    const answer = ended.value;
    const consistency = answer.consistency === WireConsistency.LOCAL ? "local" : "linearizable";
    return new Got(entryOf(answer.entry), consistency);
  }

  async put(key: Bytes, value: Bytes, options: CallOptions = {}): Promise<PutOutcome> {
    const request = { ...writeOf(key), value: bytesOf("value", value) };
    const ended = await this.write({ $case: "put", value: request }, options);
    if ("outcome" in ended) return ended;
    if (ended.$case !== "put") throw otherKind("put", ended);
    return new Stored(ended.value.version);
  }

  async compareAndSet(
    key: Bytes,
    condition: Condition,
    value: Bytes,
    options: CallOptions = {},
  ): Promise<CompareAndSetOutcome> {
    const request = { ...writeOf(key), value: bytesOf("value", value), condition: conditionToWire(condition) };
    const ended = await this.write({ $case: "compareAndSet", value: request }, options);
    if ("outcome" in ended) return ended;
    if (ended.$case !== "compareAndSet") throw otherKind("compareAndSet", ended);
    const { swapped, version, found } = ended.value;
    return swapped ? new Swapped(version) : new NotSwapped(version, entryOf(found));
  }

  async delete(key: Bytes, options: DeleteOptions = {}): Promise<DeleteOutcome> {
    const condition = options.condition === undefined ? undefined : conditionToWire(options.condition);
    const ended = await this.write({ $case: "delete", value: { ...writeOf(key), condition } }, options);
    if ("outcome" in ended) return ended;
    if (ended.$case !== "delete") throw otherKind("delete", ended);
    const { deleted, version, found } = ended.value;
    return deleted ? new Deleted(version) : new NotDeleted(version, entryOf(found));
  }

  async add(key: Bytes, delta: bigint | number, options: CallOptions = {}): Promise<AddOutcome> {
    const ended = await this.write({ $case: "add", value: { ...writeOf(key), delta: checkDelta(delta) } }, options);
    if ("outcome" in ended) return ended;
    if (ended.$case !== "add") throw otherKind("add", ended);
    const { number, version } = ended.value;
    return new Added(number, version);
  }

  private write(request: Parameters<Courier["write"]>[0], options: CallOptions): Promise<Ended> {
    const { courier } = this.options;
    return this.within(options, (patience) => courier.write(request, patience));
  }

  private async within<T>(options: CallOptions, call: (patience: Patience) => Promise<T>): Promise<T> {
    const timeoutMs = options.timeoutMs === undefined ? this.options.timeoutMs : checkTimeout(options.timeoutMs);
    const patience = new Patience(timeoutMs, options.signal, this.options.underWay);
    if (this.options.closed()) patience.end("CLOSED");
    try {
      return await call(patience);
    } finally {
      patience.release();
    }
  }
}

const writeOf = (key: Bytes) => ({
  key: bytesOf("key", key),
  requestId: newRequestId(),
  after: undefined,
  keySpace: KEY_SPACE,
});

const ID_BYTES = 16;
const IDS_DRAWN = 256;
let drawn = Buffer.alloc(0);

/** 16 random bytes, drawn many at a time. */
function newRequestId(): Buffer {
  if (drawn.length < ID_BYTES) drawn = randomFillSync(Buffer.allocUnsafeSlow(ID_BYTES * IDS_DRAWN));
  const id = drawn.subarray(0, ID_BYTES);
  drawn = drawn.subarray(ID_BYTES);
  return id;
}

/** A node answers a call with an answer of its kind: gRPC sees to that, and a stream's answers are matched by tag. */
const otherKind = (asked: string, answered: Response): Error =>
  new AssertionError(`a ${asked} was answered as a ${answered.$case}`);
