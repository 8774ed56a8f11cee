/**
 * The variables of OpenTelemetry, where operators set them for all programs of a machine or a pod. Those that are not
 * here are read by its libraries (observe/traces/telemetry.ts).
 *
 * Source: opentelemetry.io, "Environment Variable Specification" and "OpenTelemetry Protocol Exporter".
 */
export type Environment = Readonly<Record<string, string | undefined>>;

interface Standard {
  readonly text: string;
  readonly variable: string;
}

const TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT";
const SAMPLER = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARG = "OTEL_TRACES_SAMPLER_ARG";

/** The endpoint of traces is taken as it is; one for everything gets its path. An empty variable counts as not set. */
export function standardEndpoint(environment: Environment): Standard | null {
  if (environment.OTEL_SDK_DISABLED?.toLowerCase() === "true" || environment.OTEL_TRACES_EXPORTER === "none")
    return null;
  const ofTraces = environment[TRACES_ENDPOINT] ?? "";
  if (ofTraces !== "") return { text: ofTraces, variable: TRACES_ENDPOINT };
  const ofAll = environment[ENDPOINT] ?? "";
  return ofAll === "" ? null : { text: `${ofAll.replace(/\/+$/, "")}/v1/traces`, variable: ENDPOINT };
}

/** The caller decides first in any case; the samplers that say otherwise are not offered. */
export function standardSample(environment: Environment): Standard | null {
  switch (environment[SAMPLER]) {
    case "always_on":
    case "parentbased_always_on":
      return { text: "1", variable: SAMPLER };
    case "always_off":
    case "parentbased_always_off":
      return { text: "0", variable: SAMPLER };
    case "traceidratio":
    case "parentbased_traceidratio":
      return { text: environment[SAMPLER_ARG] || "1", variable: SAMPLER_ARG };
    default:
      return null;
  }
}
