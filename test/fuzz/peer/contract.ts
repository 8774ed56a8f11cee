/**
 * The contract between nodes: the fields of its messages, from the descriptors that are generated of the proto files,
 * so that nothing new is forgotten.
 */
import { fromBinary, isFieldSet } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { fileDescriptorSet } from "../../../gen/ts/descriptor.js";

export interface ContractField {
  readonly name: string;
  /** A number, bytes or text. */
  readonly scalar: boolean;
  readonly repeated: boolean;
  /** "" for none. */
  readonly oneof: string;
}

const { file: files } = fromBinary(FileDescriptorSetSchema, fileDescriptorSet);
/** Neither has a size or a magnitude of its own; true and false have none. */
const NOT_SCALAR = new Set([
  FieldDescriptorProto_Type.MESSAGE,
  FieldDescriptorProto_Type.ENUM,
  FieldDescriptorProto_Type.BOOL,
]);

/** The messages of the package by name. Messages within messages are not used in the contract. */
export const REPLICATION: ReadonlyMap<string, readonly ContractField[]> = new Map(
  files
    .filter((file) => file.package === "onar.replication.v1")
    .flatMap((file) => file.messageType)
    .map((message) => [
      message.name,
      message.field.map((field) => ({
        name: field.name,
        scalar: !NOT_SCALAR.has(field.type),
        repeated: field.label === FieldDescriptorProto_Label.REPEATED,
        oneof: oneofOf(message, field),
      })),
    ]),
);

function oneofOf({ oneofDecl }: DescriptorProto, field: FieldDescriptorProto): string {
  // A field that is optional has one of its own, for the generators alone.
  if (field.proto3Optional || !isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex)) return "";
  return oneofDecl[field.oneofIndex]?.name ?? "";
}

/** The kinds of message between nodes, as the generated code calls them. */
export const KINDS: readonly string[] = (REPLICATION.get("PeerMessage") ?? [])
  .filter(({ oneof }) => oneof === "message")
  .map(({ name }) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()));
