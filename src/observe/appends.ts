/** How large the batches of entries are that go to storage, and how long each takes until it is durable. */
import type { Storage } from "../ports/storage.js";
import { Distribution, histogramText } from "./exposition.js";

const ENTRIES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 4_096];
const SECONDS = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5];

export class Appends {
  private readonly entries = new Distribution(ENTRIES);
  private readonly seconds = new Distribution(SECONDS);

  /** Counts from here on what is appended there. Batches without entries are a matter of order and not counted. */
  observe(storage: Storage): void {
    const { append } = storage;
    storage.append = (entries, durable) => {
      if (entries.length === 0) return append.call(storage, entries, durable);
      const at = performance.now();
      this.entries.add(entries.length);
      append.call(storage, entries, () => {
        this.seconds.add((performance.now() - at) / 1_000);
        durable();
      });
    };
  }

  text(): string {
    const of = (name: string, help: string, { bounds, counts, sum }: Distribution): string =>
      histogramText(name, help, bounds, [{ labels: {}, counts, sum }]);
    return (
      of("onar_storage_batch_entries", "Entries that go to storage together.", this.entries) +
      of("onar_storage_append_seconds", "From the handing over of a batch until it is durable.", this.seconds)
    );
  }
}
