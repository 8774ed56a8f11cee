/**
 * The contract's files by name and by the symbols that they declare, for reflection. Everything is worked out once: a
 * question is one look into a map.
 */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { assert } from "../../base/assert.js";

export interface ContractFile {
  readonly name: string;
  /** An encoded google.protobuf.FileDescriptorProto. */
  readonly bytes: Buffer;
  /** Files that it imports directly. */
  readonly imports: readonly ContractFile[];
}

export class Descriptors {
  private readonly files = new Map<string, ContractFile>();
  /** The file of every message, enum, service, extension, field, oneof, enum value and method, by full name. */
  private readonly symbols = new Map<string, ContractFile>();
  /** The file of each extension by its number, for every message by full name. */
  private readonly extensions = new Map<string, Map<number, ContractFile>>();

  /** `encoded`: a google.protobuf.FileDescriptorSet with all imports. */
  constructor(encoded: Uint8Array) {
    const { file: files } = fromBinary(FileDescriptorSetSchema, encoded);
    const protos = new Map(files.map((proto) => [proto.name, proto]));
    for (const proto of files) this.take(proto, protos);
  }

  file(name: string): ContractFile | undefined {
    return this.files.get(name);
  }

  /** The file that declares the symbol, as in "onar.kv.v1.KeyValueService.Get". */
  fileOf(symbol: string): ContractFile | undefined {
    return this.symbols.get(symbol);
  }

  /** Extensions of the message by number; undefined when there is no such message. */
  extensionsOf(message: string): ReadonlyMap<number, ContractFile> | undefined {
    return this.extensions.get(message);
  }

  private take(proto: FileDescriptorProto, protos: ReadonlyMap<string, FileDescriptorProto>): ContractFile {
    const known = this.files.get(proto.name);
    if (known !== undefined) return known;
    const imports = proto.dependency.map((name) => {
      const imported = protos.get(name);
      assert(imported !== undefined, "the contract's descriptors have all imports");
      return this.take(imported, protos);
    });
    const bytes = Buffer.from(toBinary(FileDescriptorProtoSchema, proto));
    const file: ContractFile = { name: proto.name, bytes, imports };
    this.files.set(file.name, file);
    const scope = proto.package === "" ? "" : `${proto.package}.`;
    for (const message of proto.messageType) this.addMessage(message, scope, file);
    for (const one of proto.enumType) this.addEnum(one, scope, file);
    for (const extension of proto.extension) this.addExtension(extension, scope, file);
    for (const service of proto.service) {
      this.symbols.set(`${scope}${service.name}`, file);
      for (const method of service.method) this.symbols.set(`${scope}${service.name}.${method.name}`, file);
    }
    return file;
  }

  private addMessage(message: DescriptorProto, scope: string, file: ContractFile): void {
    const name = `${scope}${message.name}`;
    this.symbols.set(name, file);
    this.extensionsAt(name);
    const inner = `${name}.`;
    for (const field of message.field) this.symbols.set(`${inner}${field.name}`, file);
    for (const oneof of message.oneofDecl) this.symbols.set(`${inner}${oneof.name}`, file);
    for (const nested of message.nestedType) this.addMessage(nested, inner, file);
    for (const one of message.enumType) this.addEnum(one, inner, file);
    for (const extension of message.extension) this.addExtension(extension, inner, file);
  }

  /** Values are named as siblings of their enum. */
  private addEnum(one: EnumDescriptorProto, scope: string, file: ContractFile): void {
    for (const { name } of [one, ...one.value]) this.symbols.set(`${scope}${name}`, file);
  }

  private addExtension(extension: FieldDescriptorProto, scope: string, file: ContractFile): void {
    this.symbols.set(`${scope}${extension.name}`, file);
    this.extensionsAt(extension.extendee.replace(/^\./, "")).set(extension.number, file);
  }

  private extensionsAt(message: string): Map<number, ContractFile> {
    let found = this.extensions.get(message);
    if (found === undefined) {
      found = new Map();
      this.extensions.set(message, found);
    }
    return found;
  }
}
