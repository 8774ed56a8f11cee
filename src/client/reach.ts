/**
 * Whether a connection stands, and if not, why. Requests are sent only while it does, so that "nothing listens there"
 * is told apart from "it broke after the write was sent". The first is a definite answer, the second is not.
 */
import { connect as connectTcp } from "node:net";

/** Parts of HOST:PORT, an IPv6 host without its brackets. */
export function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(":");
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(address.slice(at + 1)) };
}

/** The answer to a bare connection, for people. `talks`: something listens there. */
export interface Probed {
  readonly text: string;
  readonly talks: boolean;
}

/**
 * Why no connection came about, for people: asked of the operating system by a bare connection. `address`: "host:port",
 * an IPv6 host in brackets. `lingers`: whether the process stays for the answer.
 */
export function whyNotConnected(address: string, withinMs: number, lingers: boolean): Promise<Probed> {
  const { host, port } = hostAndPort(address);
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port });
    const timer = setTimeout(() => done(`${address} does not answer`), withinMs);
    if (!lingers) {
      timer.unref();
      socket.unref();
    }
    const done = (text: string, talks = false): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, talks });
    };
    const other = `what listens at ${address} does not speak gRPC, or is too busy to answer`;
    socket.once("connect", () => done(other, true));
    socket.once("error", (error: NodeJS.ErrnoException & { errors?: NodeJS.ErrnoException[] }) => {
      const code = error.code ?? error.errors?.[0]?.code ?? "";
      if (code === "ECONNREFUSED") return done(`nothing listens at ${address}`);
      if (code === "ENOTFOUND" || code === "EAI_AGAIN")
        return done(`there is no host named ${host} (asked for ${address})`);
      if (code === "ETIMEDOUT") return done(`${address} does not answer`);
      done(`${address} cannot be reached${code === "" ? "" : ` (${code})`}`);
    });
  });
}
