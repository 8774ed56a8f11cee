/** The shape of cases.yaml, whose header says what each part means. */

export type CallName = "get" | "put" | "compareAndSet" | "delete" | "add";

/** Text in UTF-8, bytes in hexadecimal digits, or a text repeated. */
export type Bytes = string | { readonly hex: string } | { readonly text: string; readonly times: number };

export type Key = Bytes | { readonly exact: Bytes };

export interface Case {
  readonly name: string;
  readonly on: "cluster" | "killable" | "fake";
  readonly untold?: number;
  readonly nodes?: readonly NodeKind[];
  readonly endpoints?: readonly number[];
  readonly views?: readonly (readonly number[])[];
  readonly most_views?: number;
  readonly pipeline?: false;
  readonly client?: {
    readonly timeout_ms?: number;
    readonly cluster_id?: "ours" | "other";
    readonly direct?: boolean;
  };
  readonly steps: readonly Step[];
}

export type NodeKind = "node" | "refuses" | "silent" | "foreign" | "unnamed" | "web" | "other";

export interface Step {
  readonly call: CallName;
  readonly key: Key;
  readonly value?: Bytes;
  readonly delta?: number | string;
  readonly condition?: {
    readonly version?: string | number;
    readonly value?: Bytes;
    readonly presence?: "absent" | "present";
  };
  readonly consistency?: "linearizable" | "local";
  readonly timeout_ms?: number;
  readonly times?: number;
  readonly at_once?: number;
  readonly cancel_after_ms?: number;
  readonly close_after_ms?: number;
  readonly kill_writer_at?: number;
  readonly save?: string;
  readonly expect: Expectation;
  readonly answers?: readonly ScriptedAnswer[];
  readonly other_node?: boolean;
  readonly reaches?: readonly number[];
  readonly only?: readonly number[];
  readonly most_under_way?: number;
  readonly most_attempts?: number;
}

export interface Expectation {
  readonly outcome: "done" | "notDone" | "unknown";
  readonly reason?: string | readonly string[];
  readonly code?: string;
  readonly names?: "one" | "all" | "none";
  readonly version?: number | { readonly equals: string } | { readonly above: string };
  readonly found?: boolean;
  readonly value?: Bytes;
  readonly consistency?: "linearizable" | "local";
  readonly swapped?: boolean;
  readonly deleted?: boolean;
  readonly number?: number | string | null | { readonly repetition: true };
}

export interface ScriptedAnswer {
  readonly ok?: {
    readonly value?: Bytes;
    readonly version?: number;
    readonly revision?: number;
    readonly writer?: number;
    readonly swapped?: boolean;
    readonly deleted?: boolean;
    readonly number?: number | string | null;
  };
  readonly error?: string;
  readonly status?: string;
  readonly execution?: "not_executed" | "unknown" | "unspecified" | "none";
  readonly retry_ms?: number;
  readonly domain?: string;
  readonly bare?: string;
  readonly message?: string;
  readonly reset?: string;
  readonly view?: number;
  readonly not_before_ms?: number;
  readonly silence?: boolean;
  readonly break?: boolean;
  readonly delay_ms?: number;
  readonly forever?: boolean;
}

export function bytesOf(bytes: Bytes): Buffer {
  if (typeof bytes === "string") return Buffer.from(bytes);
  return "hex" in bytes ? Buffer.from(bytes.hex, "hex") : Buffer.from(bytes.text.repeat(bytes.times));
}

/** The key as it is sent, with the prefix in front unless it is exact. */
export function keyOf(key: Key, prefix = ""): Buffer {
  if (typeof key === "object" && "exact" in key) return bytesOf(key.exact);
  return Buffer.concat([Buffer.from(prefix), bytesOf(key)]);
}
