/** The handlers of the key-value service: validated, decoded requests in, answers or failures out. They know no transport. */
import type { Header } from "../../gen/ts/onar/kv/v1/common.js";
import type {
  AddRequest,
  AddResponse,
  CompareAndSetRequest,
  CompareAndSetResponse,
  DeleteRequest,
  DeleteResponse,
  GetRequest,
  GetResponse,
  PutRequest,
  PutResponse,
} from "../../gen/ts/onar/kv/v1/kv.js";
import { assert } from "../base/assert.js";
import { textOf } from "../codec/bytes.js";
import {
  addResponse,
  casResponse,
  conditionFromWire,
  consistencyFromWire,
  deleteResponse,
  getResponse,
  putResponse,
  revisionFromWire,
  writeRequest,
} from "../codec/operation.js";
import { positionOf } from "../codec/position.js";
import type { Limits } from "../config.js";
import type { Key, Partition } from "../core/ids.js";
import type { Request } from "../core/node-message.js";
import { partitionOfPosition } from "../core/placement/position.js";
import type { Answer, Standing, WriteOperation } from "../core/register/operation.js";
import type { Verdict } from "../node/outgoing.js";
import { ownCopy, toBuffer } from "../wire/bytes.js";
import type { Call } from "./call.js";
import { diskFull, draining, failureOf, starting } from "./failure.js";
import type { Serving } from "./serving.js";
import { checkAfter, checkCondition, checkKey, checkKeySpace, checkRequestId, checkValue } from "./validate.js";

/** What every write's request has in common. */
type WireWrite = Pick<PutRequest, "key" | "requestId" | "after" | "keySpace">;
type Done<Kind extends Answer["kind"]> = {
  readonly answer: Extract<Answer, { kind: Kind }>;
  readonly header: Header;
};

export class KeyValueHandlers {
  constructor(
    private readonly serving: Serving,
    private readonly limits: Limits,
  ) {}

  async get(request: GetRequest, call: Call): Promise<GetResponse> {
    checkKeySpace(request.keySpace, "read");
    checkKey(request.key, this.limits, "read");
    const read = { key: textOf<Key>(request.key), consistency: consistencyFromWire(request.consistency) };
    const partition = this.partitionOf(request.key, "read", false);
    const { answer, header } = await this.run("get", partition, { kind: "read", read }, call);
    return getResponse(answer, header);
  }

  async put(request: PutRequest, call: Call): Promise<PutResponse> {
    checkValue(request.value, this.limits);
    const { answer, header } = await this.write("put", request, call, (key) => ({
      kind: "put",
      key,
      value: ownCopy(request.value),
    }));
    return putResponse(answer, header);
  }

  async compareAndSet(request: CompareAndSetRequest, call: Call): Promise<CompareAndSetResponse> {
    checkValue(request.value, this.limits);
    checkCondition(request.condition, this.limits, true);
    const { answer, header } = await this.write("cas", request, call, (key) => ({
      kind: "cas",
      key,
      condition: conditionFromWire(request.condition),
      value: ownCopy(request.value),
    }));
    return casResponse(answer, header);
  }

  async delete(request: DeleteRequest, call: Call): Promise<DeleteResponse> {
    checkCondition(request.condition, this.limits, false);
    const { answer, header } = await this.write("delete", request, call, (key) => ({
      kind: "delete",
      key,
      condition: request.condition === undefined ? null : conditionFromWire(request.condition),
    }));
    return deleteResponse(answer, header);
  }

  async add(request: AddRequest, call: Call): Promise<AddResponse> {
    const { answer, header } = await this.write("add", request, call, (key) => ({
      kind: "add",
      key,
      delta: request.delta,
    }));
    return addResponse(answer, header);
  }

  private write<Kind extends "put" | "cas" | "delete" | "add">(
    kind: Kind,
    request: WireWrite,
    call: Call,
    operation: (key: Key) => WriteOperation,
  ): Promise<Done<Kind>> {
    checkKeySpace(request.keySpace, "write");
    checkKey(request.key, this.limits, "write");
    checkRequestId(request.requestId);
    const partition = this.partitionOf(request.key, "write", request.requestId.length > 0);
    checkAfter(request.after, partition);
    const after = request.after === undefined ? null : revisionFromWire(request.after.revision);
    const write = writeRequest(operation(textOf<Key>(request.key)), toBuffer(request.requestId), after);
    return this.run(kind, partition, { kind: "write", write }, call);
  }

  private partitionOf(key: Uint8Array, kind: "read" | "write", hasId: boolean): Partition {
    const { node, stopping } = this.serving;
    if (stopping) throw draining({ kind, partition: null, hasId });
    if (node === null) throw starting({ kind, partition: null, hasId });
    return partitionOfPosition(positionOf(key), node.view.partitions.length);
  }

  private run<Kind extends Answer["kind"]>(
    kind: Kind,
    partition: Partition,
    request: Request,
    call: Call,
  ): Promise<Done<Kind>> {
    const { node } = this.serving;
    assert(node !== null, "a request has a node");
    const asked = {
      kind: request.kind,
      partition,
      hasId: request.kind === "write" && request.write.requestId !== null,
    };
    if (request.kind === "read") this.serving.reads++;
    else this.serving.writes++;
    if (request.kind === "write" && !this.serving.writable()) throw diskFull(asked);
    if (call.trace !== null) this.serving.traces?.asked(request, call.trace);
    // Nobody waits for the answer any more: nothing is executed.
    if (call.timeout <= 0) throw failureOf({ status: "deadline", mayHaveRun: false }, asked);
    // A client that goes away is not waited on: what it sent goes on, as with any answer that is lost, and ends by its deadline.
    return new Promise((resolve, reject) => {
      node.loop.request(partition, request, call.timeout, (verdict: Verdict) => {
        if (verdict.status !== "done") {
          reject(failureOf(verdict, asked));
          return;
        }
        const { answer } = verdict;
        assert(isKind(answer, kind), "an answer is of the kind asked for");
        resolve({ answer, header: this.serving.header({ partition, standing: verdict.standing }) });
      });
    });
  }
}

const isKind = <Kind extends Answer["kind"]>(answer: Answer, kind: Kind): answer is Extract<Answer, { kind: Kind }> =>
  answer.kind === kind;

/** Of which partition an answer speaks, and what it knows of it. */
export interface About {
  readonly partition: Partition;
  readonly standing: Standing;
}
