"""Calls a running cluster as any Python program would: with the generated stubs and nothing else.

ONAR_ENDPOINTS names the client ports of its nodes: host:port,host:port. Without it every test is skipped. Run by
scripts/test-clients.sh, which puts gen/python on the path.
"""

import os
import unittest
import uuid

import grpc
from google.rpc import code_pb2, error_details_pb2
from grpc_status import rpc_status
from onar.kv.v1 import common_pb2, error_pb2, kv_pb2, kv_pb2_grpc
from onar.reconfiguration.v1 import reconfiguration_pb2, reconfiguration_pb2_grpc
from onar.text.v1 import text_pb2, text_pb2_grpc

ENDPOINTS = [e.strip() for e in os.environ.get("ONAR_ENDPOINTS", "").split(",") if e.strip()]
TIMEOUT_S = 20


def request_id() -> bytes:
    return uuid.uuid4().bytes


def details(error: grpc.RpcError):
    """The ErrorInfo and the Outcome of an error, None where there is none."""
    info = outcome = None
    status = rpc_status.from_call(error)
    for detail in status.details if status is not None else []:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo.FromString(detail.value)
        elif detail.Is(error_pb2.Outcome.DESCRIPTOR):
            outcome = error_pb2.Outcome.FromString(detail.value)
    return info, outcome


@unittest.skipUnless(ENDPOINTS, "ONAR_ENDPOINTS is not set")
class ContractTest(unittest.TestCase):
    def setUp(self):
        # The first and the last endpoint, which may be the same.
        self.first = grpc.insecure_channel(ENDPOINTS[0])
        self.last = grpc.insecure_channel(ENDPOINTS[-1])
        self.addCleanup(self.first.close)
        self.addCleanup(self.last.close)
        self.here = kv_pb2_grpc.KeyValueServiceStub(self.first)
        self.there = kv_pb2_grpc.KeyValueServiceStub(self.last)
        # A key that no other test or run uses.
        self.key = f"python/{self.id().rsplit('.', 1)[-1]}/{uuid.uuid4().hex}".encode()

    def put(self, value: bytes):
        return self.here.Put(
            kv_pb2.PutRequest(key=self.key, value=value, request_id=request_id()), timeout=TIMEOUT_S
        )

    def get(self, stub):
        return stub.Get(kv_pb2.GetRequest(key=self.key), timeout=TIMEOUT_S)

    def test_put_at_one_node_is_read_at_another(self):
        put = self.put(b"value")
        self.assertGreater(put.version, 0)
        self.assertEqual(len(put.header.cluster_id), 16)
        self.assertNotEqual(put.header.node_id, 0)
        self.assertGreaterEqual(put.header.view_epoch, 1)
        self.assertGreaterEqual(put.header.revision.revision, put.version)
        get = self.get(self.there)
        self.assertEqual(get.entry.value, b"value")
        self.assertEqual(get.entry.version, put.version)
        self.assertEqual(get.consistency, common_pb2.CONSISTENCY_LINEARIZABLE)

    def test_missing_key_is_an_answer(self):
        self.assertFalse(self.get(self.here).HasField("entry"))

    def test_compare_and_set_swaps_once_and_shows_what_it_found(self):
        def swap(stub, value, condition):
            return stub.CompareAndSet(
                kv_pb2.CompareAndSetRequest(
                    key=self.key, value=value, condition=condition, request_id=request_id()
                ),
                timeout=TIMEOUT_S,
            )

        absent = common_pb2.Condition(presence=common_pb2.PRESENCE_ABSENT)
        first = swap(self.here, b"1", absent)
        self.assertTrue(first.swapped)
        self.assertFalse(first.HasField("found"))
        again = swap(self.there, b"2", absent)
        self.assertFalse(again.swapped)
        self.assertEqual(again.version, first.version)
        self.assertEqual(again.found, common_pb2.Entry(value=b"1", version=first.version))
        second = swap(self.there, b"2", common_pb2.Condition(version=first.version))
        self.assertTrue(second.swapped)
        self.assertGreater(second.version, first.version)
        self.assertEqual(self.get(self.here).entry.value, b"2")

    def test_delete_removes_and_then_finds_nothing(self):
        put = self.put(b"value")
        refused = self.there.Delete(
            kv_pb2.DeleteRequest(key=self.key, condition=common_pb2.Condition(value=b"other")),
            timeout=TIMEOUT_S,
        )
        self.assertFalse(refused.deleted)
        self.assertEqual(refused.found.value, b"value")
        deleted = self.there.Delete(
            kv_pb2.DeleteRequest(key=self.key, request_id=request_id()), timeout=TIMEOUT_S
        )
        self.assertTrue(deleted.deleted)
        self.assertEqual(deleted.version, put.version)
        self.assertFalse(self.get(self.here).HasField("entry"))
        again = self.here.Delete(kv_pb2.DeleteRequest(key=self.key), timeout=TIMEOUT_S)
        self.assertFalse(again.deleted)
        self.assertEqual(again.version, 0)

    def test_add_counts_from_zero(self):
        def add(stub, delta):
            return stub.Add(
                kv_pb2.AddRequest(key=self.key, delta=delta, request_id=request_id()), timeout=TIMEOUT_S
            )

        first = add(self.here, 40)
        self.assertEqual(first.number, 40)
        second = add(self.there, -42)
        self.assertEqual(second.number, -2)
        self.assertGreater(second.version, first.version)
        self.assertEqual(self.get(self.here).entry.value, b"-2")

    def test_add_to_what_is_not_a_number_is_refused(self):
        self.put(b"ten")
        with self.assertRaises(grpc.RpcError) as caught:
            self.there.Add(kv_pb2.AddRequest(key=self.key, delta=1), timeout=TIMEOUT_S)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)
        info, _ = details(caught.exception)
        self.assertEqual(info.reason, "NOT_A_NUMBER")

    def test_repeated_request_is_applied_once(self):
        request = kv_pb2.AddRequest(key=self.key, delta=5, request_id=request_id())
        first = self.here.Add(request, timeout=TIMEOUT_S)
        repeated = self.there.Add(request, timeout=TIMEOUT_S)
        self.assertEqual(repeated.version, first.version)
        self.assertEqual(repeated.number, 5)

    def test_error_names_its_reason(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.here.Put(kv_pb2.PutRequest(value=b"value"), timeout=TIMEOUT_S)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        info, outcome = details(caught.exception)
        self.assertEqual((info.domain, info.reason), ("onar", "KEY_EMPTY"))
        self.assertEqual(info.metadata["field"], "key")
        self.assertEqual(outcome.execution, error_pb2.EXECUTION_NOT_EXECUTED)
        self.assertIn("ERROR_REASON_" + info.reason, error_pb2.ErrorReason.keys())

    def test_pipeline_answers_by_tag(self):
        requests = [
            kv_pb2.PipelineRequest(tag=7, put=kv_pb2.PutRequest(key=self.key, value=b"value")),
            kv_pb2.PipelineRequest(tag=8, get=kv_pb2.GetRequest(key=self.key + b"/other")),
            kv_pb2.PipelineRequest(tag=9, get=kv_pb2.GetRequest()),
        ]
        answers = {a.tag: a for a in self.here.Pipeline(iter(requests), timeout=TIMEOUT_S)}
        self.assertEqual(sorted(answers), [7, 8, 9])
        self.assertGreater(answers[7].put.version, 0)
        self.assertEqual(answers[8].WhichOneof("response"), "get")
        self.assertFalse(answers[8].get.HasField("entry"))
        self.assertEqual(answers[9].status.code, code_pb2.INVALID_ARGUMENT)

    def test_text_is_the_same_key(self):
        text = text_pb2_grpc.TextServiceStub(self.first)
        text.Put(text_pb2.PutRequest(key=self.key.decode(), value="grüße"), timeout=TIMEOUT_S)
        self.assertEqual(self.get(self.there).entry.value, "grüße".encode())

    def test_key_is_located_in_the_view(self):
        stub = reconfiguration_pb2_grpc.ReconfigurationServiceStub(self.first)
        view = stub.GetView(reconfiguration_pb2.GetViewRequest(), timeout=TIMEOUT_S).view
        self.assertGreaterEqual(view.epoch, 1)
        self.assertEqual(len(view.partitions), view.partition_count)
        located = stub.Locate(reconfiguration_pb2.LocateRequest(key=self.key), timeout=TIMEOUT_S)
        self.assertLess(located.partition, view.partition_count)
        self.assertTrue(located.replicas)
        status = stub.Status(reconfiguration_pb2.StatusRequest(), timeout=TIMEOUT_S)
        self.assertEqual(len(status.nodes), len(view.members))


if __name__ == "__main__":
    unittest.main()
