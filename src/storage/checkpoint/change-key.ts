/** The number of a change as a key of the indexes by change. */
import { type ChangeNumber, changeNumber } from "../../core/model/ids.js";

const KEY_BYTES = 6;

export function changeKey(change: number): Buffer {
  const name = Buffer.allocUnsafe(KEY_BYTES);
  name.writeUIntBE(change, 0, KEY_BYTES);
  return name;
}

export const changeOfKey = (name: Buffer): ChangeNumber => changeNumber(name.readUIntBE(0, KEY_BYTES));
