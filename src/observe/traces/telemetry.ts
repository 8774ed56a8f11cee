/**
 * Spans recorded by OpenTelemetry and sent to a collector by OTLP over HTTP (JSON). This module is loaded by nodes that
 * trace only, as are the libraries that it imports.
 *
 * The usual variables that the libraries know themselves count. They are OTEL_EXPORTER_OTLP_HEADERS, _TIMEOUT,
 * _COMPRESSION and their _TRACES_ forms, and OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES for the node's name.
 */
import {
  type Span as ApiSpan,
  type Context,
  SpanKind as Kind,
  ROOT_CONTEXT,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter, TracerProvider } from "@opentelemetry/sdk-trace";
import type { TraceContext } from "../../base/trace-context.js";
import { CallTraces } from "./call-traces.js";
import { RequestTraces } from "./request-traces.js";
import type { Attributes, Span, SpanKind, Spans } from "./spans.js";
import type { Traces, TracesOptions } from "./traces.js";

/** Seconds, not minutes: a trace is looked at while one tries something. */
const SEND_EVERY_MS = 1_000;
/** How long a stopping node waits for the collector to take its last spans. */
const LAST_SPANS_MS = 2_000;

type ExportDone = Parameters<SpanExporter["export"]>[1];

const KINDS: Readonly<Record<SpanKind, Kind>> = {
  server: Kind.SERVER,
  client: Kind.CLIENT,
  internal: Kind.INTERNAL,
};

export function openTraces({ endpoint, sample, node, version, notice }: TracesOptions): Traces {
  const own = resourceFromAttributes({
    "service.name": "onar",
    "service.instance.id": String(node),
    "service.version": version,
  });
  const processor = new BatchSpanProcessor({
    exporter: new TellingExporter(new OTLPTraceExporter({ url: endpoint }), shown(endpoint), notice),
    scheduledDelayMillis: SEND_EVERY_MS,
  });
  const provider = new TracerProvider({
    resource: own.merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [processor],
  });
  const spans = new RecordedSpans(provider.getTracer("onar", version));
  const requests = new RequestTraces(spans);
  return {
    calls: new CallTraces(spans, sample),
    requests,
    close: async () => {
      requests.close();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, LAST_SPANS_MS);
      });
      await Promise.race([provider.shutdown().catch(() => {}), late]);
      clearTimeout(timer);
    },
  };
}

class RecordedSpans implements Spans {
  constructor(private readonly tracer: Tracer) {}

  begin(name: string, kind: SpanKind, parent: TraceContext | null, attributes: Attributes): Span {
    const span = this.tracer.startSpan(name, { kind: KINDS[kind], attributes }, contextOf(parent));
    const { traceId, spanId } = span.spanContext();
    return new RecordedSpan(span, { traceId, spanId });
  }
}

class RecordedSpan implements Span {
  constructor(
    private readonly span: ApiSpan,
    readonly context: TraceContext,
  ) {}

  event(name: string, attributes: Attributes): void {
    this.span.addEvent(name, attributes);
  }

  end(attributes?: Attributes, error?: string): void {
    if (attributes !== undefined) this.span.setAttributes(attributes);
    if (error !== undefined) this.span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    this.span.end();
  }
}

/** The library's sampler takes whatever has a sampled parent, or none: what is not to be traced never comes here. */
const contextOf = (parent: TraceContext | null): Context =>
  parent === null
    ? ROOT_CONTEXT
    : trace.setSpanContext(ROOT_CONTEXT, { ...parent, traceFlags: TraceFlags.SAMPLED, isRemote: true });

/** Without what may be secret in it. */
function shown(endpoint: string): string {
  const { origin, pathname } = new URL(endpoint);
  return origin + pathname;
}

/** Tells once that spans cannot be sent, and once that they can again: the library keeps such things to itself. */
class TellingExporter implements SpanExporter {
  private failing = false;

  constructor(
    private readonly exporter: SpanExporter,
    private readonly endpoint: string,
    private readonly notice: TracesOptions["notice"],
  ) {}

  export(spans: ReadableSpan[], done: ExportDone): void {
    this.exporter.export(spans, (result) => {
      const failed = result.code !== 0;
      if (failed !== this.failing) this.tell(failed, result.error?.message ?? "no reason given");
      this.failing = failed;
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.exporter.shutdown();
  }

  async forceFlush(): Promise<void> {
    await this.exporter.forceFlush?.();
  }

  private tell(failed: boolean, why: string): void {
    const text = failed
      ? `traces cannot be sent to ${this.endpoint} (${why}): what is traced meanwhile is lost`
      : `traces are sent to ${this.endpoint} again`;
    this.notice(text, { event: "traces", sent: !failed });
  }
}
