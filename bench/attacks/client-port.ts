/** Attacks on the client port, each of which once stopped a node or slowed it down. */
import type { Endpoint } from "../load/options.js";
import { type Attack, cancel, Session } from "./attack.js";

const GET = "/onar.kv.v1.KeyValueService/Get";
const PUT = "/onar.kv.v1.KeyValueService/Put";
const STATUS = "/onar.reconfiguration.v1.ReconfigurationService/Status";
const VIEW = "/onar.reconfiguration.v1.ReconfigurationService/GetView";
const REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

const MEGABYTES = 3_000_000;
const NOTHING = Buffer.alloc(0);
const again = (...bytes: readonly number[]): Buffer => Buffer.alloc(MEGABYTES, Buffer.from(bytes));

const attack = (name: string, what: string, everyMs: number, send: (session: Session) => void): Attack => ({
  name,
  what,
  everyMs,
  port: "client",
  begin: async (endpoint: Endpoint) => {
    const session = new Session(endpoint);
    return () => send(session);
  },
});

export const CLIENT_PORT_ATTACKS: readonly Attack[] = [
  attack("reflection-length", "11 bytes to reflection that declare 2 GiB", 100, (session) =>
    session.send(REFLECTION, Buffer.from("22ffffffff07", "hex")),
  ),
  attack("unknown-fields", "GETs with 3 MB of unknown fields", 500, (session) => session.send(GET, UNKNOWN)),
  attack("repeated-after", "PUTs with 3 MB of `after`, one overriding the other", 500, (session) =>
    session.send(PUT, REPEATED),
  ),
  attack("status", "Status of all partitions, asked 100 times a second", 10, (session) =>
    session.send(STATUS, NOTHING),
  ),
  attack("view", "GetView, asked 100 times a second", 10, (session) => session.send(VIEW, NOTHING)),
  attack("cancelled", "calls that are cancelled at once, 100 a second", 10, (session) => {
    const stream = session.call(GET);
    stream.once("ready", () => cancel(stream));
  }),
];

const UNKNOWN = again(0xf8, 0x01);
const REPEATED = again(0x2a, 0x00);
