/**
 * A server's work as a table: by path, what a method is, how its messages are read and written, and who answers.
 *
 * A table knows no transport. Whatever runs it gives its handlers a `Call`.
 */

import { checkPath, type MethodKind } from "../call/kind.js";
import type { Call, Caller } from "./call.js";
import type { Conversation, ConversationHandler } from "./conversation.js";

interface RouteFrom<Kind, Request> {
  /** "/package.Service/Method" */
  readonly path: string;
  readonly kind: Kind;
  /** The bytes may be kept: they pin the socket's read, up to 64 KiB. Errors that it throws other than a GrpcError
   * become INTERNAL. */
  decode(bytes: Uint8Array): Request;
  /**
   * Bound of a message of the request, in bytes, also inflated; instead of the server's `maxRequestBytes`. A function
   * says it for each call.
   */
  readonly maxRequestBytes?: number | ((caller: Caller) => number);
}

interface RouteOf<Kind extends MethodKind, Request, Response> extends RouteFrom<Kind, Request> {
  /** The bytes must not change afterwards. */
  encode(response: Response): Uint8Array;
}

/**
 * A handler ends its call with another status by throwing a GrpcError. Anything else it throws becomes INTERNAL and is
 * told to the server's `onError`. A unary handler that answers without a promise costs least.
 */
export interface UnaryRoute<Request, Response> extends RouteOf<"unary", Request, Response> {
  handle(request: Request, call: Call): Response | Promise<Response>;
}

export interface ClientStreamingRoute<Request, Response> extends RouteOf<"client-streaming", Request, Response> {
  handle(requests: AsyncIterable<Request>, call: Call): Promise<Response>;
}

export interface ServerStreamingRoute<Request, Response> extends RouteOf<"server-streaming", Request, Response> {
  handle(request: Request, call: Call): AsyncIterable<Response>;
}

export interface BidirectionalRoute<Request, Response> extends RouteOf<"bidirectional", Request, Response> {
  handle(requests: AsyncIterable<Request>, call: Call): AsyncIterable<Response>;
}

/** A stream both ways whose handler is told of messages by calls. For its clients it is a bidirectional one. */
export interface ConversationRoute<Request, Response> extends RouteFrom<"conversation", Request> {
  /**
   * Writes messages one behind the other, each behind its prefix and not compressed, until `write` says false. Returns
   * how many it wrote. Few long pieces cost least; one of more than 1 MiB should have a single message.
   */
  frame(responses: readonly Response[], write: (framed: Uint8Array) => boolean): number;
  /** Called when the call begins. An error that it throws is as with the others. */
  handle(conversation: Conversation<Response>): ConversationHandler<Request>;
}

/** Methods take their parameters as they are told them, so that a route of certain messages is a route of any. */
export type Route =
  | UnaryRoute<unknown, unknown>
  | ClientStreamingRoute<unknown, unknown>
  | ServerStreamingRoute<unknown, unknown>
  | BidirectionalRoute<unknown, unknown>
  | ConversationRoute<unknown, unknown>;

/** The kind that it has for its clients. */
export function methodKindOf(route: Route): MethodKind {
  return route.kind === "conversation" ? "bidirectional" : route.kind;
}

export class RouteTable {
  readonly #routes = new Map<string, Route>();
  readonly #services = new Set<string>();

  /** Throws a RangeError for a path that is none, or is there twice. */
  constructor(routes: Iterable<Route>) {
    for (const route of routes) {
      checkPath(route.path);
      if (this.#routes.has(route.path)) throw new RangeError(`the route ${route.path} is there twice`);
      this.#routes.set(route.path, route);
      this.#services.add(serviceOf(route.path));
    }
  }

  [Symbol.iterator](): Iterator<Route> {
    return this.#routes.values();
  }

  find(path: string): Route | undefined {
    return this.#routes.get(path);
  }

  hasService(path: string): boolean {
    return this.#services.has(serviceOf(path));
  }
}

function serviceOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
