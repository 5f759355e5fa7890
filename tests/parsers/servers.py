"""Parsers that listen on a socket, honest and otherwise."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

from sqlflow_dagster.lang.remote_parser_messages import message_class

Answer = Callable[[bytes], bytes]


@contextmanager
def answering(answer: Answer, service: str = "Parser") -> Iterator[str]:
    """A server whose method Parse gives the bytes of a function; its host and port."""
    server = grpc.server(ThreadPoolExecutor(1))
    handler = grpc.unary_unary_rpc_method_handler(lambda data, _: answer(data))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {"Parse": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def response(**fields: Any) -> Answer:
    """Always the same ``ParserResponse``."""
    data: bytes = message_class("ParserResponse")(**fields).SerializeToString()
    return lambda _: data


def reply(**fields: Any) -> Answer:
    """Always the same ``CalciteParserReply``."""
    data: bytes = message_class("calcite.CalciteParserReply")(**fields).SerializeToString()
    return lambda _: data


@contextmanager
def slow() -> Iterator[str]:
    """A server that answers only when the test is over."""
    over = threading.Event()

    def wait(_: bytes) -> bytes:
        over.wait(60)
        return b""

    with answering(wait) as place:
        try:
            yield place
        finally:
            over.set()


def dead() -> str:
    """A host and port where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def speechless() -> Iterator[str]:
    """A server that takes connections and speaks another protocol."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            thread.join()
