"""A node of one, in memory: enough of one for what these tests say.

How the clients meet failures and what goes over the wire is tested by the shared cases (test/clients).
"""

import hashlib
import threading
from concurrent import futures

import grpc
from onar.kv.v1 import common_pb2, kv_pb2, kv_pb2_grpc
from onar.reconfiguration.v1 import reconfiguration_pb2, reconfiguration_pb2_grpc

CLUSTER_ID = b"0123456789abcdef"
PARTITIONS = 256
WORKERS = 40


class Server(kv_pb2_grpc.KeyValueServiceServicer, reconfiguration_pb2_grpc.ReconfigurationServiceServicer):
    def __init__(self, address="127.0.0.1:0"):
        self.lock = threading.Lock()
        self.entries = {}
        self.revision = 100
        self.requests = []
        #: Writes wait for this before they are answered; each says that it came.
        self.go_on = threading.Event()
        self.go_on.set()
        self.came = threading.Semaphore(0)
        self._server = grpc.server(futures.ThreadPoolExecutor(WORKERS))
        kv_pb2_grpc.add_KeyValueServiceServicer_to_server(self, self._server)
        reconfiguration_pb2_grpc.add_ReconfigurationServiceServicer_to_server(self, self._server)
        self.endpoint = f"{address.rpartition(':')[0]}:{self._server.add_insecure_port(address)}"
        self._server.start()

    def stop(self):
        self.go_on.set()
        self._server.stop(None).wait()

    def GetView(self, request, context):
        header = common_pb2.Header(cluster_id=CLUSTER_ID, node_id=1, view_epoch=1)
        view = reconfiguration_pb2.View(epoch=1, cluster_id=CLUSTER_ID, partition_count=PARTITIONS)
        return reconfiguration_pb2.GetViewResponse(header=header, view=view)

    def Get(self, request, context):
        with self.lock:
            self.requests.append(request)
            entry = self.entries.get(request.key)
            linearizable = common_pb2.CONSISTENCY_LINEARIZABLE
            return kv_pb2.GetResponse(header=self._header(request), entry=entry, consistency=linearizable)

    def Put(self, request, context):
        self._arrive(request)
        with self.lock:
            version = self._store(request.key, request.value)
            return kv_pb2.PutResponse(header=self._header(request), version=version)

    def Add(self, request, context):
        self._arrive(request)
        with self.lock:
            before = self.entries.get(request.key)
            number = request.delta + (0 if before is None else int(before.value))
            version = self._store(request.key, str(number).encode())
            return kv_pb2.AddResponse(header=self._header(request), version=version, number=number)

    def _arrive(self, request):
        with self.lock:
            self.requests.append(request)
        self.came.release()
        self.go_on.wait()

    def _store(self, key, value):
        self.revision += 1
        self.entries[key] = common_pb2.Entry(value=value, version=self.revision)
        return self.revision

    def _header(self, request):
        partition = hashlib.sha256(bytes(4) + request.key).digest()[0]
        revision = common_pb2.Revision(partition=partition, revision=self.revision)
        return common_pb2.Header(
            cluster_id=CLUSTER_ID, node_id=1, view_epoch=1, revision=revision, group_epoch=1, writer_node_id=1
        )
