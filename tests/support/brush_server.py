"""The brush's server in a process of its own, and requests to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from urllib.parse import urlencode

import numpy as np

PATIENCE = 60  # seconds


class Client:
    """Requests to a server whose address was printed."""

    def __init__(self, address: str, process: subprocess.Popen):
        self.address, self.process = address, process
        self.port, self.secret = re.fullmatch(
            r"http://127.0.0.1:(\d+)/([\w-]+)/", address
        ).groups()

    def raw(self, method, path, body=None, headers=()):
        """Status, headers and body of an answer; the path as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", int(self.port), timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def get(self, path):
        """Body of a file behind the secret."""
        status, _, data = self.raw("GET", f"/{self.secret}/{path}")
        assert status == 200, data
        return data

    def post(self, path, body=b"", **query):
        """The lines of a task's answer, or the one refusal."""
        path = f"/{self.secret}/{path}?{urlencode(query)}"
        _, _, data = self.raw("POST", path, body)
        return [json.loads(line) for line in data.decode().splitlines()]

    def done(self, path, body=b"", **query):
        """What a task did."""
        last = self.post(path, body, **query)[-1]
        assert "done" in last, last
        return last["done"]

    def error(self, path, body=b"", **query):
        """The line that says why a task was not done."""
        return self.post(path, body, **query)[-1]["error"]


@contextlib.contextmanager
def brush_server(*words, temporary):
    """A server with a folder for its temporary files; it is ended by Ctrl-C and leaves none."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bio_scnn.app", "--no-browser", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )  # fmt: skip
    try:
        address = process.stdout.readline().strip()
        assert address, process.communicate()
        yield Client(address, process)
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=PATIENCE)
        assert (process.returncode, complaints) == (0, ""), complaints
        assert not list(temporary.glob("bio_scnn-*"))
    finally:
        process.kill()
        process.communicate()


def bits(mask):
    """A mask as the page sends it."""
    return np.packbits(mask).tobytes()
