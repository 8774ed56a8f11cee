/**
 * A server's work as a table: by path, what a method is, how its messages are read and written, and who answers.
 *
 * A table knows no transport. Whatever runs it gives its handlers a `Call`.
 */

import { checkPath, type MethodKind } from "../call/kind.js";
import type { Call } from "./call.js";

interface RouteOf<Kind extends MethodKind, Request, Response> {
  /** "/package.Service/Method" */
  readonly path: string;
  readonly kind: Kind;
  /** The bytes may be kept: they pin the socket's read, up to 64 KiB. Errors that it throws other than a GrpcError
   * become INTERNAL. */
  decode(bytes: Uint8Array): Request;
  /** The bytes must not change afterwards. */
  encode(response: Response): Uint8Array;
  /** Bound of a message of the request, in bytes, also inflated; instead of the server's `maxRequestBytes`. */
  readonly maxRequestBytes?: number;
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

/** Methods take their parameters as they are told them, so that a route of certain messages is a route of any. */
export type Route =
  | UnaryRoute<unknown, unknown>
  | ClientStreamingRoute<unknown, unknown>
  | ServerStreamingRoute<unknown, unknown>
  | BidirectionalRoute<unknown, unknown>;

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
