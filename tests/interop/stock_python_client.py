"""Talks to the server of stock_clients_test with stock grpcio; exits 1 at the first surprise."""

import sys

import grpc


def main(path):
    with grpc.insecure_channel(f"unix:{path}") as channel:
        echo = channel.unary_unary("/t.T/Echo")
        for size in (0, 1, 100_000):
            assert echo(b"q" * size) == b"q" * size

        stream = channel.stream_stream("/t.T/Stream")
        messages = [b"a", b"", b"b" * 300_000]
        assert list(stream(iter(messages))) == messages

        many = [echo.future(str(i).encode()) for i in range(200)]
        assert [answer.result() for answer in many] == [str(i).encode() for i in range(200)]

        try:
            channel.unary_unary("/t.T/Refuse")(b"x")
            raise AssertionError("was not refused")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert error.details() == "später, 100 %"

        try:
            channel.unary_unary("/t.T/Mute")(b"x", timeout=0.05)
            raise AssertionError("was answered")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED


main(sys.argv[1])
