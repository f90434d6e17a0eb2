"""Serving of the brush: a socket, a secret address, and a server that runs until Ctrl-C."""

from __future__ import annotations

import errno
import secrets
import socket
from collections.abc import Callable

from bio_scnn.brush.guard import is_loopback
from bio_scnn.errors import InputError


def bound(host: str, port: int) -> socket.socket:
    """Socket that listens on a host and port; 0 for any port that is free.

    Raises
    ------
    InputError
        If the port is taken or the host is none of this machine.
    """
    try:
        family, kind, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind)
    except OSError as error:
        raise InputError(f"--host {host}: {error.strerror or error}") from error
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(place)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"--port {port} is in use; name another, or 0 for any that is free"
            ) from error
        raise InputError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}"
        ) from error
    return found


def address_of(listening: socket.socket, secret: str) -> str:
    """Address of the page, with its secret part."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/{secret}/"


def serve(
    host: str,
    port: int,
    model: str,
    max_pixels: int,
    opened: Callable[[str], None],
) -> None:
    """Serve the brush until it is interrupted.

    Parameters
    ----------
    host, port
        As for `bound`.
    model : str
        A shipped model's name, or a file.
    max_pixels : int
        No picture that declares more is read.
    opened : callable
        Is told the address.

    Raises
    ------
    InputError
        If it cannot listen there, or a package is missing.
    """
    try:
        import uvicorn

        from bio_scnn.brush.server import Brush, application
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("starlette", "uvicorn"):
            raise
        raise InputError(
            "the brush needs Starlette and uvicorn, not installed here: "
            "pip install starlette uvicorn"
        ) from None
    from bio_scnn.brush.desk import Desk
    from bio_scnn.brush.worker import Worker

    listening, desk, worker = bound(host, port), Desk(model, max_pixels), Worker()
    secret = secrets.token_urlsafe(16)
    # A name stands for its number, and the browser may say either.
    called = host if is_loopback(host) else listening.getsockname()[0]
    app = application(
        Brush(desk, worker), secret, socket.gethostname() if _any(called) else called
    )
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        http="h11",
        timeout_graceful_shutdown=1,
    )
    try:
        worker.start()
        listening.listen(64)
        opened(address_of(listening, secret))
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        worker.stop()
        desk.close()
        listening.close()


def _any(host: str) -> bool:
    return host in ("0.0.0.0", "::")
