/**
 * `onar doctor`: looks for what is wrong before somebody else finds it. A line for everything looked at; exit code 1 if
 * something fails.
 */

import { dirname, resolve } from "node:path";
import { jsonText } from "../../base/printable.js";
import { readSettingsFile } from "../../config/file.js";
import { Gathered } from "../../config/gather.js";
import { NODE_SETTINGS } from "../../config/settings.js";
import { addresses } from "../../config/values.js";
import { EXIT, type ExitCode } from "../ending/exit.js";
import { type CommonOptions, formatOf, targetOf } from "../flags/target.js";
import type { Io } from "../terminal/io.js";
import { paintOf } from "../terminal/paint.js";
import { showProgress } from "../terminal/progress.js";
import { widthOf } from "../terminal/table.js";
import { type Finding, fail, linesOf, ok } from "./finding.js";
import { disk, nodeVersion, port, type WantedPort } from "./machine.js";
import { nodes } from "./nodes.js";

export interface DoctorOptions extends CommonOptions {
  readonly config?: string;
  readonly dir?: string;
  readonly ports?: string;
}

const ASK_MS = 3_000;
const LISTENING = ["listen", "peerListen", "metricsListen"] as const;

export async function doctor(options: DoctorOptions, io: Io): Promise<ExitCode> {
  const format = formatOf(options, io);
  const target = targetOf(options, io);
  const asked = options.endpoint !== undefined || (io.env.ONAR_ENDPOINT ?? "") !== "";
  const { ports, findings: file, data } = wanted(options);
  const directory = options.dir ?? data;
  const timeoutMs = Math.min(target.timeoutMs, ASK_MS);
  const paint = paintOf(io);
  const findings: Finding[] = [];
  // Each part is shown as soon as it is known.
  const tell = (found: readonly Finding[]): void => {
    findings.push(...found);
    if (format === "text") for (const finding of found) io.out(linesOf(finding, paint, widthOf(io)));
  };
  tell([nodeVersion(process.versions.node), ...file]);
  tell(await showProgress(io, () => "syncing to disk", disk(directory ?? process.cwd(), directory !== null)));
  tell(await Promise.all(ports.map(port)));
  tell(await showProgress(io, () => "asking the nodes", nodes(target.endpoints, timeoutMs, asked)));
  const count = (verdict: Finding["verdict"]): number => findings.filter((one) => one.verdict === verdict).length;
  if (format === "json") io.out(`${jsonText({ findings })}\n`);
  else io.out(`${count("ok")} ok, ${count("warn")} to look at, ${count("fail")} to mend\n`);
  return count("fail") > 0 ? EXIT.notDone : EXIT.done;
}

interface Wanted {
  readonly ports: readonly WantedPort[];
  /** The errors in the file. */
  readonly findings: readonly Finding[];
  /**
   * Where the file's node keeps its data, or rather the directory above, as a node's own is no place for other files;
   * null: not said.
   */
  readonly data: string | null;
}

/** The wishes of the flag and of the file. */
function wanted(options: DoctorOptions): Wanted {
  const ports: WantedPort[] = (options.ports === undefined ? [] : addresses("--ports", options.ports)).map(
    (address) => ({ address, why: "--ports" }),
  );
  if (options.config === undefined) return { ports, findings: [], data: null };
  const path = options.config;
  const file = readSettingsFile("--config", path);
  if (file.problems.length > 0) {
    return { ports, findings: file.problems.map((problem) => fail(problem, "onar start would refuse it")), data: null };
  }
  const gathered = new Gathered(NODE_SETTINGS, [file]);
  for (const key of LISTENING) {
    const address = gathered.value(key);
    if (address !== undefined && address.port !== 0) ports.push({ address, why: gathered.label(key) });
  }
  const data = gathered.value("data");
  return { ports, findings: [ok(`settings in ${path}`)], data: data === undefined ? null : dirname(resolve(data)) };
}
