/**
 * Answers as people and scripts read them.
 *
 * Text: `get` prints the value and nothing else. It prints its exact bytes, and a line end only on a terminal, so that
 * a file can be stored and got back unchanged. The others print one line.
 *
 * JSON: one object on one line. 64-bit numbers are strings. Keys and values are strings in the encoding that
 * `keyEncoding` and `valueEncoding` name. It is the one asked for, or base64 where text was asked for and the bytes are
 * not UTF-8.
 *
 *   all      key, keyEncoding, clusterId (hex), nodeId, viewEpoch, partition, revision, groupEpoch, writerNodeId
 *   get      found, consistency ("linearizable" or "local"); version, value, valueEncoding when found
 *   put      version
 *   cas      swapped, version ("0": no such key); found {version, value, valueEncoding} or null
 *   delete   deleted, version (the one found, "0": no such key); found, as above
 *   add      version, number (a string, or null when it is not known any more); with --times also times
 */
import type { Header } from "../../../gen/ts/onar/kv/v1/common.js";
import { jsonText } from "../../base/printable.js";
import type {
  AddOutcome,
  CompareAndSetOutcome,
  DeleteOutcome,
  Entry,
  GetOutcome,
  PutOutcome,
} from "../../client/client.js";
import type { OutputFormat } from "../../config/settings.js";
import type { Answered } from "../calls/key-client.js";
import type { Io } from "../terminal/io.js";
import { type Encoding, encode, encodeForJson, isShowable } from "./encoding.js";

export interface PrinterOptions {
  readonly io: Io;
  readonly format: OutputFormat;
  readonly key: Buffer;
  readonly keyEncoding: Encoding;
  readonly valueEncoding: Encoding;
}

export class Printer {
  private readonly options: PrinterOptions;

  constructor(options: PrinterOptions) {
    this.options = options;
  }

  got({ answer, header }: Answered<GetOutcome>): void {
    const { io, format, valueEncoding } = this.options;
    const { entry, consistency } = answer;
    if (format === "json") {
      this.json(header, { found: entry !== undefined, consistency, ...(entry === undefined ? {} : this.entry(entry)) });
      return;
    }
    if (entry === undefined) {
      io.error("no such key");
      return;
    }
    if (io.terminal && valueEncoding === "text" && !isShowable(entry.value)) {
      // On a terminal nobody can read them, and some would steer it.
      io.out(`${encode(entry.value, "base64")}\n`);
      io.error(
        `(${entry.value.length} bytes that are no text, shown as base64; --value-encoding hex shows them so, a pipe gets them as they are)`,
      );
      return;
    }
    io.out(encode(entry.value, valueEncoding));
    if (io.terminal || io.endsLines === true) io.out("\n");
  }

  stored({ answer, header }: Answered<PutOutcome>): void {
    const version = answer.version.toString();
    if (this.options.format === "json") this.json(header, { version });
    else this.line(`version ${version}`);
  }

  swapped({ answer, header }: Answered<CompareAndSetOutcome>): void {
    const version = answer.version.toString();
    if (this.options.format === "json") {
      this.json(header, {
        swapped: answer.swapped,
        version,
        found: this.found("found" in answer ? answer.found : undefined),
      });
    } else if (answer.swapped) {
      this.line(`swapped, version ${version}`);
    } else {
      this.line(`not swapped: ${foundText(answer.version)}`);
    }
  }

  deleted({ answer, header }: Answered<DeleteOutcome>, conditional: boolean): void {
    const version = answer.version.toString();
    if (this.options.format === "json") {
      this.json(header, {
        deleted: answer.deleted,
        version,
        found: this.found("found" in answer ? answer.found : undefined),
      });
    } else if (answer.deleted) {
      this.line(`deleted, version was ${version}`);
    } else {
      this.line(conditional ? `not deleted: ${foundText(answer.version)}` : "not deleted: no such key");
    }
  }

  added({ answer, header }: Answered<AddOutcome>): void {
    const version = answer.version.toString();
    const number = answer.number?.toString() ?? null;
    if (this.options.format === "json") this.json(header, { version, number });
    else if (number !== null) this.line(`number ${number}, version ${version}`);
    else this.line(`added, version ${version} (the key was written again since, so the number is not known any more)`);
  }

  addedTimes({ answer, header }: Answered<AddOutcome>, times: number): void {
    const version = answer.version.toString();
    const number = answer.number?.toString() ?? null;
    if (this.options.format === "json") this.json(header, { times, version, number });
    else this.line(`added ${times} times${number === null ? "" : `, number ${number}`}, version ${version}`);
  }

  private line(text: string): void {
    this.options.io.out(`${text}\n`);
  }

  private json(header: Header | undefined, fields: object): void {
    const { key, keyEncoding } = this.options;
    const shown = encodeForJson(key, keyEncoding);
    this.line(jsonText({ key: shown.text, keyEncoding: shown.encoding, ...fields, ...headerFields(header) }));
  }

  private entry(entry: Entry): object {
    const { text, encoding } = encodeForJson(entry.value, this.options.valueEncoding);
    return { version: entry.version.toString(), value: text, valueEncoding: encoding };
  }

  private found(entry: Entry | undefined): object | null {
    return entry === undefined ? null : this.entry(entry);
  }
}

const foundText = (version: bigint): string => (version === 0n ? "no such key" : `version ${version} found`);

/** The header of an answer, as every command has it in its JSON. */
export function headerFields(header: Header | undefined): object {
  return {
    clusterId: header?.clusterId.toString("hex") ?? "",
    nodeId: header?.nodeId ?? 0,
    viewEpoch: (header?.viewEpoch ?? 0n).toString(),
    partition: header?.revision?.partition ?? null,
    revision: header?.revision?.revision.toString() ?? null,
    groupEpoch: (header?.groupEpoch ?? 0n).toString(),
    writerNodeId: header?.writerNodeId ?? 0,
  };
}
