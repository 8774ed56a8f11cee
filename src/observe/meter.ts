/** Numbers that are read when somebody asks: short for prom-client's gauges and counters that collect themselves. */
import { Counter, Gauge, type Registry } from "prom-client";

export class Meter {
  constructor(private readonly registry: Registry) {}

  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(read());
      },
    });
  }

  /** The figure that is read only ever grows. */
  counter(name: string, help: string, read: () => number): void {
    new Counter({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  /** `read` sets each series that there is just now. */
  gauges(name: string, help: string, labelNames: readonly string[], read: (set: SetSeries) => void): void {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      collect() {
        this.reset();
        read((labels, value) => this.labels(...labels).set(value));
      },
    });
  }

  counters(name: string, help: string, labelNames: readonly string[], read: (set: SetSeries) => void): void {
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      collect() {
        this.reset();
        read((labels, value) => this.labels(...labels).inc(value));
      },
    });
  }
}

type SetSeries = (labels: readonly string[], value: number) => void;
