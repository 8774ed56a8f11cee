/** The methods of gRPC's test service, and one that no server has. */
const SERVICE = "/grpc.testing.TestService";

export const EMPTY = `${SERVICE}/EmptyCall`;
export const UNARY = `${SERVICE}/UnaryCall`;
export const INPUT = `${SERVICE}/StreamingInputCall`;
export const OUTPUT = `${SERVICE}/StreamingOutputCall`;
export const DUPLEX = `${SERVICE}/FullDuplexCall`;
export const NO_METHOD = `${SERVICE}/UnimplementedCall`;
export const NO_SERVICE = "/grpc.testing.UnimplementedService/UnimplementedCall";

/** Metadata of these names is sent back, before the messages and behind them. */
export const INITIAL = "x-grpc-test-echo-initial";
export const TRAILING = "x-grpc-test-echo-trailing-bin";
