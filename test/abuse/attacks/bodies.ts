/**
 * Bodies: frames and messages that are too long, answers that nobody takes, and gzip that becomes a thousand times as
 * long.
 */
import { gzipSync } from "node:zlib";
import { ERROR_CODE } from "../../../src/http2/error.js";
import * as raw from "../../unit/http2/support/raw.js";
import type { Attack } from "../attack.js";
import { many, Offender } from "../offender.js";
import { BIG, ECHO, HOLD, head, streamId, total } from "../requests.js";

const MIB = 1_048_576;
const FRAME_BYTES = 16_384;

/** A message behind its prefix, in frames; the length may be said wrongly. */
function message(stream: number, bytes: Buffer, compressed: boolean, said = bytes.length): Buffer {
  const prefix = Buffer.of(compressed ? 1 : 0, 0, 0, 0, 0);
  prefix.writeUInt32BE(said, 1);
  const all = Buffer.concat([prefix, bytes]);
  const frames: Buffer[] = [];
  for (let at = 0; at < all.length; at += FRAME_BYTES) {
    const isLast = at + FRAME_BYTES >= all.length;
    frames.push(
      raw.frame(raw.TYPE.data, isLast && said === bytes.length ? 1 : 0, stream, all.subarray(at, at + FRAME_BYTES)),
    );
  }
  return Buffer.concat(frames);
}

/** Windows as large as can be, of streams and of the connection: only the socket holds the server back. */
const WIDE = Buffer.concat([raw.settings([4, 0x7fff_ffff]), raw.windowUpdate(0, 0x7fff_0000)]);
const call = (i: number): Buffer =>
  Buffer.concat([head(streamId(i), BIG), raw.frame(raw.TYPE.data, 1, streamId(i), Buffer.alloc(5))]);

const gzipBombs = (name: string, what: string, statuses: readonly string[], bomb: () => Buffer): Attack => ({
  name,
  what,
  ending: { kind: "answered", statuses },
  run: async (ports, tally) => {
    const bytes = bomb();
    await many(4, async () => {
      const offender = await Offender.dial(ports, tally);
      await offender.send(WIDE);
      await offender.flood(50, (i) =>
        Buffer.concat([head(streamId(i), ECHO, ["grpc-encoding", "gzip"]), message(streamId(i), bytes, true)]),
      );
      await offender.until(() => total(tally.statuses) >= 200);
      offender.leave();
    });
  },
});

/** A call with an empty message, whole. */
const whole = (i: number): Buffer =>
  Buffer.concat([head(streamId(i), ECHO), raw.frame(raw.TYPE.data, 1, streamId(i), Buffer.alloc(5))]);

/** The last four bytes of a gzip say its length: here another one. */
function lying(bytes: Buffer, said: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt32LE(said, copy.length - 4);
  return copy;
}

export const BODIES: readonly Attack[] = [
  {
    name: "calls",
    what: "calls without end on one connection: 15 for each of the scale",
    ending: { kind: "answered", statuses: ["0"] },
    run: async (ports, tally, scale) => {
      const before = total(tally.statuses);
      const offender = await Offender.dial(ports, tally);
      await offender.send(WIDE);
      let sent = 0;
      while (sent < scale * 15 && !offender.closed) {
        const from = sent;
        await offender.flood(500, (i) => whole(from + i));
        sent += 500;
        // No more than a server takes at once.
        await offender.until(() => total(tally.statuses) - before >= sent);
      }
      offender.leave();
    },
  },
  {
    name: "frame-size",
    what: "a frame of 16 MiB",
    ending: { kind: "goaway", code: ERROR_CODE.frameSizeError },
    run: async (ports, tally) => {
      const offender = await Offender.dial(ports, tally);
      await offender.send(Buffer.concat([head(1, ECHO), Buffer.from("ffffff000000000001", "hex")]));
      await offender.flood(1_000, () => Buffer.alloc(65_536));
      await offender.ended();
    },
  },
  {
    name: "beyond-window",
    what: "more data than the windows allow",
    ending: { kind: "answered", resets: [ERROR_CODE.flowControlError] },
    run: async (ports, tally) => {
      const offender = await Offender.dial(ports, tally);
      // Nobody takes the messages of a request of one before it is whole, beyond one window.
      await offender.send(head(1, HOLD));
      await offender.flood(40, () => raw.frame(raw.TYPE.data, 0, 1, Buffer.alloc(FRAME_BYTES)));
      await offender.until(() => total(tally.resets) > 0);
      offender.leave();
    },
  },
  {
    name: "unread-answers",
    what: "2,000 calls for answers of 1 MB on four connections that read nothing",
    ending: { kind: "closed" },
    maxGrowthMiB: 160,
    run: (ports, tally) =>
      many(4, async () => {
        const offender = await Offender.dial(ports, tally);
        offender.socket.pause();
        await offender.send(WIDE);
        await offender.flood(500, call);
        // Only one that writes hears that the other end has gone.
        while (!offender.closed && !offender.socket.destroyed) {
          await offender.send(raw.windowUpdate(1, 1));
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        await offender.ended();
      }),
  },
  {
    name: "no-window",
    what: "2,000 calls for answers of 1 MB on four connections whose windows stay closed",
    ending: { kind: "answered", resets: [ERROR_CODE.refusedStream] },
    maxGrowthMiB: 160,
    run: (ports, tally) =>
      many(4, async () => {
        const offender = await Offender.dial(ports, tally);
        await offender.send(raw.settings([4, 0]));
        await offender.flood(500, call);
        await offender.until(() => total(tally.resets) > 0);
        await new Promise((resolve) => setTimeout(resolve, 200));
        offender.leave();
      }),
  },
  {
    name: "half-messages",
    what: "800 calls of 8 connections, each with half of a message of 4 MiB, as far as it is taken",
    ending: { kind: "answered", statuses: ["8"] },
    maxGrowthMiB: 160,
    run: (ports, tally) =>
      many(8, async () => {
        const offender = await Offender.dial(ports, tally);
        const half = Buffer.alloc(60_000);
        await offender.flood(100, (i) =>
          Buffer.concat([head(streamId(i), ECHO), message(streamId(i), half, false, 4 * MIB - 100)]),
        );
        // 60 KB each are kept. With as many again and again the budget of the connection is used up, and the call that
        // goes beyond ends.
        for (let round = 0; round < 60 && total(tally.statuses) === 0 && !offender.closed; round++) {
          await offender.flood(4, (i) => raw.frame(raw.TYPE.data, 0, streamId(i), Buffer.alloc(FRAME_BYTES)));
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        offender.leave();
      }),
  },
  {
    name: "long-message",
    what: "messages that say to be 4 GiB",
    ending: { kind: "answered", statuses: ["8"] },
    run: async (ports, tally) => {
      const offender = await Offender.dial(ports, tally);
      await offender.flood(500, (i) =>
        Buffer.concat([
          head(streamId(i), ECHO),
          raw.frame(raw.TYPE.data, 0, streamId(i), Buffer.from("00ffffffff00", "hex")),
        ]),
      );
      await offender.until(() => total(tally.statuses) >= 500);
      offender.leave();
    },
  },
  gzipBombs("gzip-bomb", "200 gzips of 256 KiB that become 256 MiB", ["8"], () => gzipSync(Buffer.alloc(256 * MIB))),
  gzipBombs("gzip-lies", "200 gzips that become 64 MiB and say 4 MiB", ["8", "13"], () =>
    lying(gzipSync(Buffer.alloc(64 * MIB)), 4 * MIB - 1),
  ),
  {
    ...gzipBombs("gzip-allowed", "200 gzips that become 4 MiB, which is allowed", ["0", "8"], () =>
      gzipSync(Buffer.alloc(4 * MIB - 1)),
    ),
    maxGrowthMiB: 256,
  },
];
