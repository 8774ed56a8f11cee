/**
 * Views with the bytes that count. A view is encoded once, by whoever proposes it; everybody else keeps the bytes that
 * came.
 */
import { createHash } from "node:crypto";
import { planted } from "../../core/model/planted.js";
import type { EncodedView } from "../../core/view/encoded-view.js";
import type { View } from "../../core/view/view.js";
import { ownCopy } from "../../wire/bytes.js";
import { encodeView, readView } from "../api/view.js";

/** A view that this node makes. */
export const encodedView = (view: View): EncodedView => withBytes(view, encodeView(view));

/**
 * A view that was proposed or decided elsewhere. Its bytes may have fields that this version does not know: they stay
 * in `bytes` and in the digest. Malformed bytes are an Error. The bytes are copied, as those of a network chunk are
 * shared.
 */
export function encodedViewFrom(bytes: Uint8Array): EncodedView {
  const own = ownCopy(bytes);
  const { view, unread } = readView(own);
  const encoded = withBytes(view, planted("V1.re-encoded") ? encodeView(view) : own);
  return unread ? { ...encoded, unread } : encoded;
}

const withBytes = (view: View, bytes: Uint8Array): EncodedView => ({
  view,
  bytes,
  digest: createHash("sha256").update(bytes).digest("hex"),
});
