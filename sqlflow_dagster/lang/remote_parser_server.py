"""Serve a parser over gRPC, in both forms of the protocol."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlflow_dagster.errors import CompileError, TerminalError
from sqlflow_dagster.lang.dialects import LEXIS
from sqlflow_dagster.lang.parsers import ExternalParser, ParsedText
from sqlflow_dagster.lang.remote_parser_messages import (
    METHOD,
    PROGRAM_SERVICE,
    QUERY_SERVICE,
    message_class,
)

_THREADS = 8


def start_parser_server(
    parser: ExternalParser, address: str, *, query_dialect: str = "calcite"
) -> tuple[Any, int]:
    """Start to serve a parser.

    Args:
        parser: The parser; it is used from several threads.
        address: ``host:port``; port 0 for a free one.
        query_dialect: The dialect of the smaller form of the protocol, whose requests name none.

    Returns:
        The running ``grpc.Server`` and its port.

    Raises:
        TerminalError: Nothing can listen at the address.
    """
    import grpc

    service = _Service(parser, query_dialect)
    # Without reuse, a second server on a port is an error instead of half the requests.
    options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=options)
    for name, method in ((PROGRAM_SERVICE, service.program), (QUERY_SERVICE, service.query)):
        handler = grpc.unary_unary_rpc_method_handler(method)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(name, {METHOD: handler}),)
        )
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise TerminalError(
            f"the parser server cannot listen at {address}",
            hint="another process may have the port: choose another one, or 0 for any",
        ) from error
    server.start()
    return server, port


class _Service:
    """The two methods, from bytes to bytes."""

    def __init__(self, parser: ExternalParser, query_dialect: str) -> None:
        self._parser = parser
        self._query_dialect = query_dialect

    def program(self, data: bytes, context: Any) -> bytes:
        request = self._read("ParserRequest", data, context)
        text = request.sql_program
        if not text and request.dialect not in LEXIS:
            # The query of the smaller form has the number of the dialect.
            return self.query(data, context)
        parsed = self._parse(request.dialect, text, context)
        response = message_class("ParserResponse")(
            sql_statements=parsed.statements,
            index=_index(parsed, text),
            error=parsed.rejection.message if parsed.rejection else "",
            is_unfinished_select=parsed.unfinished_select,
        )
        for tables in parsed.tables:
            response.input_output_tables.add(
                input_tables=tables.inputs, output_tables=tables.outputs
            )
        return bytes(response.SerializeToString())

    def query(self, data: bytes, context: Any) -> bytes:
        text = self._read("calcite.CalciteParserRequest", data, context).query
        parsed = self._parse(self._query_dialect, text, context)
        reply = message_class("calcite.CalciteParserReply")()
        if parsed.rejection:
            reply.error = parsed.rejection.message
        else:
            reply.sql, reply.extension = text[: parsed.accepted], text[parsed.accepted :]
        return bytes(reply.SerializeToString())

    def _read(self, name: str, data: bytes, context: Any) -> Any:
        import grpc
        from google.protobuf.message import DecodeError

        try:
            return message_class(name).FromString(data)
        except DecodeError:
            return context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"this is no {name}")

    def _parse(self, dialect: str, text: str, context: Any) -> ParsedText:
        import grpc

        try:
            return self._parser.parse(dialect, text)
        except CompileError as error:
            # The dialect: all that is wrong with the text itself is in the answer.
            problem = error.diagnostics[0]
            details = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, details)
            raise


def _index(parsed: ParsedText, text: str) -> int:
    if parsed.rejection is None and parsed.accepted == len(text):
        return -1
    end = parsed.rejection.start if parsed.rejection else parsed.accepted
    return len(text[:end].encode("utf-16-le", "surrogatepass")) // 2
