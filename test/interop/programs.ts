/**
 * The programs of other libraries at the other end. They are built or installed below .cache when they are not there;
 * otherwise a word says what is missing.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDER = join(ROOT, "test/interop");
const GO_PROGRAM = join(ROOT, ".cache/bin/interop-go");
const VENV = join(ROOT, ".cache/python-interop");
const SETUP_MS = 300_000;

export type Language = "go" | "python";

/** Empty if its programs can be built here. With CI=true a toolchain that is missing is an error. */
export function missing(language: Language): string {
  const [command, what] = language === "go" ? (["go", "Go"] as const) : (["python3", "Python"] as const);
  if (spawnSync(command, [language === "go" ? "version" : "--version"]).status === 0) return "";
  if (process.env["CI"] === "true") throw new Error(`${what} is not installed (CI=true)`);
  return `skipped: ${what} is not installed`;
}

/** Builds or installs it; throws what went wrong. */
export function setUp(language: Language): void {
  if (language === "go") {
    mkdirSync(join(ROOT, ".cache/bin"), { recursive: true });
    run("go", ["build", "-o", GO_PROGRAM, "."], join(FOLDER, "go"));
    return;
  }
  const [wanted, has] = [join(FOLDER, "python/requirements.txt"), join(VENV, "requirements.txt")];
  if (textOf(wanted) === textOf(has)) return;
  run("python3", ["-m", "venv", "--clear", VENV], ROOT);
  const quiet = ["--quiet", "--disable-pip-version-check", "--only-binary", ":all:"];
  run(join(VENV, "bin/python"), ["-m", "pip", "install", ...quiet, "-r", wanted], ROOT);
  copyFileSync(wanted, has);
}

function commandOf(language: Language, args: readonly string[]): [string, string[]] {
  if (language === "go") return [GO_PROGRAM, [...args]];
  return [join(VENV, "bin/python"), [join(FOLDER, "python/interop.py"), ...args]];
}

/** Runs a program to its end: what it said, and how it ended. */
export async function runProgram(
  language: Language,
  ...args: readonly string[]
): Promise<{ said: string; code: number }> {
  const [command, words] = commandOf(language, args);
  const child = spawn(command, words, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      said += chunk;
    });
  }
  const [code] = await once(child, "close");
  return { said, code: typeof code === "number" ? code : -1 };
}

export interface RunningServer {
  readonly port: number;
  close(): Promise<void>;
}

/** A server, which prints its port and goes on until its standard input ends. */
export async function startServer(language: Language): Promise<RunningServer> {
  const [command, words] = commandOf(language, ["server"]);
  const child: ChildProcess = spawn(command, words, { stdio: ["pipe", "pipe", "inherit"] });
  const gone = once(child, "close");
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error("no pipes");
  const [line] = await Promise.race([once(createInterface({ input: stdout }), "line"), gone]);
  const port = Number(line);
  if (!(port > 0)) throw new Error(`the server said ${line}, not its port`);
  return {
    port,
    close: async () => {
      stdin.end();
      await gone;
    },
  };
}

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, stderr } = spawnSync(command, args, { cwd, encoding: "utf8", timeout: SETUP_MS });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
