/**
 * One attacker, as a process of its own: node bench/out/js/bench/attacker.js NAME HOST:PORT [IDENTITY]. IDENTITY, of a
 * member, is JSON. Says `ready` once it has begun, and goes on until SIGTERM, for a minute at most.
 */
import { ATTACKS } from "./attacks/all.js";
import { identityFrom } from "./attacks/identity.js";
import { parseEndpoint } from "./load/options.js";

const LONGEST_MS = 60_000;

const [name = "", address = "", identity = ""] = process.argv.slice(2);
const attack = ATTACKS.get(name);
if (attack === undefined) {
  process.stderr.write(`no attack is called "${name}"; there are ${[...ATTACKS.keys()].join(", ")}\n`);
  process.exit(2);
}
const send = await attack.begin(parseEndpoint(address), identity === "" ? null : identityFrom(identity));
process.stdout.write("ready\n");
setInterval(send, attack.everyMs);
setTimeout(() => process.exit(0), LONGEST_MS);
