/** The module `onar`: nodes inside a Node.js process. */
export { SettingError } from "./config/setting-error.js";
export { type InProcessClientOptions, NodeError, type NodeOptions, OnarNode, startNode } from "./embed/node.js";
export { StartError } from "./server/server.js";
