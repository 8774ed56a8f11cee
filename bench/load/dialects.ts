/** The stores that the generator speaks to, by the names of its option. */

import type { Dialect } from "./dialect.js";
import { etcd } from "./etcd.js";
import { nats } from "./nats.js";
import { onar } from "./onar.js";

export type DialectName = "onar" | "etcd" | "nats";

export const DIALECTS: Readonly<Record<DialectName, Dialect>> = { onar, etcd, nats };
