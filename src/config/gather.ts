/** Puts the sources of settings together: for each setting the first source that has it. */

import { flagOf, type Setting } from "./setting.js";
import { SettingError } from "./setting-error.js";
import type { Given, Origin, Source } from "./sources.js";

type Settings = Readonly<Record<string, Setting<unknown>>>;
type ValueOf<One> = One extends Setting<infer Value> ? Value : never;

export class Gathered<All extends Settings> {
  constructor(
    private readonly settings: All,
    private readonly sources: readonly Source[],
  ) {}

  /** The value, or undefined when no source has it; a SettingError when it is not what it must be. */
  value<Key extends keyof All & string>(key: Key): ValueOf<All[Key]> | undefined {
    const given = this.given(key);
    return given === null ? undefined : this.read(key, given);
  }

  /** The same, with what it is when nobody says. */
  valueOr<Key extends keyof All & string>(key: Key, fallback: string): ValueOf<All[Key]> {
    return this.read(key, this.given(key) ?? { text: fallback, origin: "default", label: flagOf(key) });
  }

  given(key: keyof All & string): Given | null {
    for (const source of this.sources) {
      const given = source.given(key);
      if (given !== null) return given;
    }
    return null;
  }

  /** The setting's name in errors. */
  label(key: keyof All & string): string {
    return this.given(key)?.label ?? flagOf(key);
  }

  origin(key: keyof All & string): Origin {
    return this.given(key)?.origin ?? "default";
  }

  private read<Key extends keyof All & string>(key: Key, given: Given): ValueOf<All[Key]> {
    const setting = this.settings[key];
    if (setting === undefined) throw new SettingError(`there is no setting ${key}`);
    return setting.read(given.label, given.text) as ValueOf<All[Key]>;
  }
}
