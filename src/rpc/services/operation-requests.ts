/** Requests to change the cluster: they are looked at before any work is done, and refused with the reason. */
import type {
  ChangeSettingsRequest,
  SetReplicationRequest,
  TransferWriterRequest,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { MAX_REPLICAS } from "../../base/votes.js";
import { settingsChangeFromWire, WIRE_NAMES } from "../../codec/api/cluster-settings.js";
import { partition, viewEpoch } from "../../core/model/ids.js";
import { SETTING_BOUNDS, type SettingsChange, settingFault } from "../../core/view/settings.js";
import type { View } from "../../core/view/view.js";
import { STATUS } from "../../grpc/status.js";
import { Failure } from "../call/failure.js";
import { invalid } from "../call/validate.js";
import { checkPartition } from "./reconfiguration-service.js";

const OPERATION_ID_BYTES = 16;

/** The id of the operation, and the epoch of the view that it was computed on. */
export function baseOf(
  view: View,
  request: { readonly dryRun: boolean; readonly operationId: Buffer; readonly epoch: bigint },
): { readonly id: string; readonly epoch: ReturnType<typeof viewEpoch> } {
  const { dryRun, operationId, epoch } = request;
  if (!dryRun || operationId.length > 0) checkId(operationId);
  if (epoch === 0n && !dryRun) {
    const text = "epoch must be that of the view that the operation was computed on: GetView tells the newest";
    throw invalid("EPOCH_MISSING", text, { field: "epoch", bound: "1", value: "0" }, "read");
  }
  if (epoch > BigInt(view.epoch)) {
    throw new Failure({
      code: STATUS.unavailable,
      reason: "EPOCH_AHEAD",
      message: `epoch is ${epoch}, and the newest view that this node knows is ${view.epoch}`,
      metadata: { field: "epoch", bound: String(view.epoch), value: String(epoch) },
      retry: true,
    });
  }
  return { id: operationId.toString("hex"), epoch: epoch === 0n ? view.epoch : viewEpoch(Number(epoch)) };
}

export function checkId(id: Uint8Array): void {
  if (id.length === OPERATION_ID_BYTES) return;
  throw invalid(
    "OPERATION_ID_LENGTH",
    `operation_id must have ${OPERATION_ID_BYTES} bytes; it has ${id.length}`,
    { field: "operation_id", bound: String(OPERATION_ID_BYTES), value: String(id.length) },
    "read",
  );
}

/** The number of replicas that a partition can have, whatever the cluster. */
export function replicasOf({ replicas }: SetReplicationRequest): number {
  if (replicas >= 1 && replicas <= MAX_REPLICAS) return replicas;
  throw invalid(
    "REPLICATION_OUT_OF_RANGE",
    `replicas must be between 1 and ${MAX_REPLICAS}; it is ${replicas}`,
    { field: "replicas", bound: replicas < 1 ? "1" : String(MAX_REPLICAS), value: String(replicas) },
    "read",
  );
}

/** The settings that get other values, each within its bounds, and those that get none. */
export function settingsOf({ settings: wire, unset }: ChangeSettingsRequest): SettingsChange {
  const change = settingsChangeFromWire(wire, unset);
  if (change === null)
    throw invalid(
      "SETTING_OUT_OF_RANGE",
      "unset names a setting that this node does not know",
      { field: "unset", bound: "", value: unset.join(", ") },
      "read",
    );
  const fault = settingFault(change.settings);
  if (fault !== null) {
    const name = WIRE_NAMES[fault.name];
    const [least, most] = SETTING_BOUNDS[fault.name];
    const value = String(change.settings[fault.name]);
    throw invalid(
      "SETTING_OUT_OF_RANGE",
      `${name} must be between ${least} and ${most}; it is ${value}`,
      { field: name, bound: String(fault.bound), value },
      "read",
    );
  }
  const both = change.unset.find((name) => change.settings[name] !== undefined);
  if (both !== undefined) throw missing(`${WIRE_NAMES[both]} is to get a value and none`, "unset");
  if (change.unset.length + Object.keys(change.settings).length === 0)
    throw missing("settings must have one at least, or unset must name one", "settings");
  return change;
}

/** null: all. */
export function partitionsOf(
  view: View,
  { all, partitions }: TransferWriterRequest,
): ReturnType<typeof partition>[] | null {
  if (all === partitions.length > 0)
    throw missing("partitions must name some, or all must be set, and not both", "partitions");
  for (const p of partitions) checkPartition(p, view.partitions.length, "partitions");
  return all ? null : [...new Set(partitions)].map(partition);
}

const missing = (message: string, field: string): Failure =>
  new Failure({ code: STATUS.invalidArgument, reason: "REQUEST_MISSING", message, metadata: { field } });

export const refused = (fault: string, view: View): Failure =>
  new Failure({
    code: STATUS.failedPrecondition,
    reason: "OPERATION_REFUSED",
    message: `${fault} (view ${view.epoch}); nothing was changed`,
    metadata: { epoch: String(view.epoch) },
  });
