/** A connection whose events are written down, for tests. */
import { Connection, type ConnectionOptions } from "../../../../src/http2/connection/connection.js";
import type { Closing } from "../../../../src/http2/connection/events.js";
import type { LimitName } from "../../../../src/http2/connection/limits.js";
import type { Stream, StreamListener } from "../../../../src/http2/connection/stream.js";
import type { HeaderList } from "../../../../src/http2/hpack/header-list.js";
import { describeFrames, HELLO, settings } from "./raw.js";

export interface Recorded {
  readonly connection: Connection;
  /** The events so far, in words. */
  readonly events: string[];
  /** The limits that have taken effect. */
  readonly limited: LimitName[];
  /** By id. */
  readonly streams: Map<number, Stream>;
  readonly listener: StreamListener;
  closing: Closing | undefined;
  wakes: number;
  /** Gives bytes at the time `now`, and says in words what comes out. */
  feed(...bytes: readonly Buffer[]): string[];
  /** The bytes that wait to be sent, in words. */
  sent(): string[];
  now: number;
}

export interface RecorderOptions extends Omit<ConnectionOptions, "listener" | "role"> {
  readonly role?: "client" | "server";
  /** Instead of leaving a request unanswered. */
  readonly onRequest?: (stream: Stream, headers: HeaderList, recorded: Recorded) => void;
  /** Instead of consuming what comes at once. */
  readonly onData?: (stream: Stream, bytes: number, recorded: Recorded) => void;
  readonly onEnd?: (stream: Stream, recorded: Recorded) => void;
}

export function recorder(options: RecorderOptions = {}): Recorded {
  const { onRequest, onData, onEnd, role = "server", ...rest } = options;
  const events: string[] = [];
  const limited: LimitName[] = [];
  const streams = new Map<number, Stream>();
  const listener: StreamListener = {
    headers: (stream, headers) => {
      events.push(`headers ${stream.id} ${headers.status}`);
    },
    data: (stream, bytes, start, end) => {
      events.push(`data ${stream.id} ${bytes.toString("latin1", start, Math.min(end, start + 20))}`);
      if (onData === undefined) connection.consume(stream, end - start);
      else onData(stream, end - start, recorded);
    },
    end: (stream, trailers) => {
      events.push(`end ${stream.id}${trailers === undefined ? "" : ` ${trailers.fields.map(({ name }) => name)}`}`);
      onEnd?.(stream, recorded);
    },
    drained: (stream) => {
      events.push(`drained ${stream.id}`);
    },
    closed: (stream, end) => {
      const how =
        end.kind === "reset"
          ? `reset by ${end.by} ${end.code}${end.unprocessed ? " unprocessed" : ""}`
          : end.kind === "lost"
            ? `lost ${end.code}`
            : end.kind;
      events.push(`closed ${stream.id} ${how}`);
    },
  };
  const connection = new Connection(
    {
      ...rest,
      role,
      onLimit: (limit) => limited.push(limit),
      listener: {
        request: (stream, headers) => {
          events.push(`request ${stream.id} ${headers.path}${headers.truncated ? " truncated" : ""}`);
          streams.set(stream.id, stream);
          onRequest?.(stream, headers, recorded);
          return listener;
        },
        ready: () => {
          events.push("ready");
        },
        available: () => {},
        draining: (code) => {
          events.push(`draining ${code}`);
        },
        closed: (closing) => {
          recorded.closing = closing;
        },
        wake: () => {
          recorded.wakes++;
        },
      },
    },
    0,
  );
  const recorded: Recorded = {
    connection,
    events,
    limited,
    streams,
    listener,
    closing: undefined,
    wakes: 0,
    now: 0,
    feed: (...bytes) => {
      for (const chunk of bytes) connection.receive(chunk, recorded.now);
      return recorded.sent();
    },
    sent: () => {
      const lines: string[] = [];
      for (;;) {
        const chunks = connection.take();
        if (chunks.length === 0) return lines;
        lines.push(...describeFrames(Buffer.concat(chunks)));
        connection.flushed(0, recorded.now);
      }
    },
  };
  return recorded;
}

/** A server that has shaken hands with its client, and said so. */
export function server(options: RecorderOptions = {}): Recorded {
  const recorded = recorder({ ...options, role: "server" });
  recorded.feed(HELLO);
  recorded.events.length = 0;
  return recorded;
}

/** A client that has shaken hands with its server. */
export function client(options: RecorderOptions = {}, ...entries: readonly (readonly [number, number])[]): Recorded {
  const recorded = recorder({ ...options, role: "client" });
  recorded.feed(settings(...entries), Buffer.from("000000040100000000", "hex"));
  recorded.events.length = 0;
  return recorded;
}
