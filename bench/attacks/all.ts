/** All attacks by name. */
import type { Attack } from "./attack.js";
import { CLIENT_PORT_ATTACKS } from "./client-port.js";

export const ATTACKS: ReadonlyMap<string, Attack> = new Map(
  CLIENT_PORT_ATTACKS.map((attack) => [attack.name, attack] as const),
);
