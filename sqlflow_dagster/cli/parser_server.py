"""``sqlflow parser-server``: the built-in parser for others, over gRPC."""

import signal

import click

PORT_VARIABLE = "SQLFLOW_PARSER_SERVER_PORT"
_GRACE_SECONDS = 5.0


@click.command(name="parser-server", short_help="Serve the built-in parser over gRPC.")
@click.option("--host", metavar="NAME", default="127.0.0.1", show_default=True)
@click.option(
    "--port",
    metavar="NUMBER",
    type=click.IntRange(0, 65_535),
    default=12_300,
    show_default=True,
    envvar=PORT_VARIABLE,
    show_envvar=True,
    help="0 takes a free one.",
)
@click.option(
    "--query-dialect",
    metavar="NAME",
    default="calcite",
    show_default=True,
    help="The SQL dialect of requests that name none.",
)
def parser_server(host: str, port: int, query_dialect: str) -> None:
    """Serve the built-in parser over gRPC until it is stopped.

    It speaks both forms of the protocol of `--parser grpc://host:port`. There is no password and no
    encryption: let it listen only where those who reach it may use it.
    """
    from sqlflow_dagster.graph.sqlglot_parser import SqlglotParser
    from sqlflow_dagster.lang.dialects import lexis
    from sqlflow_dagster.lang.remote_parser_server import start_parser_server

    lexis(query_dialect)
    server, taken = start_parser_server(
        SqlglotParser(), f"{host}:{port}", query_dialect=query_dialect
    )
    signal.signal(signal.SIGTERM, lambda *_: server.stop(_GRACE_SECONDS))
    click.echo(f"listening on {host}:{taken}")
    server.wait_for_termination()
