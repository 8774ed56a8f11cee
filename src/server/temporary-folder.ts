/** For commands, which speak to no storage: folders for temporary files. */
export { type TemporaryFolder, temporaryFolder } from "../storage/temporary-folder.js";
