"""A headless Chromium, driven through its DevTools protocol over a pair of pipes."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import time

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--remote-debugging-pipe",
)
PATIENCE = 60  # seconds


class Page:
    """A page in a browser of its own, and what has gone wrong in it.

    Attributes
    ----------
    problems : list of str
        Uncaught exceptions, and what was written to the console, by the page or about it.
    requests : list of str
        Addresses that the page asked for, those of data left out.
    """

    def __init__(self, send: int, receive: int):
        self._send, self._receive = send, receive
        self._buffer = b""
        self._number = 0
        self._session: dict[str, str] = {}
        self._loaded = False
        self.problems: list[str] = []
        self.requests: list[str] = []

    def open(
        self,
        url: str,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        mobile: bool = False,
        online: bool = False,
    ) -> None:
        """Load a page and wait until it has run; as if there were no network, unless `online`.

        Chromium counts a server of this machine as network.
        """
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        attached = self.command("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.command(f"{domain}.enable")
        self.command(
            "Network.emulateNetworkConditions",
            offline=not online, latency=0, downloadThroughput=-1, uploadThroughput=-1,
        )  # fmt: skip
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=mobile,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])
        self._loaded = False
        self.command("Page.navigate", url=url)
        end = time.monotonic() + PATIENCE
        while not self._loaded:
            self._next(end)

    def wait(self, expression: str) -> None:
        """Wait until an expression of JavaScript is true."""
        self.until(lambda: self.run(expression))

    def until(self, happened) -> None:
        """Wait until a function returns true."""
        end = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < end, self.problems
            time.sleep(0.02)

    def choose(self, selector: str, path) -> None:
        """Choose a file in an input of files, as its dialog would."""
        found = self.command(
            "Runtime.evaluate", expression=f"document.querySelector({selector!r})"
        )
        self.command(
            "DOM.setFileInputFiles", files=[str(path)], objectId=found["result"]["objectId"]
        )

    def drag(self, *places: tuple[float, float]) -> None:
        """Move the mouse from place to place with its button pressed."""
        for number, (x, y) in enumerate((*places, places[-1])):
            last = number == len(places)
            kind = "mouseReleased" if last else "mouseMoved" if number else "mousePressed"
            self.command(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left",
                buttons=0 if last else 1, clickCount=1,
            )  # fmt: skip

    def run(self, expression: str):
        """The value of an expression of JavaScript."""
        found = self.command("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def click(self, x: float, y: float) -> None:
        """Press and release the mouse at a place in the window, as its user would."""
        for kind in ("mousePressed", "mouseReleased"):
            self.command(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )

    def press(self, key: str) -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            self.command("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def screenshot(self) -> bytes:
        """A PNG of the whole page."""
        found = self.command("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(found["data"])

    def command(self, method: str, **params):
        """Send one command and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params, **self._session}
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._send, data) :]
        end = time.monotonic() + PATIENCE
        while True:
            answer = self._next(end)
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer)
                return answer["result"]

    def _next(self, end: float):
        """The next message; what happened in the page is noted."""
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._receive], [], [], max(end - time.monotonic(), 0))
            assert ready, "the browser does not answer"
            data = os.read(self._receive, 2**20)
            assert data, "the browser has ended"
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        event = json.loads(message)
        params = event.get("params", {})
        match event.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                said = details.get("exception", {}).get("description", details["text"])
                self.problems.append(said)
            case "Runtime.consoleAPICalled":
                self.problems.append(json.dumps(params["args"]))
            case "Log.entryAdded":
                self.problems.append(params["entry"]["text"])
            case "Network.requestWillBeSent":
                if not (url := params["request"]["url"]).startswith("data:"):
                    self.requests.append(url)
        return event


@contextlib.contextmanager
def browser(profile):
    """A `Page` of a Chromium that keeps its things in a folder of its own."""
    assert CHROMIUM is not None
    # The browser reads commands from descriptor 3 and writes to 4. Ours are moved out of the way.
    ends = []
    for low in (*os.pipe(), *os.pipe()):
        ends.append(fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 10))
        os.close(low)
    commands_out, commands_in, answers_out, answers_in = ends

    def connect() -> None:
        os.dup2(commands_out, 3)
        os.dup2(answers_in, 4)

    with open(os.devnull, "r+b") as nowhere:
        process = subprocess.Popen(
            [CHROMIUM, *OPTIONS, f"--user-data-dir={profile}"],
            stdin=nowhere, stdout=nowhere, stderr=nowhere,
            close_fds=False, preexec_fn=connect,
        )  # fmt: skip
    os.close(commands_out)
    os.close(answers_in)
    try:
        page = Page(commands_in, answers_out)
        yield page
        page._session = {}
        page.command("Browser.close")
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
        os.close(commands_in)
        os.close(answers_out)
