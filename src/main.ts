#!/usr/bin/env node
/** The onar program. Parts that take long are loaded only once a signal finds a listener. */
import { fileURLToPath } from "node:url";
import { keepCompiled } from "./cli/compile-cache.js";
import { listenEarly } from "./cli/ending/signals.js";

const args = process.argv.slice(2);
listenEarly(args, process.env);
keepCompiled(args, process.env);
const { runProcess } = await import("./cli/process.js");
await runProcess(args, fileURLToPath(import.meta.url));
