/**
 * The fields of every request at the client port, by number, as far as their bound needs them (request-surplus.ts). By
 * hand, so that a node starts without reading its own descriptors; a test compares them.
 */
import type { Fields } from "./request-surplus.js";

const plain = (...numbers: readonly number[]): Fields => new Map(numbers.map((number) => [number, null]));
const also = (base: Fields, more: Readonly<Record<number, Fields | "list">>): Fields =>
  new Map([...base, ...Object.entries(more).map(([number, field]) => [Number(number), field] as const)]);

const REVISION = plain(1, 2);
const CONDITION = plain(1, 2, 3);

const KEY = 1;
const VALUE = 2;
const CONDITIONED = 3;
const REQUEST_ID = 4;
const AFTER = 5;
const CONSISTENCY = 11;
const DELTA = 13;
const KEY_SPACE = 15;
const PARTITION = 16;

const OPERATION_ID = 17;
const EPOCH = 18;
const DRY_RUN = 19;
const NODE_ID = 20;
const ALL = 21;

const OPERATION = plain(OPERATION_ID, EPOCH, DRY_RUN, NODE_ID);
const MEMBER = plain(1, 2, 3, 4, 5);
const GET = plain(KEY, CONSISTENCY, KEY_SPACE);
const PUT = also(plain(KEY, VALUE, REQUEST_ID, KEY_SPACE), { [AFTER]: REVISION });
const COMPARE_AND_SET = also(PUT, { [CONDITIONED]: CONDITION });
const DELETE = also(plain(KEY, REQUEST_ID, KEY_SPACE), { [AFTER]: REVISION, [CONDITIONED]: CONDITION });
const ADD = also(plain(KEY, REQUEST_ID, DELTA, KEY_SPACE), { [AFTER]: REVISION });
const PARTITIONS = { [PARTITION]: "list" } as const;
/** The extension of a message that is asked for. */
const EXTENSION = plain(1, 2);
const REFLECTION = also(plain(1, 3, 4, 6, 7), { 5: EXTENSION });

/** By path, "/package.Service/Method". */
export const REQUEST_FIELDS: ReadonlyMap<string, Fields> = new Map<string, Fields>([
  ["/onar.kv.v1.KeyValueService/Get", GET],
  ["/onar.kv.v1.KeyValueService/Put", PUT],
  ["/onar.kv.v1.KeyValueService/CompareAndSet", COMPARE_AND_SET],
  ["/onar.kv.v1.KeyValueService/Delete", DELETE],
  ["/onar.kv.v1.KeyValueService/Add", ADD],
  [
    "/onar.kv.v1.KeyValueService/Pipeline",
    also(plain(1, 7), { 2: GET, 3: PUT, 4: COMPARE_AND_SET, 5: DELETE, 6: ADD }),
  ],
  ["/onar.text.v1.TextService/Get", GET],
  ["/onar.text.v1.TextService/Put", PUT],
  ["/onar.text.v1.TextService/Delete", DELETE],
  ["/onar.text.v1.TextService/Add", ADD],
  ["/onar.reconfiguration.v1.ReconfigurationService/GetView", plain()],
  ["/onar.reconfiguration.v1.ReconfigurationService/Locate", plain(KEY, KEY_SPACE, PARTITION)],
  ["/onar.reconfiguration.v1.ReconfigurationService/Status", also(plain(), PARTITIONS)],
  ["/onar.reconfiguration.v1.ReconfigurationService/WatchView", plain()],
  ["/onar.reconfiguration.v1.ReconfigurationService/Join", also(plain(OPERATION_ID, EPOCH, DRY_RUN), { 22: MEMBER })],
  ["/onar.reconfiguration.v1.ReconfigurationService/Leave", OPERATION],
  [
    "/onar.reconfiguration.v1.ReconfigurationService/TransferWriter",
    also(plain(OPERATION_ID, EPOCH, DRY_RUN, NODE_ID, ALL), PARTITIONS),
  ],
  ["/onar.reconfiguration.v1.ReconfigurationService/GetOperation", plain(OPERATION_ID, EPOCH)],
  ["/onar.reconfiguration.v1.ReconfigurationService/ListOperations", plain()],
  ["/onar.reconfiguration.v1.ReconfigurationService/WatchOperation", plain(OPERATION_ID, EPOCH)],
  ["/onar.backup.v1.BackupService/ListKeys", plain(PARTITION)],
  ["/onar.backup.v1.BackupService/RaiseRevisions", also(plain(1), PARTITIONS)],
  ["/grpc.health.v1.Health/Check", plain(1)],
  ["/grpc.health.v1.Health/List", plain()],
  ["/grpc.health.v1.Health/Watch", plain(1)],
  ["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", REFLECTION],
  ["/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", REFLECTION],
]);
