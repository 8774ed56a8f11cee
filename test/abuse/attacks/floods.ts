/** Floods: frames that cost their sender little and get nothing done. */
import { ERROR_CODE } from "../../../src/http2/error.js";
import * as raw from "../../unit/http2/support/raw.js";
import type { Attack } from "../attack.js";
import { Offender } from "../offender.js";
import { ECHO, head, streamId } from "../requests.js";

/** More than any limit, and enough to be seen in the target's memory if it kept them. */
const MANY = 1_000_000;

const flood = (name: string, what: string, make: (i: number) => Buffer, first?: Buffer): Attack => ({
  name,
  what,
  ending: { kind: "goaway", code: ERROR_CODE.enhanceYourCalm },
  run: async (ports, tally) => {
    const offender = await Offender.dial(ports, tally);
    if (first !== undefined) await offender.send(first);
    await offender.flood(MANY, make);
    await offender.ended();
  },
});

const always = (bytes: Buffer) => (): Buffer => bytes;
/** A call whose message is still to come. */
const open = head(1, ECHO);

export const FLOODS: readonly Attack[] = [
  flood("rapid-reset", "requests that are reset at once", (i) =>
    Buffer.concat([head(streamId(i), ECHO), raw.reset(streamId(i), ERROR_CODE.cancel)]),
  ),
  flood("made-reset", "requests that make the server reset them", (i) =>
    Buffer.concat([head(streamId(i), ECHO), raw.windowUpdate(streamId(i), 0)]),
  ),
  flood("malformed", "requests without a path", (i) =>
    raw.frame(raw.TYPE.headers, 5, streamId(i), raw.block([":method", "POST"], [":scheme", "http"])),
  ),
  flood("streams", "requests that never end, 300,000 and more", (i) => head(streamId(i), ECHO)),
  flood("settings", "SETTINGS", always(raw.settings([4, 65_535]))),
  flood("settings-entries", "SETTINGS with 2,700 settings each", always(manySettings())),
  flood("ping", "PING", always(raw.ping("12345678"))),
  flood("ping-ack", "answers to no PING", always(raw.ping("12345678", true))),
  flood("empty-data", "DATA of no bytes", always(raw.frame(raw.TYPE.data, 0, 1)), open),
  flood("padding", "DATA of padding alone", always(raw.frame(raw.TYPE.data, 8, 1, Buffer.alloc(256, 255))), open),
  flood("window-update", "WINDOW_UPDATE of a byte", always(raw.windowUpdate(0, 1))),
  flood("stream-window-update", "WINDOW_UPDATE of a byte on a stream", always(raw.windowUpdate(1, 1)), open),
  flood("priority", "PRIORITY", always(raw.frame(raw.TYPE.priority, 0, 1, Buffer.from("0000000301", "hex")))),
  flood("unknown", "frames of a type that there is not", always(raw.frame(0xbe, 0, 0, Buffer.alloc(16)))),
  flood("goaway", "GOAWAY", always(raw.goAway(0, 0)), open),
];

function manySettings(): Buffer {
  return raw.settings(...Array.from({ length: 2_700 }, () => [4, 65_535] as const));
}
