/**
 * A setting that cannot be used. The text is for people: it names the setting, where it came from, the bound and the
 * value.
 */
export class SettingError extends Error {
  override readonly name = "SettingError";
}
