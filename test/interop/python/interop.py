"""The interoperability cases of gRPC in the C core, by Python, and its test service.

    interop.py client HOST:PORT CASE...
    interop.py server

Messages are written by hand: the generated code is part of no package. A message is read and written as field numbers and values.
"""

import sys
import threading
import time
from concurrent import futures

import grpc

SERVICE = "/grpc.testing.TestService/"
REQUEST_SIZES = [27182, 8, 1828, 45904]
RESPONSE_SIZES = [31415, 9, 2653, 58979]
LARGE_REQUEST = 271828
LARGE_RESPONSE = 314159
INITIAL = "x-grpc-test-echo-initial"
TRAILING = "x-grpc-test-echo-trailing-bin"
MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def piece(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def fields(message):
    """The fields of a message, by number; each as the list of its values."""
    found, at = {}, 0

    def take():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        tag = take()
        value = take()
        if tag & 7 == 2:
            content = message[at : at + value]
            at += value
            found.setdefault(tag >> 3, []).append(content)
        else:
            found.setdefault(tag >> 3, []).append(value)
    return found


def one(found, field, default):
    return found.get(field, [default])[0]


def payload(field, size):
    return piece(field, piece(2, bytes(size)))


def size_of(message, field=1):
    return len(one(fields(one(fields(message), field, b"")), 2, b""))


def status(code, message):
    return piece(7, number(1, code) + piece(2, message.encode()))


def output(size, payload_size):
    return piece(2, number(1, size)) + payload(3, payload_size)


def same(got, wanted):
    if got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")


class Client:
    def __init__(self, channel):
        self.channel = channel

    def empty(self, path):
        return self.channel.unary_unary(path)(b"", timeout=30)

    def unary(self, request, **options):
        return self.channel.unary_unary(SERVICE + "UnaryCall").with_call(request, timeout=30, **options)

    def duplex(self, requests, **options):
        return self.channel.stream_stream(SERVICE + "FullDuplexCall")(requests, **{"timeout": 30, **options})

    def failure(self, call):
        try:
            call()
        except grpc.RpcError as error:
            return error
        raise AssertionError("the call did not fail")

    def empty_unary(self):
        same(self.empty(SERVICE + "EmptyCall"), b"")

    def large_unary(self):
        response, _ = self.unary(number(2, LARGE_RESPONSE) + payload(3, LARGE_REQUEST))
        same(size_of(response), LARGE_RESPONSE)

    def client_streaming(self):
        call = self.channel.stream_unary(SERVICE + "StreamingInputCall")
        response = call(iter([payload(1, size) for size in REQUEST_SIZES]), timeout=30)
        same(one(fields(response), 1, 0), 74922)

    def server_streaming(self):
        request = b"".join(piece(2, number(1, size)) for size in RESPONSE_SIZES)
        responses = self.channel.unary_stream(SERVICE + "StreamingOutputCall")(request, timeout=30)
        same([size_of(response) for response in responses], RESPONSE_SIZES)

    def ping_pong(self):
        turn = threading.Semaphore(0)

        def requests():
            for size, payload_size in zip(RESPONSE_SIZES, REQUEST_SIZES):
                yield output(size, payload_size)
                turn.acquire()

        sizes = []
        for response in self.duplex(requests()):
            sizes.append(size_of(response))
            turn.release()
        same(sizes, RESPONSE_SIZES)

    def empty_stream(self):
        same(list(self.duplex(iter([]))), [])

    def timeout_on_sleeping_server(self):
        over = threading.Event()

        def requests():
            yield payload(3, 27182)
            over.wait(30)

        error = self.failure(lambda: list(self.duplex(requests(), timeout=0.001)))
        over.set()
        same(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)

    def cancel_after_begin(self):
        over = threading.Event()

        def requests():
            over.wait(30)
            yield from ()

        call = self.channel.stream_unary(SERVICE + "StreamingInputCall").future(requests())
        call.cancel()
        over.set()
        same((call.cancelled(), call.code()), (True, grpc.StatusCode.CANCELLED))

    def cancel_after_first_response(self):
        over = threading.Event()

        def requests():
            yield output(31415, 27182)
            over.wait(30)

        call = self.duplex(requests())
        same(size_of(next(call)), 31415)
        call.cancel()
        error = self.failure(lambda: next(call))
        over.set()
        same(error.code(), grpc.StatusCode.CANCELLED)

    def status_code_and_message(self):
        request = status(2, "test status message")
        for call in (lambda: self.unary(request), lambda: list(self.duplex(iter([request])))):
            error = self.failure(call)
            same((error.code(), error.details()), (grpc.StatusCode.UNKNOWN, "test status message"))

    def special_status_message(self):
        error = self.failure(lambda: self.unary(status(2, MESSAGE)))
        same((error.code(), error.details()), (grpc.StatusCode.UNKNOWN, MESSAGE))

    def unimplemented_method(self):
        same(self.failure(lambda: self.empty(SERVICE + "UnimplementedCall")).code(), grpc.StatusCode.UNIMPLEMENTED)

    def unimplemented_service(self):
        error = self.failure(lambda: self.empty("/grpc.testing.UnimplementedService/UnimplementedCall"))
        same(error.code(), grpc.StatusCode.UNIMPLEMENTED)

    def custom_metadata(self):
        trailing = b"\x0a\x0b\x0a\x0b\x0a\x0b"
        metadata = [(INITIAL, "test_initial_metadata_value"), (TRAILING, trailing)]

        def check(call):
            same(dict(call.initial_metadata()).get(INITIAL), "test_initial_metadata_value")
            same(dict(call.trailing_metadata()).get(TRAILING), trailing)

        response, call = self.unary(number(2, 1) + payload(3, 1), metadata=metadata)
        same(size_of(response), 1)
        check(call)
        call = self.duplex(iter([output(1, 1)]), metadata=metadata)
        same([size_of(response) for response in call], [1])
        check(call)

    def client_compressed_unary(self):
        request = number(2, LARGE_RESPONSE) + payload(3, LARGE_REQUEST)
        expected, unexpected = piece(8, number(1, 1)), piece(8, b"")
        error = self.failure(lambda: self.unary(request + expected))
        same(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        response, _ = self.unary(request + expected, compression=grpc.Compression.Gzip)
        same(size_of(response), LARGE_RESPONSE)
        response, _ = self.unary(request + unexpected)
        same(size_of(response), LARGE_RESPONSE)

    def server_compressed_unary(self):
        for compressed in (True, False):
            flag = piece(6, number(1, 1) if compressed else b"")
            response, _ = self.unary(number(2, LARGE_RESPONSE) + payload(3, LARGE_REQUEST) + flag)
            same(size_of(response), LARGE_RESPONSE)

    def rpc_soak(self):
        """Calls for two seconds, eight at a time: none may fail, whatever becomes of connections meanwhile."""
        until = time.monotonic() + 2

        def calls():
            while time.monotonic() < until:
                self.empty_unary()

        with futures.ThreadPoolExecutor(max_workers=8) as callers:
            for caller in [callers.submit(calls) for _ in range(8)]:
                caller.result()


class Service(grpc.GenericRpcHandler):
    def __init__(self):
        self.methods = {
            "EmptyCall": grpc.unary_unary_rpc_method_handler(lambda request, context: b""),
            "UnaryCall": grpc.unary_unary_rpc_method_handler(self.unary),
            "StreamingInputCall": grpc.stream_unary_rpc_method_handler(self.input),
            "StreamingOutputCall": grpc.unary_stream_rpc_method_handler(self.output),
            "FullDuplexCall": grpc.stream_stream_rpc_method_handler(self.duplex),
        }

    def service(self, details):
        service, _, method = details.method.rpartition("/")
        return self.methods.get(method) if service + "/" == SERVICE else None

    @staticmethod
    def echo(context):
        for name, value in context.invocation_metadata():
            if name == INITIAL:
                context.send_initial_metadata([(name, value)])
            if name == TRAILING:
                context.set_trailing_metadata([(name, value)])

    @staticmethod
    def fail_if_asked(request, context):
        asked = fields(one(request, 7, b""))
        code = one(asked, 1, 0)
        if code:
            by_number = {known.value[0]: known for known in grpc.StatusCode}
            context.abort(by_number[code], one(asked, 2, b"").decode())

    def unary(self, message, context):
        self.echo(context)
        request = fields(message)
        self.fail_if_asked(request, context)
        if one(fields(one(request, 6, b"")), 1, 0):
            context.set_compression(grpc.Compression.Gzip)
        return payload(1, one(request, 2, 0))

    def input(self, messages, context):
        return number(1, sum(size_of(message) for message in messages))

    def responses(self, message, context):
        request = fields(message)
        self.fail_if_asked(request, context)
        for parameters in request.get(2, []):
            wanted = fields(parameters)
            time.sleep(one(wanted, 2, 0) / 1e6)
            yield payload(1, one(wanted, 1, 0))

    def output(self, message, context):
        yield from self.responses(message, context)

    def duplex(self, messages, context):
        self.echo(context)
        for message in messages:
            yield from self.responses(message, context)


def main(command, *words):
    if command == "server":
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
        server.add_generic_rpc_handlers([Service()])
        print(server.add_insecure_port("127.0.0.1:0"), flush=True)
        server.start()
        sys.stdin.read(1)
        server.stop(0.5).wait()
        return 0
    failed = 0
    with grpc.insecure_channel(words[0]) as channel:
        client = Client(channel)
        for case in words[1:]:
            try:
                getattr(client, case)()
                print(f"{case}: passed", flush=True)
            except Exception as error:  # Each case is told of by itself.
                failed += 1
                print(f"{case}: failed: {error!r}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
