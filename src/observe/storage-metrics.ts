/** The figures that storage on disk tells of itself; all 0 with storage in memory. */
import type { NodeStorage, StorageFigures } from "../ports/storage.js";
import type { Meter } from "./meter.js";

export interface StorageParts {
  /** null while there is no view. */
  readonly storage: () => NodeStorage | null;
  /** null with storage in memory. */
  readonly figures: () => StorageFigures | null;
  /** null with storage in memory, or when nobody knows. */
  readonly freeSpace: () => { readonly room: number } | null;
}

export function meterStorage(meter: Meter, { storage, figures }: StorageParts): void {
  const of = (key: keyof StorageFigures) => (): number => figures()?.[key] ?? 0;
  meter.gauge("onar_storage_writable", "0 while the disk is so full that writes are refused.", () =>
    storage()?.writable === false ? 0 : 1,
  );
  meter.gauge("onar_storage_position", "Durable records of the log.", () => storage()?.position ?? 0);
  meter.gauge("onar_storage_log_bytes", "Bytes of the log.", of("logBytes"));
  meter.counter("onar_storage_log_writes_total", "Writes to the log, each with one sync.", of("logWrites"));
  meter.counter(
    "onar_storage_full_writes_total",
    "Writes that found the disk full and were tried again.",
    of("fullWrites"),
  );
  meter.counter(
    "onar_storage_shortages_total",
    "Writes for which the system was too short of file descriptors or memory, and that were tried again.",
    of("shortages"),
  );
  meter.gauge("onar_storage_checkpoint_bytes", "Bytes of the checkpoint.", of("checkpointBytes"));
  meter.gauge(
    "onar_storage_checkpoint_position",
    "Record that the checkpoint is complete up to.",
    of("checkpointPosition"),
  );
  meter.counter("onar_storage_folds_total", "Times that the log was folded into the checkpoint.", of("folds"));
  meter.counter("onar_storage_folded_keys_total", "Keys written to the checkpoint by that.", of("foldedKeys"));
  meter.gauge("onar_storage_table_bytes", "Bytes in memory that are not in the checkpoint yet.", of("memoryBytes"));
  meter.gauge("onar_storage_cache_bytes", "Bytes of registers kept in memory.", of("cacheBytes"));
  meter.gauge("onar_storage_bad_registers", "Registers whose checksum fails.", of("badRegisters"));
  meter.counter("onar_storage_scrubbed_records_total", "Records that the scrub has checked.", of("scrubbedRecords"));
  meter.counter("onar_storage_scrub_passes_total", "Times that the scrub went through all.", of("scrubPasses"));
}
