/**
 * Fields of a client's request that this version does not know: a newer client set them, and a newer node may heed
 * them. A node that passes the request on passes them on, as they came. They are kept apart from what the request asks
 * for, which is decided without them.
 */
import type { Request, UnreadFields } from "../../core/model/node-message.js";
import { ownCopy } from "../../wire/bytes.js";

/** As generated code keeps them: by tag, what stood behind each. */
interface Decoded {
  readonly _unknownFields?: UnreadFields | undefined;
}

/** The request with the fields that were not understood of the message it came in; they are copied. */
export function withUnread(request: Request, { _unknownFields: fields }: Decoded): Request {
  if (fields === undefined) return request;
  const tags = Object.entries(fields);
  if (tags.length === 0) return request;
  return { ...request, unread: Object.fromEntries(tags.map(([tag, values]) => [tag, values.map(ownCopy)])) };
}

/** For the message that the request is passed on in. */
export const unreadToWire = ({ unread }: Request): { _unknownFields?: { [tag: number]: Uint8Array[] } } =>
  unread === undefined ? {} : { _unknownFields: unread };
