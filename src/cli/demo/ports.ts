/** Ports that nobody listens at just now, below those that the system gives to outgoing connections. */
import { createServer } from "node:net";

const LOWEST = 12_000;
const HIGHEST = 30_000;

export async function freePorts(host: string, count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (await isFree(host, port)) ports.add(port);
  }
  return [...ports];
}

const isFree = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, host, () => probe.close(() => resolve(true)));
  });
