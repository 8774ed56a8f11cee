/**
 * One address that a node may be reached at. It is used only once the node that answers there has introduced itself
 * (GetView). So no request reaches another cluster, and the client knows which node it is, by whatever address it was
 * found.
 */
import type { GetViewResponse } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import type { Connection } from "./transport.js";

const CONNECT_MS = 5_000;
const INTRODUCE_MS = 2_000;
const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 1_000;
/**
 * A node that says that it stops, or does not answer, is left alone so long while others are there, longer each time …
 */
const FIRST_REST_MS = 1_000;
/** … at most so long. */
const MAX_REST_MS = 30_000;

/** Why an address is of no use, for people. */
export interface Trouble {
  readonly text: string;
  /** It is of another cluster. */
  readonly foreign: boolean;
  /** Waiting does not help: it is of another cluster, or no node at all. */
  readonly lasting: boolean;
}

const PASSING = { foreign: false, lasting: false } as const;

export interface EndpointOptions {
  readonly address: string;
  readonly connection: Connection;
  /** Whoever answers says who it is; what is wrong with that, or null. */
  readonly introduced: (endpoint: Endpoint, answer: GetViewResponse) => Trouble | null;
  /** Its usability has changed. */
  readonly changed: () => void;
}

export class Endpoint {
  readonly address: string;
  readonly connection: Connection;
  /** The node that answered here last; 0: none yet. */
  nodeId = 0;
  trouble: Trouble | null = null;
  private readonly options: EndpointOptions;
  private introduced = false;
  private connecting = false;
  private closed = false;
  private backoff = FIRST_BACKOFF_MS;
  private downUntil = 0;
  private restUntil = 0;
  private restMs = FIRST_REST_MS;

  constructor(options: EndpointOptions) {
    this.options = options;
    this.address = options.address;
    this.connection = options.connection;
  }

  /** Requests can be sent. */
  get usable(): boolean {
    if (!this.introduced) return false;
    if (this.connection.ready) return true;
    // Another node may answer when the connection stands again.
    this.introduced = false;
    return false;
  }

  /** Usable, but better not used while others are. */
  get resting(): boolean {
    return this.restUntil > 0 && performance.now() < this.restUntil;
  }

  rest(): void {
    // Many calls fail at once when a node does.
    if (this.resting) return;
    this.restUntil = performance.now() + this.restMs;
    this.restMs = Math.min(2 * this.restMs, MAX_REST_MS);
  }

  /** It has answered. */
  well(): void {
    if (this.restUntil === 0) return;
    this.restUntil = 0;
    this.restMs = FIRST_REST_MS;
  }

  /** Tries to make it usable, unless that is under way, or failed a moment ago. */
  wake(): void {
    if (this.connecting || this.closed || performance.now() < this.downUntil || this.usable) return;
    this.connecting = true;
    const broken = (error: unknown): Trouble => ({ text: `${this.address}: ${String(error)}`, ...PASSING });
    void this.introduce()
      .catch(broken)
      .then((trouble) => {
        this.connecting = false;
        this.trouble = trouble;
        this.introduced = trouble === null;
        if (trouble === null) this.backoff = FIRST_BACKOFF_MS;
        else {
          this.downUntil = performance.now() + this.backoff * (0.5 + Math.random() / 2);
          this.backoff = Math.min(2 * this.backoff, MAX_BACKOFF_MS);
        }
        this.options.changed();
      });
  }

  close(): void {
    this.closed = true;
    this.introduced = false;
    this.connection.close();
  }

  private async introduce(): Promise<Trouble | null> {
    const why = await this.connection.connect(CONNECT_MS);
    if (why !== null) return { text: why, ...PASSING };
    const answer = await this.connection.getView(INTRODUCE_MS);
    if ("$case" in answer) {
      const slow = answer.reason === "DEADLINE_EXCEEDED";
      const text = slow ? `${this.address} does not answer` : `${this.address}: ${answer.message}`;
      return { text, foreign: false, lasting: answer.reason === "UNIMPLEMENTED" };
    }
    return this.closed ? { text: "closed", ...PASSING } : this.options.introduced(this, answer);
  }
}
