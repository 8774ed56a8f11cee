/** The errors of calls. */
import { expect, test } from "vitest";
import { causedByPeer, GrpcError, STATUS } from "../../../src/grpc/status.js";

test("an error that the other side has caused costs no stack, and the next one has its own again", () => {
  const caused = causedByPeer(STATUS.notFound, "nothing");
  expect(caused).toBeInstanceOf(GrpcError);
  expect(caused).toMatchObject({ code: STATUS.notFound, message: "nothing", outcome: "answered" });
  expect(caused.stack).not.toContain("\n");
  expect(new GrpcError(STATUS.internal, "here").stack).toContain("status.test.ts");
});
