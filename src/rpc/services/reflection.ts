/**
 * Server reflection v1 and v1alpha, complete with imports, so that grpcurl needs no proto files. Both versions differ
 * in their names alone.
 *
 * A question costs a look into a map, whatever it asks for. A stream gets each file once, beside the one that it asked
 * for by name.
 */

import { fileDescriptorSet } from "../../../gen/ts/descriptor.js";
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionDefinition as V1,
} from "../../../gen/ts/grpc/reflection/v1/reflection.js";
import { ServerReflectionDefinition as V1Alpha } from "../../../gen/ts/grpc/reflection/v1alpha/reflection.js";
import { unreachable } from "../../base/assert.js";
import type { Route } from "../../grpc/server/route.js";
import { STATUS } from "../../grpc/status.js";
import { bidirectional } from "../call/routes.js";
import type { ContractFile, Descriptors } from "./descriptors.js";

/** How much of a name that is not there comes back in the error. */
const NAME_SHOWN = 100;

type Answer = NonNullable<ServerReflectionResponse["messageResponse"]>;

/** Files that a stream has got. */
type Sent = Set<ContractFile>;

/** `services`: full names of those that are served besides. `stopping`: streams end when it aborts. */
export function reflectionRoutes(services: readonly string[], stopping: AbortSignal): Route[] {
  const reflection = new Reflection(fileDescriptorSet, [...services, V1.fullName, V1Alpha.fullName]);
  const answers = (requests: AsyncIterable<ServerReflectionRequest>) => reflection.answers(requests);
  return [V1, V1Alpha].map((version) =>
    bidirectional(version, version.methods.serverReflectionInfo, stopping, answers),
  );
}

export class Reflection {
  /** Loaded and made when somebody asks: most nodes are never asked. */
  private descriptors: Promise<Descriptors> | null = null;

  constructor(
    private readonly encoded: Uint8Array,
    private readonly services: readonly string[],
  ) {}

  async *answers(requests: AsyncIterable<ServerReflectionRequest>): AsyncGenerator<ServerReflectionResponse> {
    const sent: Sent = new Set();
    for await (const request of requests) {
      this.descriptors ??= descriptorsOf(this.encoded);
      const messageResponse = this.answer(request, await this.descriptors, sent);
      yield { validHost: request.host, originalRequest: request, messageResponse };
    }
  }

  private answer({ messageRequest }: ServerReflectionRequest, descriptors: Descriptors, sent: Sent): Answer {
    switch (messageRequest?.$case) {
      case "listServices":
        return { $case: "listServicesResponse", value: { service: this.services.map((name) => ({ name })) } };
      case "fileByFilename":
        return files(descriptors.file(messageRequest.value), sent, "file", messageRequest.value);
      case "fileContainingSymbol":
        return files(descriptors.fileOf(messageRequest.value), sent, "symbol", messageRequest.value);
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = messageRequest.value;
        const file = descriptors.extensionsOf(containingType)?.get(extensionNumber);
        return files(file, sent, `extension ${extensionNumber} of`, containingType);
      }
      case "allExtensionNumbersOfType": {
        const baseTypeName = messageRequest.value;
        const found = descriptors.extensionsOf(baseTypeName);
        if (found === undefined) return notFound("message", baseTypeName);
        const extensionNumber = [...found.keys()];
        return { $case: "allExtensionNumbersResponse", value: { baseTypeName, extensionNumber } };
      }
      case undefined:
        return failed(STATUS.invalidArgument, "message_request must be set");
      default:
        return unreachable(messageRequest);
    }
  }
}

async function descriptorsOf(encoded: Uint8Array): Promise<Descriptors> {
  const { Descriptors } = await import("./descriptors.js");
  return new Descriptors(encoded);
}

/** The file and, behind it, all that it imports and that this stream has not got. */
function files(file: ContractFile | undefined, sent: Sent, what: string, name: string): Answer {
  if (file === undefined) return notFound(what, name);
  sent.delete(file);
  const found: ContractFile[] = [];
  const visit = (one: ContractFile): void => {
    if (sent.has(one)) return;
    sent.add(one);
    found.push(one);
    one.imports.forEach(visit);
  };
  visit(file);
  return {
    $case: "fileDescriptorResponse",
    value: { fileDescriptorProto: found.map(({ bytes }) => bytes) },
  };
}

const notFound = (what: string, name: string): Answer =>
  failed(STATUS.notFound, `there is no ${what} ${JSON.stringify(name.slice(0, NAME_SHOWN))} here`);

const failed = (errorCode: number, errorMessage: string): Answer => ({
  $case: "errorResponse",
  value: { errorCode, errorMessage },
});
