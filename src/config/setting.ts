/**
 * The form of a setting, and its names. Its key in settings.ts gives all of them: `peerListen` is the flag
 * `--peer-listen`, the variable `ONAR_PEER_LISTEN` and `peer-listen` in a file.
 */
import type { Environment } from "./standard.js";

export interface Setting<Value> {
  /**
   * node: each node's own. cluster: fixed forever by whoever founds the cluster. client: of the commands that call
   * nodes.
   */
  readonly scope: "node" | "cluster" | "client";
  /** The text after the flag, for example "<host:port>"; "" for a switch. */
  readonly argument: string;
  /** The bound that it must keep. */
  readonly bound: string;
  /** The value when nobody gives one; in words where it depends. */
  readonly fallback: string;
  /** The setting's effect. */
  readonly text: string;
  /** A switch that may be on when nobody says: a flag that begins with --no- turns it off. */
  readonly on?: true;
  /** In a file it may be a list. */
  readonly list?: true;
  /** The variables of a standard that other programs follow as well; they count after its own variable. */
  standard?(environment: Environment): { readonly text: string; readonly variable: string } | null;
  /** The value, or a SettingError that calls it by this label. */
  read(label: string, text: string): Value;
}

/** Keeps the type of what is read. */
export const setting = <Value>(one: Setting<Value>): Setting<Value> => one;

/** As in a file: "peer-listen". */
export const nameOf = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
/** Turns off a switch that may be on when nobody says. */
export const noFlagOf = (key: string): string => `--no-${nameOf(key)}`;
export const flagOf = (key: string): string => `--${nameOf(key)}`;
export const variableOf = (key: string): string => `ONAR_${nameOf(key).replaceAll("-", "_").toUpperCase()}`;
