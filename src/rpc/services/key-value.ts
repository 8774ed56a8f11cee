/**
 * The handlers of the key-value service: validated, decoded requests in, answers or failures out. They know no
 * transport.
 */
import type { Header } from "../../../gen/ts/onar/kv/v1/common.js";
import type {
  AddRequest,
  AddResponse,
  CompareAndSetRequest,
  CompareAndSetResponse,
  DeleteRequest,
  DeleteResponse,
  GetRequest,
  GetResponse,
  PipelineRequest,
  PipelineResponse,
  PutRequest,
  PutResponse,
} from "../../../gen/ts/onar/kv/v1/kv.js";
import { assert, unreachable } from "../../base/assert.js";
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
} from "../../codec/api/operation.js";
import { positionOf } from "../../codec/api/position.js";
import { withUnread } from "../../codec/api/unread.js";
import { textOf } from "../../codec/bytes/bytes.js";
import type { Limits } from "../../config/config.js";
import type { Key, Partition } from "../../core/model/ids.js";
import type { Request } from "../../core/model/node-message.js";
import type { Answer, Standing, WriteOperation } from "../../core/model/operation.js";
import { partitionOfPosition } from "../../core/placement/position.js";
import type { Verdict } from "../../node/outgoing.js";
import { ownCopy, toBuffer } from "../../wire/bytes.js";
import type { Call } from "../call/call.js";
import { draining, type Failure, failureOf, starting } from "../call/failure.js";
import { checkAfter, checkCondition, checkKey, checkKeySpace, checkRequestId, checkValue } from "../call/validate.js";
import type { Serving } from "./serving.js";

/** One of the five calls with its arguments … */
export type KeyValueRequest = NonNullable<PipelineRequest["request"]>;
/** … and the answer of its kind. */
export type KeyValueResponse = Exclude<NonNullable<PipelineResponse["response"]>, { $case: "status" }>;

type Kind = KeyValueRequest["$case"];
type RequestOf<K extends Kind> = Extract<KeyValueRequest, { $case: K }>["value"];
type ResponseOf<K extends Kind> = Extract<KeyValueResponse, { $case: K }>["value"];

/** Is told once how a request ended, later than it was asked. */
export interface Asker {
  answered(response: KeyValueResponse): void;
  failed(failure: Failure): void;
}

/** The fields that every write's request has. */
type WireWrite = Pick<PutRequest, "key" | "requestId" | "after" | "keySpace" | "_unknownFields">;
type AnswerOf<K extends Answer["kind"]> = Extract<Answer, { kind: K }>;

export class KeyValueHandlers {
  constructor(
    private readonly serving: Serving,
    private readonly limits: Limits,
  ) {}

  /**
   * Free of promises, as a busy pipeline would make several for each request.
   *
   * @throws Failure when it is refused at once: then the asker is not told
   */
  ask(request: KeyValueRequest, call: Call, asker: Asker): void {
    switch (request.$case) {
      case "get":
        return this.read(request.value, call, asker);
      case "put": {
        const { value } = request.value;
        checkValue(value, this.limits);
        return this.write(
          "put",
          request.value,
          call,
          asker,
          (key) => ({ kind: "put", key, value: ownCopy(value) }),
          (answer, header) => ({ $case: "put", value: putResponse(answer, header) }),
        );
      }
      case "compareAndSet": {
        const { value, condition } = request.value;
        checkValue(value, this.limits);
        checkCondition(condition, this.limits, true);
        return this.write(
          "cas",
          request.value,
          call,
          asker,
          (key) => ({ kind: "cas", key, condition: conditionFromWire(condition), value: ownCopy(value) }),
          (answer, header) => ({ $case: "compareAndSet", value: casResponse(answer, header) }),
        );
      }
      case "delete": {
        const { condition } = request.value;
        checkCondition(condition, this.limits, false);
        return this.write(
          "delete",
          request.value,
          call,
          asker,
          (key) => ({ kind: "delete", key, condition: condition === undefined ? null : conditionFromWire(condition) }),
          (answer, header) => ({ $case: "delete", value: deleteResponse(answer, header) }),
        );
      }
      case "add": {
        const { delta } = request.value;
        return this.write(
          "add",
          request.value,
          call,
          asker,
          (key) => ({ kind: "add", key, delta }),
          (answer, header) => ({ $case: "add", value: addResponse(answer, header) }),
        );
      }
      default:
        return unreachable(request);
    }
  }

  get(request: GetRequest, call: Call): Promise<GetResponse> {
    return this.promised("get", request, call);
  }

  put(request: PutRequest, call: Call): Promise<PutResponse> {
    return this.promised("put", request, call);
  }

  compareAndSet(request: CompareAndSetRequest, call: Call): Promise<CompareAndSetResponse> {
    return this.promised("compareAndSet", request, call);
  }

  delete(request: DeleteRequest, call: Call): Promise<DeleteResponse> {
    return this.promised("delete", request, call);
  }

  add(request: AddRequest, call: Call): Promise<AddResponse> {
    return this.promised("add", request, call);
  }

  private promised<K extends Kind>(kind: K, value: RequestOf<K>, call: Call): Promise<ResponseOf<K>> {
    return new Promise((resolve, reject) => {
      const answered = (response: KeyValueResponse): void => resolve(response.value as never);
      this.ask({ $case: kind, value } as KeyValueRequest, call, { answered, failed: reject });
    });
  }

  private read(request: GetRequest, call: Call, asker: Asker): void {
    checkKeySpace(request.keySpace, "read");
    checkKey(request.key, this.limits, "read");
    const read = { key: textOf<Key>(request.key), consistency: consistencyFromWire(request.consistency) };
    const partition = this.partitionOf(request.key, "read", false);
    this.run("get", partition, withUnread({ kind: "read", read }, request), call, asker, (answer, header) => ({
      $case: "get",
      value: getResponse(answer, header),
    }));
  }

  private write<K extends "put" | "cas" | "delete" | "add">(
    kind: K,
    request: WireWrite,
    call: Call,
    asker: Asker,
    operation: (key: Key) => WriteOperation,
    response: (answer: AnswerOf<K>, header: Header) => KeyValueResponse,
  ): void {
    checkKeySpace(request.keySpace, "write");
    checkKey(request.key, this.limits, "write");
    checkRequestId(request.requestId);
    const partition = this.partitionOf(request.key, "write", request.requestId.length > 0);
    checkAfter(request.after, partition);
    const after = request.after === undefined ? null : revisionFromWire(request.after.revision);
    const write = writeRequest(operation(textOf<Key>(request.key)), toBuffer(request.requestId), after);
    this.run(kind, partition, withUnread({ kind: "write", write }, request), call, asker, response);
  }

  private partitionOf(key: Uint8Array, kind: "read" | "write", hasId: boolean): Partition {
    const { node, stopping } = this.serving;
    if (stopping) throw draining({ kind, partition: null, hasId });
    if (node === null) throw starting({ kind, partition: null, hasId }, this.serving.awaited());
    return partitionOfPosition(positionOf(key), node.views.view.partitions.length);
  }

  private run<K extends Answer["kind"]>(
    kind: K,
    partition: Partition,
    request: Request,
    call: Call,
    asker: Asker,
    response: (answer: AnswerOf<K>, header: Header) => KeyValueResponse,
  ): void {
    const { node } = this.serving;
    assert(node !== null, "a request has a node");
    const asked = {
      kind: request.kind,
      partition,
      hasId: request.kind === "write" && request.write.requestId !== null,
    };
    if (request.kind === "read") this.serving.reads++;
    else this.serving.writes++;
    if (call.trace !== null) this.serving.traces?.asked(request, call.trace);
    // Nobody waits for the answer any more: nothing is executed.
    if (call.timeout <= 0) throw failureOf({ status: "deadline", mayHaveRun: false }, asked, node.views.view.members);
    // A client that goes away is not waited on. Its request goes on, as with any answer that is lost, and ends by its
    // deadline.
    node.loop.request(partition, request, call.timeout, (verdict: Verdict) => {
      if (verdict.status !== "done") return asker.failed(failureOf(verdict, asked, node.views.view.members));
      const { answer } = verdict;
      assert(isKind(answer, kind), "an answer is of the kind asked for");
      asker.answered(response(answer, this.serving.header({ partition, standing: verdict.standing })));
    });
  }
}

const isKind = <K extends Answer["kind"]>(answer: Answer, kind: K): answer is AnswerOf<K> => answer.kind === kind;

/** The partition that an answer speaks of, and its standing. */
export interface About {
  readonly partition: Partition;
  readonly standing: Standing;
}
