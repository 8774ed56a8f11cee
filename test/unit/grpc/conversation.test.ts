/** A conversation from the client's side: many messages in a turn, waits, ends, and listeners that throw. */
import { afterEach, expect, test } from "vitest";
import type { ClientConversation, ClientConversationHandler } from "../../../src/grpc/client/client-conversation.js";
import type { Method } from "../../../src/grpc/client/method.js";
import { frameMessage } from "../../../src/grpc/message/message-frame.js";
import type { Route } from "../../../src/grpc/server/route.js";
import { GrpcError, STATUS } from "../../../src/grpc/status.js";
import { ERROR_CODE } from "../../../src/http2/error.js";
import { type InProcess, type InProcessOptions, inProcess } from "./support/in-process.js";

const PATH = "/test.Echo/Talk";
type Bytes = Uint8Array;

function frame(messages: readonly Bytes[], write: (framed: Bytes) => boolean): number {
  let written = 0;
  for (const message of messages) {
    written++;
    if (!write(frameMessage(message, false))) break;
  }
  return written;
}

const METHOD: Method<"bidirectional", never, Bytes> = {
  path: PATH,
  kind: "bidirectional",
  encode: () => expect.unreachable("it is framed already"),
  decode: (bytes) => Buffer.from(bytes),
};

/** Sends messages until it is full; how many. */
const send = (conversation: ClientConversation<Bytes>, messages: readonly Bytes[]): number =>
  frame(messages, (framed) => conversation.write(framed));

/** Answers each message with itself; "end" ends the call, "fail" fails it, "stop" stops reading. */
const ECHO: Route = {
  path: PATH,
  kind: "conversation",
  decode: (bytes) => Buffer.from(bytes),
  frame: (responses, write) => frame(responses as Bytes[], write),
  handle: (conversation) => {
    conversation.call.responseHeaders.set("spoken", "here");
    conversation.call.sendHeaders();
    let owed: Bytes[] = [];
    const send = (): void => {
      owed = owed.slice(conversation.send(owed));
    };
    return {
      message: (request) => {
        const said = String(request);
        if (said === "end") return conversation.end();
        if (said === "fail") return conversation.end(new GrpcError(STATUS.notFound, "as was asked"));
        if (said === "stop") return conversation.pause();
        owed.push(request as Bytes);
        send();
      },
      ended: () => conversation.end(),
      drained: send,
      closed: () => {},
    };
  },
};

class Heard implements ClientConversationHandler<Bytes> {
  readonly messages: string[] = [];
  headers: string | undefined;
  drains = 0;
  onMessage: (message: Bytes) => void = () => {};
  readonly over: Promise<GrpcError | null>;
  private settle: (failure: GrpcError | null) => void = () => {};

  constructor() {
    this.over = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  began(headers: { get(name: string): string | undefined }): void {
    this.headers = headers.get("spoken");
  }
  message(message: Bytes): void {
    this.messages.push(String(message));
    this.onMessage(message);
  }
  drained(): void {
    this.drains++;
  }
  closed(failure: GrpcError | null): void {
    this.settle(failure);
  }
}

const rigs: InProcess[] = [];
function rigOf(options?: InProcessOptions): InProcess {
  const rig = inProcess([ECHO], options);
  rigs.push(rig);
  return rig;
}

afterEach(async () => {
  for (const rig of rigs.splice(0)) {
    for (const connection of rig.connections) connection.close(ERROR_CODE.noError, "the test is over");
    await rig.client.close(1);
  }
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
async function until(isThere: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000 && !isThere(); i++) await turn();
  expect(isThere()).toBe(true);
}

test("is full until it is begun, then carries thousands of messages of one turn in order", async () => {
  const heard = new Heard();
  const conversation = rigOf().client.converse(METHOD, heard);
  expect(conversation.isOpen).toBe(false);
  expect(conversation.write(frameMessage(Buffer.from("too soon"), false))).toBe(false);
  await until(() => heard.drains > 0);
  const all = Array.from({ length: 5_000 }, (_, i) => Buffer.from(`message ${i}`));
  let sent = send(conversation, all);
  while (sent < all.length) {
    const { drains } = heard;
    await until(() => heard.drains > drains);
    sent += send(conversation, all.slice(sent));
  }
  conversation.end();
  expect(await heard.over).toBeNull();
  expect(heard.headers).toBe("here");
  expect(heard.messages).toEqual(all.map(String));
});

test("sends no more than the server takes, and says when it takes more", async () => {
  const heard = new Heard();
  const rig = rigOf({ serverLimits: { initialWindowSize: 65_535 } });
  const conversation = rig.client.converse(METHOD, heard);
  await until(() => conversation.isOpen);
  const large = frameMessage(Buffer.alloc(16_000, "x"), false);
  send(conversation, [Buffer.from("stop")]);
  let sent = 0;
  while (sent < 100 && conversation.write(large)) {
    sent++;
    await turn();
  }
  expect(sent).toBeLessThan(20);
  expect(conversation.unsentBytes).toBeGreaterThan(0);
  const { drains } = heard;
  await turn();
  expect(heard.drains).toBe(drains);
  conversation.cut();
  expect(await heard.over).toMatchObject({ code: STATUS.cancelled, outcome: "unknown" });
  expect(conversation.write(large)).toBe(true);
});

test("ends with the server's status, once, and nothing is told afterwards", async () => {
  const heard = new Heard();
  const conversation = rigOf().client.converse(METHOD, heard);
  await until(() => conversation.isOpen);
  send(conversation, [Buffer.from("a"), Buffer.from("fail"), Buffer.from("b")]);
  expect(await heard.over).toMatchObject({ code: STATUS.notFound, message: "as was asked", outcome: "answered" });
  await turn();
  expect(heard.messages).toEqual(["a"]);
});

test("a server that ends it with OK, and a connection that is lost, are told apart", async () => {
  const ended = new Heard();
  const lost = new Heard();
  const rig = rigOf();
  const one = rig.client.converse(METHOD, ended);
  const two = rig.client.converse(METHOD, lost);
  await until(() => one.isOpen && two.isOpen);
  send(one, [Buffer.from("end")]);
  expect(await ended.over).toBeNull();
  for (const connection of rig.clientConnections) connection.lost("cut");
  expect(await lost.over).toMatchObject({ code: STATUS.unavailable, outcome: "unknown" });
});

test("without a connection it ends, and the server surely knows nothing of it", async () => {
  const heard = new Heard();
  const rig = rigOf();
  rig.unreachable = true;
  rig.client.converse(METHOD, heard);
  expect(await heard.over).toMatchObject({ code: STATUS.unavailable, outcome: "unprocessed" });
});

test("a listener that throws ends its own call, and no other of the connection", async () => {
  const bad = new Heard();
  const good = new Heard();
  const rig = rigOf();
  bad.onMessage = () => {
    throw new Error("a mistake");
  };
  const one = rig.client.converse(METHOD, bad);
  const two = rig.client.converse(METHOD, good);
  await until(() => one.isOpen && two.isOpen);
  send(one, [Buffer.from("x")]);
  expect(await bad.over).toMatchObject({ code: STATUS.cancelled, outcome: "unknown", cause: new Error("a mistake") });
  send(two, [Buffer.from("y")]);
  await until(() => good.messages.length === 1);
  two.cut();
  await good.over;
});
