#!/usr/bin/env node
/** The onar program. Parts that take long are loaded only once a signal finds a listener. */
import { fileURLToPath } from "node:url";
import { keepCompiled } from "./cli/compile-cache.js";
import { listenEarly } from "./cli/ending/signals.js";
import { outliveTerminals } from "./cli/ending/terminals.js";

const args = process.argv.slice(2);
const program = fileURLToPath(import.meta.url);
outliveTerminals();
listenEarly(args, process.env);
keepCompiled(args, process.env, program);
void import("./cli/process.js").then(({ runProcess }) => runProcess(args, program));
