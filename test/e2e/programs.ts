/** Programs that the tests run: onar itself, grpcurl, scripts. All bounded in time. */
import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { PROGRAM, ROOT } from "./harness.js";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 20_000;

export interface RunOptions {
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Runs to the end; a program that does not end in time is killed, which shows as code -1. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      [...args],
      {
        cwd: ROOT,
        timeout: options.timeoutMs ?? TIMEOUT_MS,
        killSignal: "SIGKILL",
        env: { ...process.env, ...options.env },
        encoding: "buffer",
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, stdout: stdout.toString(), stderr: stderr.toString() });
      },
    );
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input ?? "");
  });
}

export const onar = (args: readonly string[], options: RunOptions = {}): Promise<Ran> =>
  run(process.execPath, [PROGRAM, ...args], options);

/** The path of grpcurl, or why there is none. Fails where CI=true and there is none. */
export function findGrpcurl(): { readonly path: string } | { readonly missing: string } {
  const { status, stdout, stderr } = spawnSync(join(ROOT, "scripts/tools.sh"), { encoding: "utf8", timeout: 240_000 });
  const line = stdout.trim();
  if (status === 0 && line.startsWith("/")) return { path: line };
  const missing = line === "" ? stderr.trim() : line;
  if (process.env.CI === "true") throw new Error(`CI=true, but: ${missing}`);
  return { missing };
}
