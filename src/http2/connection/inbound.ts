/**
 * The meaning of each frame of the peer.
 *
 * Intuition: a frame is checked against the state of its stream and of the connection. It is charged to the guard if it
 * does nothing for a call, and becomes an event. Errors of the connection are thrown; errors of one stream reset that
 * stream.
 *
 * Source: RFC 9113 §5 and §6, §8.1.
 */

import { ConnectionError, ERROR_CODE } from "../error.js";
import { byteAt, type FrameSink, int31At, uint32At } from "../frame/frame-input.js";
import { FLAG, FRAME } from "../frame/wire.js";
import type { HeaderList } from "../hpack/header-list.js";
import { HeaderBlock } from "./header-block.js";
import type { Parts } from "./parts.js";
import { ENDED, type Stream, type StreamEnd } from "./stream.js";

/** The effects of frames at the connection. */
export interface InboundHost {
  /** Server: a request has come and is taken. */
  opened(id: number, headers: HeaderList): Stream;
  /** The first SETTINGS have come. */
  ready(): void;
  /** The peer may have changed how many streams may be open. */
  settingsChanged(): void;
  pingAcknowledged(bytes: Buffer, at: number): void;
  peerGoesAway(lastStreamId: number, code: number, debug: string): void;
  /** Server: whether a new stream may be begun; else the code to refuse it with, or -1 to ignore it. */
  admits(id: number): number;
  closeStream(stream: Stream, end: StreamEnd): void;
  resetStream(stream: Stream, code: number): void;
}

const ADMITTED = 0;
const IGNORED = -1;
/** DATA shorter than that on a stream that is gone counts as a control frame. */
const SMALL_DATA_BYTES = 256;
const MAX_DEBUG_BYTES = 256;

export class Inbound implements FrameSink {
  readonly #parts: Parts;
  readonly #host: InboundHost;
  readonly #block: HeaderBlock;

  constructor(parts: Parts, host: InboundHost) {
    this.#parts = parts;
    this.#host = host;
    this.#block = new HeaderBlock(parts.limits);
  }

  frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (!this.#parts.peer.came && (type !== FRAME.settings || (flags & FLAG.ack) !== 0)) {
      throw protocol("the first frame is not SETTINGS");
    }
    if (this.#block.streamId !== 0 && (type !== FRAME.continuation || id !== this.#block.streamId)) {
      throw protocol("a header block interrupted");
    }
    switch (type) {
      case FRAME.data:
        this.#data(flags, id, bytes, start, end);
        break;
      case FRAME.headers:
        this.#headers(flags, id, bytes, start, end);
        break;
      case FRAME.priority:
        this.#priority(id, bytes, start, end);
        break;
      case FRAME.rstStream:
        this.#rstStream(id, bytes, start, end);
        break;
      case FRAME.settings:
        this.#settings(flags, id, bytes, start, end);
        break;
      case FRAME.pushPromise:
        throw protocol("a push, which was not allowed");
      case FRAME.ping:
        this.#ping(flags, id, bytes, start, end);
        break;
      case FRAME.goAway:
        this.#goAway(id, bytes, start, end);
        break;
      case FRAME.windowUpdate:
        this.#windowUpdate(id, bytes, start, end);
        break;
      case FRAME.continuation:
        if (this.#block.streamId === 0) throw protocol("CONTINUATION of nothing");
        if (this.#block.continue(flags, bytes, start, end)) this.#blockIsWhole();
        break;
      default:
        this.#control(); // Frames of types that are not known are to be ignored.
    }
  }

  #data(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const { inflow, streams } = this.#parts;
    if (id === 0) throw protocol("DATA on stream 0");
    const length = end - start;
    let from = start;
    let to = end;
    if ((flags & FLAG.padded) !== 0) {
      const padding = byteAt(bytes, start);
      if (padding >= length) throw protocol("more padding than frame");
      from++;
      to -= padding;
    }
    const stream = streams.find(id);
    if (stream === undefined && streams.isIdle(id)) throw protocol("DATA on an idle stream");
    inflow.arrived(length);
    if (stream === undefined) {
      inflow.credit(length);
      if (length < SMALL_DATA_BYTES) this.#control();
      if (!streams.wasReset(id)) this.#refuse(id, ERROR_CODE.streamClosed);
      return;
    }
    const body = to - from;
    stream.receivedBytes += body;
    const ends = (flags & FLAG.endStream) !== 0;
    const flaw = this.#dataFlaw(stream, length, ends);
    if (flaw !== 0) {
      inflow.credit(length);
      this.#violated(stream, flaw);
      return;
    }
    if (body === 0 && !ends) this.#control();
    if (length > body) inflow.creditStream(stream, length - body);
    stream.unconsumed += body;
    stream.remoteEnded = ends;
    if (body > 0) stream.listener.data(stream, bytes, from, to);
    if (ends && !stream.closed) this.#remoteEnded(stream, undefined);
  }

  /** The code of what is wrong with DATA on that stream; 0 if nothing is. */
  #dataFlaw(stream: Stream, length: number, ends: boolean): number {
    if (stream.remoteEnded) return ERROR_CODE.streamClosed;
    if (!this.#parts.inflow.arrivedOn(stream, length)) return ERROR_CODE.flowControlError;
    if (this.#parts.role === "client" && !stream.responded) return ERROR_CODE.protocolError;
    if (stream.expectedBytes < 0) return 0;
    const fits = ends ? stream.receivedBytes === stream.expectedBytes : stream.receivedBytes <= stream.expectedBytes;
    return fits ? 0 : ERROR_CODE.protocolError;
  }

  #headers(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw protocol("HEADERS on stream 0");
    let from = start;
    let to = end;
    if ((flags & FLAG.padded) !== 0) {
      if (start === end) throw protocol("more padding than frame");
      to -= byteAt(bytes, from++);
    }
    let dependsOnItself = false;
    if ((flags & FLAG.priority) !== 0) {
      if (to - from < 5) throw new ConnectionError(ERROR_CODE.frameSizeError, "HEADERS too short for a priority");
      dependsOnItself = int31At(bytes, from) === id;
      from += 5;
    }
    if (from > to) throw protocol("more padding than frame");
    if (to - from > this.#parts.limits.maxHeaderBlockBytes) {
      throw new ConnectionError(ERROR_CODE.enhanceYourCalm, "a header block too long", "maxHeaderBlockBytes");
    }
    const endStream = (flags & FLAG.endStream) !== 0;
    if ((flags & FLAG.endHeaders) !== 0) this.#decoded(id, endStream, dependsOnItself, bytes, from, to);
    else this.#block.begin(id, endStream, dependsOnItself, bytes, from, to);
  }

  #blockIsWhole(): void {
    const { streamId, endStream, dependsOnItself } = this.#block;
    const whole = this.#block.take();
    this.#decoded(streamId, endStream, dependsOnItself, whole, 0, whole.length);
  }

  /**
   * A header block is there as a whole. It is decoded whatever becomes of its stream: the tables have to stay in step.
   */
  #decoded(id: number, endStream: boolean, dependsOnItself: boolean, block: Buffer, start: number, end: number): void {
    const { decoder, role, streams } = this.#parts;
    const headers = decoder.decode(block, start, end);
    if (headers.truncated) this.#parts.limited("maxHeaderListSize");
    const stream = streams.find(id);
    if (stream === undefined) {
      if (role === "server" && streams.isRemote(id) && streams.isIdle(id)) {
        this.#request(id, endStream, dependsOnItself, headers);
      } else this.#headersOfNothing(id);
    } else if (stream.remoteEnded) this.#violated(stream, ERROR_CODE.streamClosed);
    else if (dependsOnItself) this.#violated(stream, ERROR_CODE.protocolError);
    else if (role === "client" && !stream.responded) this.#response(stream, endStream, headers);
    else this.#trailers(stream, endStream, headers);
  }

  #headersOfNothing(id: number): void {
    const { role, streams } = this.#parts;
    if (!streams.isRemote(id) && streams.isIdle(id)) throw protocol("HEADERS on an idle stream");
    if (streams.isRemote(id) !== (role === "server")) throw protocol("HEADERS on a stream of the wrong number");
    this.#control();
    if (streams.wasReset(id)) return;
    throw new ConnectionError(ERROR_CODE.streamClosed, "HEADERS on a stream that is closed");
  }

  #request(id: number, endStream: boolean, dependsOnItself: boolean, headers: HeaderList): void {
    const { clock, guard, streams } = this.#parts;
    streams.highestRemote = id;
    const code = this.#host.admits(id);
    if (code !== ADMITTED) {
      this.#control();
      if (code === IGNORED) streams.rememberReset(id);
      else this.#refuse(id, code);
      return;
    }
    const expected = headers.contentLength;
    if (dependsOnItself || headers.requestFlaw() !== "" || (endStream && expected > 0)) {
      guard.reset(clock.now);
      this.#refuse(id, ERROR_CODE.protocolError);
      return;
    }
    const stream = this.#host.opened(id, headers);
    if (stream.closed) return;
    stream.expectedBytes = expected;
    if (!endStream) return;
    stream.remoteEnded = true;
    this.#remoteEnded(stream, undefined);
  }

  #response(stream: Stream, endStream: boolean, headers: HeaderList): void {
    const { status } = headers;
    const interim = status > 0 && status < 200;
    if (headers.responseFlaw() !== "" || (interim && endStream) || status === 101) {
      this.#violated(stream, ERROR_CODE.protocolError);
      return;
    }
    if (interim) this.#control();
    else {
      stream.responded = true;
      if (!stream.isHead && status !== 204 && status !== 304) stream.expectedBytes = headers.contentLength;
      if (endStream && stream.expectedBytes > 0) {
        this.#violated(stream, ERROR_CODE.protocolError);
        return;
      }
    }
    stream.remoteEnded = endStream;
    stream.listener.headers(stream, headers);
    if (endStream && !stream.closed) this.#remoteEnded(stream, undefined);
  }

  #trailers(stream: Stream, endStream: boolean, headers: HeaderList): void {
    const missing = stream.expectedBytes >= 0 && stream.expectedBytes !== stream.receivedBytes;
    if (!endStream || missing || headers.trailersFlaw() !== "") {
      this.#violated(stream, ERROR_CODE.protocolError);
      return;
    }
    stream.remoteEnded = true;
    this.#remoteEnded(stream, headers);
  }

  #remoteEnded(stream: Stream, trailers: HeaderList | undefined): void {
    stream.listener.end(stream, trailers);
    if (stream.localEnded && !stream.closed) this.#host.closeStream(stream, ENDED);
  }

  #priority(id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw protocol("PRIORITY on stream 0");
    this.#control();
    if (end - start !== 5) this.#streamFlaw(id, ERROR_CODE.frameSizeError, "PRIORITY of the wrong length");
    else if (int31At(bytes, start) === id) {
      this.#streamFlaw(id, ERROR_CODE.protocolError, "a stream that depends on itself");
    }
  }

  /** Something is wrong with a stream that may be idle or closed. */
  #streamFlaw(id: number, code: number, message: string): void {
    const { streams } = this.#parts;
    const stream = streams.find(id);
    if (stream !== undefined) this.#violated(stream, code);
    // RST_STREAM must not be sent on an idle stream.
    else if (streams.isIdle(id)) throw new ConnectionError(code, message);
    else if (!streams.wasReset(id)) this.#refuse(id, code);
  }

  #rstStream(id: number, bytes: Buffer, start: number, end: number): void {
    const { clock, guard, role, streams } = this.#parts;
    if (id === 0) throw protocol("RST_STREAM on stream 0");
    if (end - start !== 4) throw new ConnectionError(ERROR_CODE.frameSizeError, "RST_STREAM of the wrong length");
    if (streams.isIdle(id)) throw protocol("RST_STREAM on an idle stream");
    const stream = streams.find(id);
    if (stream === undefined) {
      this.#control();
      return;
    }
    if (role === "server") guard.reset(clock.now);
    const code = uint32At(bytes, start);
    // A server that has answered in full may tell its client to send no more of the request.
    if (stream.remoteEnded && code === ERROR_CODE.noError) this.#host.closeStream(stream, ENDED);
    else {
      const unprocessed = code === ERROR_CODE.refusedStream;
      this.#host.closeStream(stream, { kind: "reset", by: "peer", code, unprocessed });
    }
  }

  #settings(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const { decoder, encoder, lifetime, limits, outflow, output, peer, streams } = this.#parts;
    if (id !== 0) throw protocol("SETTINGS on a stream");
    const length = end - start;
    if ((flags & FLAG.ack) !== 0) {
      if (length !== 0) throw new ConnectionError(ERROR_CODE.frameSizeError, "an acknowledgement with settings");
      this.#control();
      lifetime.settingsAcknowledged();
      decoder.setLimit(limits.headerTableSize);
      return;
    }
    if (length % 6 !== 0) throw new ConnectionError(ERROR_CODE.frameSizeError, "SETTINGS of the wrong length");
    if (length > limits.maxSettingsEntries * 6) {
      throw new ConnectionError(ERROR_CODE.enhanceYourCalm, "too many settings in a frame", "maxSettingsEntries");
    }
    this.#control();
    const isFirst = !peer.came;
    peer.apply(bytes, start, end);
    encoder.setLimit(peer.headerTableSize);
    // Acknowledged before anything that rests on it is sent.
    output.settingsAck();
    if (peer.initialWindowSize !== outflow.streamWindow) {
      if (!outflow.setStreamWindow(peer.initialWindowSize, streams.values())) {
        throw new ConnectionError(ERROR_CODE.flowControlError, "a window larger than 2^31-1");
      }
      outflow.pump();
    }
    if (isFirst) {
      lifetime.settingsCame(this.#parts.clock.now);
      this.#host.ready();
    }
    this.#host.settingsChanged();
  }

  #ping(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const { clock, guard, output, streams } = this.#parts;
    if (id !== 0) throw protocol("PING on a stream");
    if (end - start !== 8) throw new ConnectionError(ERROR_CODE.frameSizeError, "PING of the wrong length");
    if ((flags & FLAG.ack) !== 0) {
      this.#control();
      this.#host.pingAcknowledged(bytes, start);
      return;
    }
    guard.ping(clock.now, streams.size);
    output.ping(true, bytes, start);
  }

  #goAway(id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw protocol("GOAWAY on a stream");
    if (end - start < 8) throw new ConnectionError(ERROR_CODE.frameSizeError, "GOAWAY of the wrong length");
    this.#control();
    const debug = bytes.toString("utf8", start + 8, Math.min(end, start + 8 + MAX_DEBUG_BYTES));
    this.#host.peerGoesAway(int31At(bytes, start), uint32At(bytes, start + 4), debug);
  }

  #windowUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    const { outflow, streams } = this.#parts;
    if (end - start !== 4) throw new ConnectionError(ERROR_CODE.frameSizeError, "WINDOW_UPDATE of the wrong length");
    this.#control();
    const increment = int31At(bytes, start);
    if (id === 0) {
      if (increment === 0) throw protocol("an increment of 0");
      if (!outflow.grant(increment)) {
        throw new ConnectionError(ERROR_CODE.flowControlError, "a window larger than 2^31-1");
      }
      outflow.pump();
      return;
    }
    const stream = streams.find(id);
    if (stream === undefined) {
      if (streams.isIdle(id)) throw protocol("WINDOW_UPDATE on an idle stream");
      return;
    }
    if (increment === 0) this.#violated(stream, ERROR_CODE.protocolError);
    else if (!outflow.grantStream(stream, increment)) this.#violated(stream, ERROR_CODE.flowControlError);
    else outflow.pump();
  }

  #control(): void {
    this.#parts.guard.control(this.#parts.clock.now);
  }

  /** The peer did wrong on a stream: that ends it, and counts as a reset of the peer's. */
  #violated(stream: Stream, code: number): void {
    this.#parts.guard.reset(this.#parts.clock.now);
    this.#host.resetStream(stream, code);
  }

  /** Answers for a stream that has no object. */
  #refuse(id: number, code: number): void {
    this.#parts.output.rstStream(id, code);
    this.#parts.streams.rememberReset(id);
  }
}

function protocol(message: string): ConnectionError {
  return new ConnectionError(ERROR_CODE.protocolError, message);
}
