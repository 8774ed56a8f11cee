/** Server reflection v1 and v1alpha, complete with imports, so that grpcurl needs no proto files. */

import type { Server } from "nice-grpc";
import { ServerReflection, ServerReflectionService } from "nice-grpc-server-reflection";
import { fileDescriptorSet } from "../../gen/ts/descriptor.js";

export function addReflection(server: Server, services: readonly string[]): void {
  const names = [...services, "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];
  const implementation = ServerReflection(fileDescriptorSet, names);
  server.add(ServerReflectionService, implementation);
  // The older version differs in its name alone, and older tools ask for nothing else.
  const method = ServerReflectionService.serverReflectionInfo;
  const older = {
    ...ServerReflectionService,
    serverReflectionInfo: { ...method, path: method.path.replace(".v1.", ".v1alpha.") },
  };
  server.add(older, implementation);
}
