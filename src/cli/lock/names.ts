/** The words in which `onar lock` is told and tells, apart from what it does: help needs no more than this. */

/** In the environment of the command: the fencing token. */
export const TOKEN_VARIABLE = "ONAR_LOCK_TOKEN";
/** In the environment of the command: which lock. */
export const NAME_VARIABLE = "ONAR_LOCK_NAME";
export const DEFAULT_LEASE_S = "10";
