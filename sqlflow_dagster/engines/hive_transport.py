"""The way to a server that speaks HiveServer2's protocol: impyla's Thrift client, over TCP or HTTP."""

import getpass
from dataclasses import dataclass, field
from typing import Any


class Error(Exception):
    """What the server or the way to it says.

    Attributes:
        statement: That was run; empty where none was.
        state: Five letters of the SQL standard; empty where the server gives none.
        lost: Whether there is no connection any more.
        timed_out: Whether the client has stopped the statement, whose time was over.
    """

    def __init__(
        self,
        message: str,
        *,
        statement: str = "",
        state: str = "",
        lost: bool = False,
        timed_out: bool = False,
    ) -> None:
        # A traceback shows it, and the server's own one would hide the rest.
        super().__init__(message.split("\n\tat ", 1)[0])
        self.statement = statement
        self.state = state
        self.lost = lost
        self.timed_out = timed_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where a server is found, and who asks.

    Attributes:
        host: The server.
        port: Its port.
        user: Who asks; None for the user of this process.
        password: For LDAP and for a server's own check.
        mechanism: impyla's word for how to log in: ``PLAIN``, ``NOSASL``, ``LDAP`` or ``GSSAPI``.
        kerberos_service: The first part of the server's principal.
        tls: Whether the connection is encrypted.
        ca: The file with the authority of the server's certificate; None for those of the system.
        verify: Whether the certificate is verified.
        http_path: Where the server is found behind HTTP; None for its own protocol.
        connect_timeout: How long the server may take to answer at first, in seconds.
    """

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    mechanism: str = "PLAIN"
    kerberos_service: str = "hive"
    tls: bool = False
    ca: str | None = None
    verify: bool = True
    http_path: str | None = None
    connect_timeout: float = 10

    @property
    def login(self) -> str:
        """The name of who asks."""
        return self.user or getpass.getuser()

    def open(self) -> tuple[Any, Any]:
        """A transport that is open, and the client of the server behind it.

        Raises:
            Error: The server cannot be reached, or does not let the user in.
        """
        from impala._thrift_api import ThriftClient
        from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
        from thrift.transport.TTransport import TTransportException

        try:
            transport = self._over_tcp() if self.http_path is None else self._over_http()
        except (TTransportException, OSError, EOFError) as error:
            raise Error(f"{self.host}:{self.port}: {text_of(error)}", lost=True) from error
        return transport, ThriftClient(TBinaryProtocolAccelerated(transport))

    def _over_tcp(self) -> Any:
        from impala._thrift_api import get_socket, get_transport

        socket = get_socket(self.host, self.port, self.tls, self.ca, self.verify)
        socket.setTimeout(self.connect_timeout * 1000)
        transport = get_transport(
            socket, self.host, self.kerberos_service, self.mechanism, self.login, self.password
        )
        transport.open()
        # Rows that are computed while they are fetched may take long.
        socket.setTimeout(None)
        return transport

    def _over_http(self) -> Any:
        from impala._thrift_api import get_http_transport

        transport = get_http_transport(
            self.host,
            self.port,
            http_path=self.http_path,
            use_ssl=self.tls,
            ca_cert=self.ca,
            verify_cert=self.verify,
            auth_mechanism=self.mechanism,
            user=self.login,
            password=self.password,
            kerberos_host=self.host,
            kerberos_service_name=self.kerberos_service,
        )
        transport.open()
        return transport


def text_of(error: BaseException) -> str:
    """What an error of the transport says."""
    return str(getattr(error, "message", None) or error) or type(error).__name__
