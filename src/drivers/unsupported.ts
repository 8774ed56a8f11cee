/** A driver was asked for what Onar cannot do: nothing was done. */
export class UnsupportedError extends Error {
  override readonly name = "UnsupportedError";
}

/** `what`: a sentence of what was asked for, for people. */
export const noExpiry = (what: string): UnsupportedError =>
  new UnsupportedError(`${what}: Onar has no expiry, so the value would stay forever`);

export const noListing = (what: string): UnsupportedError =>
  new UnsupportedError(`${what}: Onar cannot list keys, so there is nobody to say which there are`);
