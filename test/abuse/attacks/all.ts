/** All attacks, by name. */
import type { Attack } from "../attack.js";
import { BODIES } from "./bodies.js";
import { FLOODS } from "./floods.js";
import { HEADERS } from "./headers.js";
import { SLOW } from "./slow.js";

export const ATTACKS: readonly Attack[] = [...FLOODS, ...HEADERS, ...BODIES, ...SLOW];

export function attackOf(name: string): Attack {
  const attack = ATTACKS.find((one) => one.name === name);
  if (attack === undefined) throw new Error(`no attack is called "${name}"`);
  return attack;
}
