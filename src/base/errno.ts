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
