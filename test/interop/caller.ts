/** A client as the interoperability cases need it, whatever it is made of. */

export type Kind = "unary" | "client-streaming" | "server-streaming" | "bidirectional";

export interface Ask {
  readonly path: string;
  readonly kind: Kind;
  readonly requests: AsyncIterable<Uint8Array>;
  readonly metadata?: Readonly<Record<string, string | Uint8Array>>;
  readonly timeoutMs?: number;
  readonly gzip?: boolean;
  readonly signal?: AbortSignal;
  readonly onMessage?: (message: Uint8Array) => void;
}

export interface Outcome {
  readonly code: number;
  readonly text: string;
  readonly messages: readonly Uint8Array[];
  /** The first value of each name. */
  readonly headers: ReadonlyMap<string, string | Uint8Array>;
  readonly trailers: ReadonlyMap<string, string | Uint8Array>;
}

export interface Caller {
  call(ask: Ask): Promise<Outcome>;
  /** Bytes that have come from the server; undefined if that is not known. */
  readonly receivedBytes: number | undefined;
  close(): Promise<void>;
}
