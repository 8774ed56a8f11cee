/** The failure that a call on a channel has thrown. */
import { type Failure, failureOfError } from "../../client/failure.js";
import { GrpcError } from "../../grpc/status.js";

/** Everything else is a defect, and thrown again. */
export function failureThrown(error: unknown): Failure {
  if (error instanceof GrpcError) return failureOfError(error);
  throw error;
}
