/** Every decoder that somebody outside reaches: hostile bytes are refused, or read as something, at once. */
import { describe, expect, test } from "vitest";
import { HealthDefinition } from "../../../gen/ts/grpc/health/v1/health.js";
import { ServerReflectionDefinition as ReflectionV1 } from "../../../gen/ts/grpc/reflection/v1/reflection.js";
import { ServerReflectionDefinition as ReflectionV1Alpha } from "../../../gen/ts/grpc/reflection/v1alpha/reflection.js";
import { BackupServiceDefinition } from "../../../gen/ts/onar/backup/v1/backup.js";
import { KeyValueServiceDefinition } from "../../../gen/ts/onar/kv/v1/kv.js";
import { ReconfigurationServiceDefinition } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { FoundRequest, FoundResponse } from "../../../gen/ts/onar/replication/v1/replication.js";
import { TextServiceDefinition } from "../../../gen/ts/onar/text/v1/text.js";
import { AssertionError } from "../../../src/base/assert.js";
import { parseTraceparent } from "../../../src/base/trace-context.js";
import { decodeFrame, messagesOf } from "../../../src/codec/peer/frame.js";
import { decodePipelineRequest } from "../../../src/wire/pipeline.js";
import { hostileBytes } from "./hostile-bytes.js";

type Decoder = (bytes: Buffer) => unknown;

/**
 * CPU time: far more than any of these may take, however busy the machine is. The loop that this is about takes
 * seconds.
 */
const HELD_MICROSECONDS = 2_000_000;

const SERVICES = [
  KeyValueServiceDefinition,
  TextServiceDefinition,
  ReconfigurationServiceDefinition,
  BackupServiceDefinition,
  HealthDefinition,
  ReflectionV1,
  ReflectionV1Alpha,
];

const ofServices = SERVICES.flatMap(({ fullName, methods }) =>
  Object.values(methods).map((method): [string, Decoder] => [
    `${fullName}/${method.name}`,
    (bytes) => method.requestType.decode(bytes),
  ]),
);

const HOSTILE = [...hostileBytes()];

const DECODERS: readonly (readonly [string, Decoder])[] = [
  ...ofServices,
  ["a request of a pipeline", decodePipelineRequest],
  ["a frame between nodes", (bytes) => messagesOf(decodeFrame(bytes), () => {}, true)],
  ["a question of founding", (bytes) => FoundRequest.decode(bytes)],
  ["an answer of founding", (bytes) => FoundResponse.decode(bytes)],
  ["traceparent", (bytes) => parseTraceparent(bytes.toString("latin1"))],
];

describe("hostile bytes do not hold the event loop, and are no defect", () => {
  test.each(DECODERS)("%s", (_name, decode) => {
    for (const { what, bytes } of HOSTILE) {
      const began = process.cpuUsage();
      try {
        decode(bytes);
      } catch (error) {
        expect(error, what).not.toBeInstanceOf(AssertionError);
      }
      expect(process.cpuUsage(began).user, what).toBeLessThan(HELD_MICROSECONDS);
    }
  });
});
