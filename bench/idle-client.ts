/**
 * Connections that say hello and nothing else: idle-client HOST:PORT COUNT [tls]. Says `ready` once all are there, and
 * holds them until SIGTERM. They are held by sockets alone, as the server's memory is what is measured.
 */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { parseEndpoint } from "./load/options.js";

/** The preface, no settings, and the acknowledgement of the server's. */
const HELLO = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from("000000040000000000000000040100000000", "hex"),
]);
/** A listener's queue is short. */
const AT_ONCE = 100;

const [address = "", count = "", tls = ""] = process.argv.slice(2);
const { host, port } = parseEndpoint(address);
const held: Socket[] = [];
while (held.length < Number(count)) {
  const some = Array.from({ length: Math.min(AT_ONCE, Number(count) - held.length) }, async () => {
    const socket =
      tls === "" ? connect(port, host) : connectTls({ host, port, ALPNProtocols: ["h2"], rejectUnauthorized: false });
    await once(socket, tls === "" ? "connect" : "secureConnect");
    socket.resume();
    // A connection that is lost is a wrong figure.
    socket.on("close", () => process.exit(1));
    socket.write(HELLO);
    return socket;
  });
  held.push(...(await Promise.all(some)));
}
process.stdout.write("ready\n");
process.on("SIGTERM", () => process.exit(0));
