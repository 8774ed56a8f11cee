// Loaded before a node (node --import), this breaks what R8 stands on. The log is opened without O_DSYNC and synced now
// and then, so that answers leave before what they say is on stable storage. No setting of Onar does that; the power
// cuts must notice it.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const EVERY_MS = 1_500;
const { open } = fs;
const files = new Set();

fs.open = (path, flags, ...rest) => {
  const done = rest.at(-1);
  if (typeof flags !== "number" || !String(path).includes("/log/")) return open(path, flags, ...rest);
  return open(path, flags & ~fs.constants.O_DSYNC, ...rest.slice(0, -1), (error, fd) => {
    if (fd !== undefined) files.add(fd);
    done(error, fd);
  });
};
syncBuiltinESMExports();

// All nodes at the same time: what one of them has synced would save what the others lose.
function syncAll() {
  // Closed ones say so, and nobody minds.
  for (const fd of files) fs.fdatasync(fd, (error) => error !== null && files.delete(fd));
  setTimeout(syncAll, EVERY_MS - (Date.now() % EVERY_MS)).unref();
}
syncAll();
