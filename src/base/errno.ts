/** The operating system's reason why a path cannot be used, for people. */

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "not permitted",
  EROFS: "the file system is read-only",
  ENOSPC: "there is no space left on the disk",
  EDQUOT: "the disk quota is used up",
  ENOENT: "its directory does not exist",
  ENOTDIR: "a part of the path is a file",
  ENAMETOOLONG: "the path is too long",
  EMFILE: "this process has as many files and connections open as it may (ulimit -n)",
  ENFILE: "this machine has as many files open as it can",
  ENOMEM: "there is no memory left",
  EAGAIN: "the system is short of something just now",
  EFBIG: "the file would be longer than is allowed here",
};

/** Takes what a file function threw; gives the error's own message when its code has no words here. */
export function pathReasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return REASONS[code] ?? (error instanceof Error ? error.message : String(error));
}

/** The numbers that Linux has for them: LMDB gives these. */
const NUMBERS: Readonly<Record<number, string>> = { 23: "ENFILE", 24: "EMFILE" };

/**
 * The process or the machine has no file descriptor left. It passes once something else is closed. Looks at the causes
 * of an error, too.
 */
export function isDescriptorShortage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? error.code : undefined;
  const name = typeof code === "number" ? NUMBERS[code] : code;
  return name === "EMFILE" || name === "ENFILE" || isDescriptorShortage(error.cause);
}

/** The code of what a function of the system threw; undefined: it has none. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;

/** Whatever was thrown, as an error. */
export const errorOf = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
