/** Writes the tables of docs/configuration.md from the list of settings: npx tsx scripts/settings.ts */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { withTables } from "../src/config/tables.js";

const path = fileURLToPath(new URL("../docs/configuration.md", import.meta.url));
writeFileSync(path, withTables(readFileSync(path, "utf8")));
