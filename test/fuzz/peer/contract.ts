/**
 * The contract between nodes: the fields of its messages, read from the proto files themselves, so that nothing new is
 * forgotten.
 */
import { readFileSync } from "node:fs";

export interface ContractField {
  readonly name: string;
  readonly number: number;
  /** As it stands in the file: "uint64", "Ballot", "onar.kv.v1.GetRequest". */
  readonly type: string;
  readonly repeated: boolean;
  /** "" for none. */
  readonly oneof: string;
}

/** The messages of a file by name. Messages within messages are not used in the contract. */
function readContract(file: string): ReadonlyMap<string, readonly ContractField[]> {
  const text = readFileSync(new URL(`../../../proto/onar/${file}`, import.meta.url), "utf8");
  const messages = new Map<string, ContractField[]>();
  let fields: ContractField[] | null = null;
  let oneof = "";
  for (const line of text.split("\n").map((one) => one.trim())) {
    const message = /^message (\w+) \{(\})?$/.exec(line);
    const group = /^oneof (\w+) \{$/.exec(line);
    const field = /^(repeated |optional )?([\w.]+) (\w+) = (\d+)[^;]*;/.exec(line);
    if (message !== null) {
      fields = [];
      messages.set(message[1] as string, fields);
      if (message[2] !== undefined) fields = null;
    } else if (group !== null) oneof = group[1] as string;
    else if (line === "}") {
      if (oneof === "") fields = null;
      oneof = "";
    } else if (field !== null && fields !== null && field[2] !== "reserved") {
      fields.push({
        name: field[3] as string,
        number: Number(field[4]),
        type: field[2] as string,
        repeated: field[1] === "repeated ",
        oneof,
      });
    }
  }
  return messages;
}

export const REPLICATION = readContract("replication/v1/replication.proto");
export const REGISTER = readContract("replication/v1/register.proto");
export const KEY_VALUE = new Map([...readContract("kv/v1/common.proto"), ...readContract("kv/v1/kv.proto")]);

/** The kinds of message between nodes, as the generated code calls them. */
export const KINDS: readonly string[] = (REPLICATION.get("PeerMessage") ?? [])
  .filter(({ oneof }) => oneof === "message")
  .map(({ name }) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()));
