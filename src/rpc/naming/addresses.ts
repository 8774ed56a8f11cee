/** HOST:PORT taken apart and put together, and why a port cannot be had. */
import { createServer } from "node:net";

export function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(":");
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(address.slice(at + 1)) };
}

export const withPort = (address: string, port: number): string =>
  `${address.slice(0, address.lastIndexOf(":"))}:${port}`;

/** grpc-js does not say why; a plain socket does. */
export function whyNot(address: string): Promise<string> {
  const { host, port } = hostAndPort(address);
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve("the port is in use");
      else if (error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND")
        resolve("this machine has no such address");
      else if (error.code === "EACCES") resolve("not allowed");
      else resolve(error.code ?? "unknown reason");
    });
    probe.listen(port, host, () => probe.close(() => resolve("the port was in use a moment ago")));
  });
}
