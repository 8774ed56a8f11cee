/**
 * Slow ones: connections that say little or nothing, and those that speak something else. `scale` is how many there are
 * at once.
 */
import { ERROR_CODE } from "../../../src/http2/error.js";
import { CLIENT_PREFACE } from "../../../src/http2/frame/wire.js";
import type { Attack } from "../attack.js";
import { many, Offender, type Ports, type Tally } from "../offender.js";

const protocol = { kind: "goaway", code: ERROR_CODE.protocolError } as const;

/** Sends a byte now and then, until the connection is over. */
async function drip(offender: Offender, bytes: Uint8Array, everyMs: number): Promise<void> {
  for (let i = 0; i < bytes.length && !offender.closed && !offender.socket.destroyed; i++) {
    await offender.send(bytes.subarray(i, i + 1));
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  await offender.ended();
}

/** To the port of TLS, without TLS on this side. */
const bare = ({ tls }: Ports): Ports => ({ plain: tls, tls });
const wrong = (name: string, what: string, bytes: string): Attack => ({
  name,
  what,
  ending: protocol,
  run: async (ports, tally) => {
    await many(50, async () => {
      const offender = await Offender.dial(ports, tally, bytes);
      await offender.flood(100, () => Buffer.alloc(16_384, 0x41));
      await offender.ended();
    });
  },
});

export const SLOW: readonly Attack[] = [
  {
    name: "half-open",
    what: "connections that say nothing",
    ending: protocol,
    maxGrowthMiB: 300,
    run: (ports, tally, scale) => eachSoon(scale, ports, tally, (offender) => offender.ended()),
  },
  {
    name: "slow-preface",
    what: "connections that send their preface a byte at a time",
    ending: protocol,
    maxGrowthMiB: 200,
    run: (ports, tally, scale) => eachSoon(scale / 4, ports, tally, (offender) => drip(offender, CLIENT_PREFACE, 500)),
  },
  {
    name: "slow-tls",
    what: "TLS handshakes that never end",
    ending: { kind: "closed" },
    maxGrowthMiB: 200,
    run: (ports, tally, scale) =>
      eachSoon(scale / 4, bare(ports), tally, (offender) => drip(offender, SLOW_HELLO, 500)),
  },
  {
    name: "no-settings",
    what: "TLS connections that say nothing behind their preface",
    ending: protocol,
    maxGrowthMiB: 200,
    run: (ports, tally, scale) =>
      many(Math.ceil(scale / 20), async () => {
        const offender = await Offender.dialTls(ports, tally, CLIENT_PREFACE);
        await offender.ended();
      }),
  },
  wrong("http1", "HTTP/1.1 at the plain port", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1638400\r\n\r\n"),
  wrong("tls-at-plain", "TLS at the plain port", "\x16\x03\x01\x02\x00\x01\x00"),
  {
    name: "plain-at-tls",
    what: "HTTP/2 without TLS at the port of TLS",
    ending: { kind: "closed" },
    run: async (ports, tally) => {
      await many(50, async () => {
        const offender = await Offender.dial(bare(ports), tally);
        await offender.flood(100, () => Buffer.alloc(16_384));
        await offender.ended();
      });
    },
  },
];

/** The beginning of a ClientHello of 8 KiB. */
const SLOW_HELLO = Buffer.concat([Buffer.from("160301200001001ffc0303", "hex"), Buffer.alloc(8_000, 1)]);

/** So many connections at once, not all in the same instant: a listener's queue is short. */
async function eachSoon(
  connections: number,
  ports: Ports,
  tally: Tally,
  one: (offender: Offender) => Promise<void>,
): Promise<void> {
  const running: Promise<void>[] = [];
  for (let i = 0; i < connections; i += 100) {
    const some = Array.from({ length: Math.min(100, connections - i) }, () => Offender.dial(ports, tally, ""));
    for (const offender of await Promise.all(some)) running.push(one(offender));
  }
  await Promise.all(running);
}
