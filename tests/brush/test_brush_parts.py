"""Parts of the brush without a server: names, commands, masks as bits, hosts, refusals."""

import asyncio
import json
import shlex
import socket
import sys

import numpy as np
import pytest

from bio_scnn.app import main
from bio_scnn.brush.guard import Guard
from bio_scnn.brush.sheet import Sheet, plain_name
from bio_scnn.brush.showing import packed, rates_shown, unpacked
from bio_scnn.errors import InputError
from bio_scnn.restoration.result import RateMaps
from bio_scnn.run_inpaint import parser, request_of


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        (r"C:\pictures\a b.png", "a b.png"),
        ("a\nb\0.png", "ab.png"),
        ("..", "picture"),
        ("", "picture"),
        ("x" * 300 + ".tif", "x" * 96 + ".tif"),
        ("Füße 写真.jpeg", "Füße 写真.jpeg"),
    ],
)
def test_names_are_file_names(name, plain):
    assert plain_name(name) == plain


@pytest.mark.parametrize("quality", ["fast", "default", "best"])
@pytest.mark.parametrize(
    ("name", "page", "suffix"), [("it's.png", None, ".png"), ("-o.tif", 2, ".tif")]
)
def test_the_command_makes_the_same_request(tmp_path, name, page, suffix, quality):
    sheet = Sheet(tmp_path, name, model="paper")
    request = sheet.request(quality, page, suffix)
    words = shlex.split(sheet.command(request))
    assert words[:3] == ["python", "-m", "bio_scnn.run_inpaint"]
    args = parser().parse_args(words[3:])
    (picture,) = args.images
    assert picture.name == name
    meant = request_of(args)
    for field in ("options", "quality", "page", "model", "one_file", "panel", "seed", "nodata"):
        assert getattr(meant, field) == getattr(request, field), field
    assert meant.output.name == f"{picture.stem}_restored{suffix}"
    assert [mask.name for mask in meant.masks] == [f"{picture.stem}_mask.png"]
    assert (meant.mask_grow, meant.mask_invert) == (request.mask_grow, request.mask_invert)


def test_bits_are_the_mask():
    mask = np.random.default_rng(0).random((7, 9)) < 0.3
    data = packed(mask)
    for place, missing in enumerate(mask.ravel()):
        assert bool(data[place // 8] >> (7 - place % 8) & 1) == missing
    assert np.array_equal(unpacked(data, (7, 9)), mask)
    for wrong in (data[:-1], data + b"\0", b""):
        with pytest.raises(InputError, match="8 are expected"):
            unpacked(wrong, (7, 9))


def test_levels_of_rates():
    rates = RateMaps((2, 3, 1), every=4)
    rates.parts.append(((slice(0, 1), slice(1, 3)), np.array([[[0.0], [1.0]]], np.float32)))
    shown = rates_shown(rates, fold=2)
    assert shown == {"maps": 1, "rows": 2, "columns": 3, "cell": 8, "levels": "/wD+////"}


@pytest.mark.parametrize(
    ("host", "named", "ours"),
    [
        ("127.0.0.1", "127.0.0.1:80", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "LOCALHOST:80", True),
        ("127.0.0.1", "[::1]:80", True),
        ("127.0.0.1", "127.0.0.1:81", False),
        ("127.0.0.1", "192.168.0.5:80", False),
        ("127.0.0.1", "127.0.0.1.evil.example:80", False),
        ("127.0.0.1", "desk:80", False),
        ("desk", "desk:80", True),
        ("desk", "192.168.0.5:80", True),
        ("desk", "evil.example:80", False),
        ("desk", "", False),
    ],
)
def test_hosts_by_which_the_server_goes(host, named, ours):
    assert Guard(None, "secret", host).is_ours(named, 80) == ours


def test_a_body_without_a_length_is_read_up_to_the_limit():
    pytest.importorskip("starlette")
    from bio_scnn.brush.desk import Desk
    from bio_scnn.brush.server import Brush, application

    desk, sent = Desk(), []
    app = application(Brush(desk, None, most_bytes=1000), "secret")
    left = iter([400] * 100)

    async def receive():
        return {"type": "http.request", "body": b"x" * next(left), "more_body": True}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/secret/pictures", "query_string": b"name=a",
        "headers": [(b"host", b"127.0.0.1:80")], "server": ("127.0.0.1", 80), "root_path": "",
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 413
    assert "too large" in json.loads(sent[1]["body"])["error"]
    assert sum(1 for _ in left) == 97  # the third was too much
    assert not list(desk.folder.iterdir())
    desk.close()
    assert not desk.folder.exists()


def test_what_the_command_refuses(monkeypatch):
    with pytest.raises(InputError, match="--port is 70000"):
        main(["--port", "70000"])
    with pytest.raises(InputError, match="--max-pixels is 0"):
        main(["--max-pixels", "0"])
    with pytest.raises(InputError, match="no shipped model"):
        main(["--model", "nobody"])
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(InputError, match=r"pip install starlette uvicorn"):
        main(["--no-browser"])


def test_a_port_that_is_in_use(capsys):
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(InputError, match=f"--port {port} is in use"):
            main(["--port", port, "--no-browser"])
    with pytest.raises(InputError, match=r"--host no\.such\.host"):
        main(["--host", "no.such.host.invalid", "--no-browser"])
    assert "not encrypted" in " ".join(capsys.readouterr().err.split())
