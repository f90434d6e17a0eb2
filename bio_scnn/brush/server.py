"""Server of the brush: its routes, as an ASGI application in Starlette.

A task is a POST; its answer is a stream of JSON objects, a line each: ``progress`` now and then,
at last ``done`` or ``error``. Whoever stops reading stops the task.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from bio_scnn._version import __version__
from bio_scnn.brush.desk import Desk
from bio_scnn.brush.guard import NEURON_PAGE, Application, Guard
from bio_scnn.brush.sheet import Sheet
from bio_scnn.brush.worker import Worker
from bio_scnn.errors import InputError

MOST_BYTES = 200_000_000
"""Bytes of a file that is sent to the server."""

_ASSETS = {"page.js": "text/javascript", "mask.js": "text/javascript", "page.css": "text/css"}
_TASKS: dict[str, dict[str, type]] = {
    "open": {"page": int},
    "propose": {"page": int},
    "read": {"page": int},
    "mask": {"page": int},
    "restore": {"page": int, "quality": str},
    "neurons": {"row": int, "column": int},
}  # and their options
_BODIES = {"read": "mask-file", "mask": "painted.bits", "restore": "painted.bits"}  # by the task
_SENT = ("before", "after", "marked.bits", "rates.json", "neurons.html", "mask.png", "painted.png",
         "restored")  # fmt: skip


Messages = AsyncGenerator[dict[str, Any], None]


class Lines(StreamingResponse):
    """Stream of JSON objects, one a line; it ends what makes them when nobody reads on."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages
        super().__init__(self.lines(), media_type="application/x-ndjson")

    async def lines(self) -> AsyncGenerator[bytes, None]:
        """The messages as bytes."""
        async for message in self.messages:
            yield json.dumps(message).encode() + b"\n"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all lines, and close their source."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self.messages.aclose()


class Brush:
    """Routes of the brush.

    Parameters
    ----------
    desk : Desk
    worker : Worker
    most_bytes : int
        No larger body is read.
    """

    def __init__(self, desk: Desk, worker: Worker, most_bytes: int = MOST_BYTES) -> None:
        self.desk, self.worker, self.most_bytes = desk, worker, most_bytes

    async def page(self, request: Request) -> Response:
        """The page."""
        text = files("bio_scnn.brush").joinpath("page.html").read_text("utf-8")
        limits = {
            "MOST_BYTES": f"{self.most_bytes}",
            "MOST_PIXELS": f"{self.desk.max_pixels}",
            "VERSION": __version__,
        }
        for name, value in limits.items():
            text = text.replace(f"@{name}@", value)
        return Response(text, media_type="text/html")

    async def asset(self, request: Request) -> Response:
        """A script or the style of the page."""
        name = request.path_params["name"]
        if name not in _ASSETS:
            raise HTTPException(404, f"there is no file {name!r}")
        text = files("bio_scnn.brush").joinpath(name).read_text("utf-8")
        return Response(text, media_type=_ASSETS[name])

    async def add(self, request: Request) -> Response:
        """Open a picture: the body is its file, ``name`` in the query what it is called."""
        self.check_length(request)
        key, sheet = self.desk.add(request.query_params.get("name", ""))
        try:
            await self.read(request, sheet.picture)
        except BaseException:
            self.desk.remove(key)
            raise
        return Lines(self.opened(key, sheet))

    async def opened(self, key: str, sheet: Sheet) -> Messages:
        """Messages of an opening; what is no picture is not kept."""
        async with aclosing(self.worker.perform(sheet, "open", {})) as messages:
            async for message in messages:
                if "error" in message:
                    self.desk.remove(key)
                if "done" in message:
                    message = {"done": {**message["done"], "key": key}}
                yield message

    async def task(self, request: Request) -> Response:
        """Perform a task on a picture that is kept."""
        self.check_length(request)
        task, sheet = request.path_params["task"], self.desk.of(request.path_params["key"])
        if task not in _TASKS:
            raise HTTPException(404, f"there is no task {task!r}")
        options = options_of(request, _TASKS[task])
        if task in _BODIES:
            await self.read(request, sheet.folder / _BODIES[task])
        if task == "read":
            options["mask"] = _BODIES[task]
        return Lines(self.worker.perform(sheet, task, options))

    async def file(self, request: Request) -> Response:
        """One of the files that a task has left."""
        sheet, name = self.desk.of(request.path_params["key"]), request.path_params["name"]
        path = sheet.folder / name
        if Path(name).name != name or not name.startswith(_SENT) or not path.is_file():
            raise HTTPException(404, f"there is no file {name!r}")
        if name == "neurons.html":
            policy = {"content-security-policy": NEURON_PAGE}
            return FileResponse(path, media_type="text/html; charset=utf-8", headers=policy)
        return FileResponse(path)

    def check_length(self, request: Request) -> None:
        """Refuse a body that declares more bytes than are read."""
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.most_bytes:
            raise self.too_large()

    def too_large(self) -> HTTPException:
        """Refusal of a body."""
        most = f"{self.most_bytes / 1e6:,.0f} MB"
        headers = {"connection": "close"}
        return HTTPException(413, f"the file is too large; no more than {most} are taken", headers)

    async def read(self, request: Request, path: Path) -> None:
        """Write the body to a file, as it comes."""
        size = 0
        with path.open("wb") as file:
            async for part in request.stream():
                size += len(part)
                if size > self.most_bytes:
                    raise self.too_large()
                file.write(part)


def options_of(request: Request, known: dict[str, type]) -> dict[str, Any]:
    """Options of a task in the query of a request, each of the type that is known.

    Raises
    ------
    InputError
        If one is unknown or no whole number.
    """
    options: dict[str, Any] = {}
    for name, text in request.query_params.items():
        kind = known.get(name)
        if kind is None:
            raise InputError(f"{name!r} is unknown; give {', '.join(known)}")
        if kind is int and not (text.isascii() and text.isdecimal() and len(text) < 10):
            raise InputError(f"{name} is {text!r}; it must be a whole number")
        options[name] = kind(text)
    if options.get("page", 1) < 1:
        raise InputError("pages are counted from 1")
    return options


def application(brush: Brush, secret: str, host: str = "127.0.0.1") -> Application:
    """ASGI application of the brush, behind its guard.

    Parameters
    ----------
    brush : Brush
    secret : str
        First part of the path of every address.
    host : str
        On which the server listens.
    """

    async def refused(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, 400)

    async def failed(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    async def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=400)  # whoever asked does not read it

    routes = [
        Route("/", brush.page),
        Route("/assets/{name}", brush.asset),
        Route("/pictures", brush.add, methods=["POST"]),
        Route("/pictures/{key}/tasks/{task}", brush.task, methods=["POST"]),
        Route("/pictures/{key}/files/{name}", brush.file),
    ]
    handlers = {InputError: refused, HTTPException: failed, ClientDisconnect: gone}
    inner = Starlette(routes=[Mount(f"/{secret}", routes=routes)], exception_handlers=handlers)
    return Guard(inner, secret, host)
