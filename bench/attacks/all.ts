/** All attacks by name. */
import type { Attack } from "./attack.js";
import { CLIENT_PORT_ATTACKS } from "./client-port.js";
import { PEER_PORT_ATTACKS } from "./peer-port.js";

/** Those of members last: they take a member's place. */
export const ATTACKS: ReadonlyMap<string, Attack> = new Map(
  [...CLIENT_PORT_ATTACKS, ...PEER_PORT_ATTACKS].map((attack) => [attack.name, attack] as const),
);
