"""Guard of the brush's server: who may ask, and what a browser may do with the answers.

Any page in the same browser can send requests to a server on loopback. Those of others lack the
secret of its address, name another host if they come by a rebound name (DNS rebinding), and name
another origin. Nothing of the page may be loaded from elsewhere.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
_RULE = "default-src 'none'; base-uri 'none'; form-action 'none'; "
OWN_PAGE = _RULE + (
    "script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; frame-ancestors 'none'"
)
"""Content security policy of the brush: only what this server sends."""
NEURON_PAGE = _RULE + (
    "img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'self'"
)
"""Content security policy of the page of neurons, which holds all that it needs."""


class Guard:
    """ASGI application that hands on only requests with the right host, origin and secret.

    Parameters
    ----------
    inner : ASGI application
    secret : str
        First part of the path of all requests.
    host : str
        On which the server listens.
    """

    def __init__(self, inner: Application, secret: str, host: str) -> None:
        self.inner, self.secret, self.host = inner, secret, host

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request: the inner application's, or why there is none."""
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        refusal = self.refusal(scope)
        if not refusal:
            await self.inner(scope, receive, with_headers(send))
            return
        status = 404 if scope["path"] == "/favicon.ico" else 403
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        send = with_headers(send)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": f"{refusal}\n".encode()})

    def refusal(self, scope: Message) -> str:
        """Reason in one line for which a request is refused, or nothing."""
        named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(named) != 1 or not self.is_ours(named[0], scope["server"][1]):
            return "this server goes by another name; open the address that the program printed"
        origins = [
            value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"
        ]
        if any(origin != f"http://{named[0]}" for origin in origins):
            return "requests of other pages are refused"
        first = scope["path"].removeprefix("/").partition("/")[0]
        if not secrets.compare_digest(first.encode(errors="replace"), self.secret.encode()):
            return "open the whole address that the program printed, with its secret part"
        return ""

    def is_ours(self, named: str, port: int | None) -> bool:
        """Answer if a Host header names this server: a name of loopback, its own, or a number.

        A rebound name is a name; a number in the address line is the number that is asked.
        """
        name, colon, number = named.rpartition(":")
        if not colon or number == "" or not number.isdecimal():
            name, number = named, "80"
        if int(number) != port:
            return False
        name = name.strip("[]").lower()
        if name in ("localhost", self.host.lower()):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Answer if a host can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def with_headers(send: Send) -> Send:
    """Sender that adds the headers that all answers have."""

    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = dict(message.get("headers", []))
            for name, value in {**_ALWAYS, "content-security-policy": OWN_PAGE}.items():
                headers.setdefault(name.encode(), value.encode())
            message = {**message, "headers": list(headers.items())}
        await send(message)

    return sender
