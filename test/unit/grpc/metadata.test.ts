/** All that travels beside the messages: metadata, timeouts, and how a call has ended. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  errorOfReset,
  failureOf,
  headFailure,
  isGrpc,
  statusOfHttp,
  statusOfReset,
} from "../../../src/grpc/metadata/answer-status.js";
import { base64, binaryFlaw, Metadata } from "../../../src/grpc/metadata/metadata.js";
import { percentDecode, percentEncode } from "../../../src/grpc/metadata/percent.js";
import { formatTimeout, parseTimeout } from "../../../src/grpc/metadata/timeout.js";
import { STATUS } from "../../../src/grpc/status.js";
import { statusName } from "../../../src/grpc/status-name.js";
import { errorName } from "../../../src/http2/error.js";
import { headerField } from "../../../src/http2/hpack/header-field.js";
import { HeaderList, type HeaderPair, headerList } from "../../../src/http2/hpack/header-list.js";

const sentAs = (metadata: Metadata): HeaderList => new HeaderList(metadata.fields(), 0, false);

describe("metadata", () => {
  test("comes as it was sent: text, bytes, several values of a name, in order", () => {
    const metadata = new Metadata()
      .add("a", "one")
      .add("Data-Bin", Buffer.from([0, 255, 1]))
      .add("a", "two, three");
    const came = Metadata.from(sentAs(metadata));
    expect([...came.entries()]).toEqual([
      ["a", "one"],
      ["data-bin", Buffer.from([0, 255, 1])],
      ["a", "two, three"],
    ]);
    expect([came.get("a"), came.get("b"), came.getBytes("data-bin")]).toEqual([
      "one",
      undefined,
      Buffer.from([0, 255, 1]),
    ]);
    expect(came.set("a", "four").getAll("a")).toEqual(["four"]);
  });

  test("takes any bytes through base64, with padding, without, and joined by commas", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), (one, two) => {
        const padded = Buffer.from(one).toString("base64");
        const came = Metadata.from(headerList([["x-bin", `${padded},${base64(two)}`]]));
        expect(came.getAll("x-bin")).toEqual([Buffer.from(one), Buffer.from(two)]);
      }),
    );
  });

  test("leaves out what belongs to gRPC and HTTP/2, and binary values that are no base64", () => {
    const headers = headerList([
      [":path", "/a/b"],
      ["content-type", "application/grpc"],
      ["te", "trailers"],
      ["grpc-timeout", "1S"],
      ["bad-bin", "a"],
      ["worse-bin", "ab=c"],
      ["user-agent", "x"],
    ]);
    expect([...Metadata.from(headers).entries()]).toEqual([["user-agent", "x"]]);
    expect(binaryFlaw(headers)).toBe("bad-bin");
    expect(binaryFlaw(headerList([["ok-bin", "ab, cd=="]]))).toBe("");
  });

  test.each<[string, string | Uint8Array, string]>([
    ["a b", "x", "other characters"],
    ["", "x", "other characters"],
    [":path", "x", "other characters"],
    ["grpc-status", "0", "gRPC's own"],
    ["Content-Type", "x", "gRPC's own"],
    ["keep-alive", "x", "gRPC's own"],
    ["a-bin", "x", "have bytes"],
    ["a", Buffer.of(1), "have bytes"],
    ["a", "é", "printable ASCII"],
    ["a", " x", "printable ASCII"],
    ["a", "x\n", "printable ASCII"],
  ])("refuses %j with %j", (name, value, why) => {
    expect(() => new Metadata().add(name, value)).toThrow(why);
  });
});

describe("a timeout", () => {
  test.each([
    ["1H", 3_600_000],
    ["2M", 120_000],
    ["3S", 3_000],
    ["4m", 4],
    ["5u", 0.005],
    ["6n", 0.000006],
    ["0S", 0],
    ["99999999m", 99_999_999],
  ])("of %s is %d ms", (text, ms) => {
    expect(parseTimeout(text)).toBeCloseTo(ms, 9);
  });

  test.each(["", "1", "S", "1s", "123456789m", "-1S", "1.5S", " 1S", "1S "])("is not %j", (text) => {
    expect(parseTimeout(text)).toBeUndefined();
  });

  test("is written so that it is as long, or a little longer", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e13, noNaN: true }), (ms) => {
        const read = parseTimeout(formatTimeout(ms)) ?? expect.unreachable("a timeout that cannot be read");
        expect(read).toBeGreaterThanOrEqual(ms * (1 - 1e-9));
        expect(read).toBeLessThanOrEqual(Math.max(0.001, ms + 1, ms * 1.04) * (1 + 1e-9));
      }),
    );
    expect(formatTimeout(1e30)).toBe("99999999H");
  });
});

describe("the text of a status", () => {
  test("goes through, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), (text) => {
        const encoded = percentEncode(text);
        headerField("grpc-message", encoded);
        expect(encoded).toMatch(/^[\x20-\x7e]*$/);
        expect(percentDecode(encoded)).toBe(text);
      }),
    );
  });

  test("is left readable, with what is no escape as it is", () => {
    expect(percentEncode("50% of ü ")).toBe("50%25 of %C3%BC%20");
    expect(percentDecode("50% of %zz %C3%BC %ff")).toBe("50% of %zz ü \ufffd");
  });

  test("is cut at 2,048 bytes, and never inside a character", () => {
    const encoded = percentEncode("ü".repeat(10_000));
    expect(encoded.length).toBeLessThanOrEqual(2_048);
    expect(percentDecode(encoded)).toMatch(/^ü+$/);
    expect(percentEncode("a".repeat(10_000))).toHaveLength(2_048);
  });
});

describe("the end of a call", () => {
  const failure = (...pairs: HeaderPair[]) => failureOf(headerList(pairs));

  test("is OK for grpc-status 0 alone", () => {
    expect(failure(["grpc-status", "0"])).toBeNull();
  });

  test("has code, text, details and further trailers", () => {
    expect(
      failure(
        ["grpc-status", "5"],
        ["grpc-message", "no%20such"],
        ["grpc-status-details-bin", base64(Buffer.from("why"))],
        ["x", "y"],
      ),
    ).toMatchObject({ code: STATUS.notFound, message: "no such", details: Buffer.from("why"), outcome: "answered" });
  });

  test.each<[string, readonly HeaderPair[]]>([
    ["without a status", []],
    ["with an empty one", [["grpc-status", ""]]],
    ["with one that is no number", [["grpc-status", "ok"]]],
    ["with one that is not a whole number", [["grpc-status", "0.0"]]],
  ])("is UNKNOWN %s, and what has happened is not known", (_name, pairs) => {
    expect(failureOf(headerList(pairs))).toMatchObject({ code: STATUS.unknown, outcome: "unknown" });
  });

  test("of a status that gRPC does not know keeps its number", () => {
    expect(failure(["grpc-status", "99"])).toMatchObject({ code: 99 });
    expect([statusName(99), statusName(16)]).toEqual(["99", "UNAUTHENTICATED"]);
  });

  test("follows from the HTTP status where there is no other", () => {
    const names = [400, 401, 403, 404, 429, 502, 503, 504, 200, 500].map((status) => statusName(statusOfHttp(status)));
    expect(names.join(" ")).toBe(
      "INTERNAL UNAUTHENTICATED PERMISSION_DENIED UNIMPLEMENTED UNAVAILABLE UNAVAILABLE UNAVAILABLE UNAVAILABLE UNKNOWN UNKNOWN",
    );
    expect(headFailure(headerList([[":status", "503"]]))).toMatchObject({ code: STATUS.unavailable });
    const html = headerList([
      [":status", "200"],
      ["content-type", "text/html"],
    ]);
    expect(headFailure(html)).toMatchObject({ code: STATUS.unknown });
    const told = headerList([
      [":status", "503"],
      ["grpc-status", "8"],
    ]);
    expect(headFailure(told)).toBeUndefined();
  });

  test("follows from the code of a reset", () => {
    const named = Array.from({ length: 14 }, (_, code) => `${errorName(code)} ${statusName(statusOfReset(code))}`);
    const outcomes = [7, 8].map((code) => errorOfReset(code, false).outcome);
    expect([...outcomes, errorOfReset(8, true).outcome]).toEqual(["unprocessed", "unknown", "unprocessed"]);
    expect(named).toMatchInlineSnapshot(`
      [
        "NO_ERROR INTERNAL",
        "PROTOCOL_ERROR INTERNAL",
        "INTERNAL_ERROR INTERNAL",
        "FLOW_CONTROL_ERROR INTERNAL",
        "SETTINGS_TIMEOUT INTERNAL",
        "STREAM_CLOSED UNKNOWN",
        "FRAME_SIZE_ERROR INTERNAL",
        "REFUSED_STREAM UNAVAILABLE",
        "CANCEL CANCELLED",
        "COMPRESSION_ERROR INTERNAL",
        "CONNECT_ERROR INTERNAL",
        "ENHANCE_YOUR_CALM RESOURCE_EXHAUSTED",
        "INADEQUATE_SECURITY PERMISSION_DENIED",
        "HTTP_1_1_REQUIRED UNKNOWN",
      ]
    `);
  });

  test("comes in application/grpc, with a format or parameters, and in nothing else", () => {
    const types = ["application/grpc", "application/grpc+proto", "application/grpc;a=b", "Application/GRPC"];
    expect(types.map(isGrpc)).toEqual([true, true, true, true]);
    expect(["application/grpc-web", "application/json", "", undefined].map(isGrpc)).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });
});
