"""The server of the brush: its tasks, the bytes of its results, and whom it refuses."""

import http.client
import io
import json
import re
import shlex
import socket
import stat
import time

import numpy as np
import pytest
from brush_server import bits, brush_server
from helpers import hole, photograph, random_model
from PIL import Image

from bio_scnn.network.checkpoint import save_model
from bio_scnn.run_inpaint import main as run_inpaint

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    save_model(path, random_model(), {"name": "small"})
    return path


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def server(model, temporary):
    with brush_server("--model", model, "--max-pixels", 100_000, temporary=temporary) as client:
        yield client


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


PAGES = {"save_all": True, "append_images": [Image.fromarray(photograph()[::-1])]}


@pytest.mark.parametrize(
    ("name", "quality", "data"),
    [
        ("ph'oto.jpg", "fast", encoded(photograph(), "jpeg", quality=90)),
        ("--seed.png", "fast", encoded(photograph()[..., 0], "png", dpi=(300, 300))),
        ("page two.tif", "fast", encoded(photograph(), "tiff", **PAGES)),
        pytest.param("photo.webp", "best", encoded(photograph(), "webp"), marks=pytest.mark.slow),
    ],
)
def test_results_are_those_of_the_command_line(server, tmp_path, monkeypatch, name, quality, data):
    opened = server.done("pictures", data, name=name)
    assert (opened["name"], opened["width"], opened["height"]) == (name, 80, 96)
    pages, files = opened["pages"], f"pictures/{opened['key']}/files"
    tasks = f"pictures/{opened['key']}/tasks"
    answers = server.post(f"{tasks}/restore", bits(hole()), quality=quality, page=pages)
    assert "done" in answers[-1], answers
    done = answers[-1]["done"]
    progress = [answer["progress"] for answer in answers[:-1]]
    assert progress == sorted(progress)
    assert progress[-1] == 1
    suffix = name.rpartition(".")[2]
    forms = [suffix, "png"] if suffix in ("jpg", "webp") else [suffix]
    assert [result["file"] for result in done["results"]] == [f"restored.{s}" for s in forms]

    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(data)
    mask = server.get(f"{files}/{done['mask']}")
    (tmp_path / done["mask_called"]).write_bytes(mask)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(mask))), np.where(hole(), 255, 0))
    for result in done["results"]:
        words = shlex.split(result["command"])
        assert words[:3] == ["python", "-m", "bio_scnn.run_inpaint"]
        run_inpaint([*words[3:], "--quiet"])
        assert (tmp_path / result["called"]).read_bytes() == server.get(
            f"{files}/{result['file']}"
        )
    assert words[words.index("--quality") + 1] == quality
    assert ("--page" in words) == (pages > 1)
    # Saved without a restoration it is the same file; another one does not replace it.
    saved = server.done(f"{tasks}/mask", bits(hole()), page=pages)
    assert server.get(f"{files}/{saved['mask']}") == mask
    server.done(f"{tasks}/mask", bits(hole()[::-1]), page=pages)
    assert server.get(f"{files}/{saved['mask']}") != mask
    assert server.get(f"{files}/{done['mask']}") == mask
    shown = Image.open(io.BytesIO(server.get(f"{files}/{done['shown']}")))
    assert shown.size == (80, 96)
    rates = json.loads(server.get(f"{files}/{done['rates']}"))
    assert (rates["rows"], rates["columns"], rates["maps"], rates["cell"]) == (48, 40, 4, 2)


@pytest.mark.slow
def test_neurons_around_a_pixel(server):
    opened = server.done("pictures", encoded(photograph(), "png"), name="<b>.png")
    place = f"pictures/{opened['key']}"
    server.done(f"{place}/tasks/restore", bits(hole()), quality="fast")
    found = server.done(f"{place}/tasks/neurons", row=40, column=30)
    assert found["at"] == "40,30"
    page = server.get(f"{place}/files/{found['page']}").decode()
    assert "The neurons of &lt;b&gt;.png" in page
    assert "no neuron was simulated for it" in page
    data = json.loads(re.search('<script type="application/json" id="data">(.*?)<', page)[1])
    assert data["top"] <= 40 // 2 < data["top"] + data["rows"]
    assert data["left"] <= 30 // 2 < data["left"] + data["columns"]
    error = server.error(f"{place}/tasks/neurons", row=96, column=3)
    assert "outside of the picture" in error


def test_a_mask_that_looks_like_the_picture_is_still_read_as_painted(server):
    """Black with white in one half: white on black there would be a copy of it, painted over."""
    picture = np.zeros((60, 60), np.uint8)
    picture[10:50, 10:40] = 255
    mask = picture > 0
    mask[12:20, 45:55] = True
    opened = server.done("pictures", encoded(picture, "png"), name="letters.png")
    place = f"pictures/{opened['key']}"
    done = server.done(f"{place}/tasks/mask", bits(mask))
    saved = np.asarray(Image.open(io.BytesIO(server.get(f"{place}/files/{done['mask']}"))))
    assert saved.shape == (60, 60, 4)
    assert np.array_equal(saved[..., 3] > 0, mask)


def test_proposed_and_given_masks(server):
    image = photograph(90, 90).copy()
    image[30:32, 10:80] = 255
    opened = server.done("pictures", encoded(image, "png"), name="scratch.png")
    place = f"pictures/{opened['key']}"
    found = server.done(f"{place}/tasks/propose")
    assert "scratches or dust" in found["how"]
    marked = np.unpackbits(np.frombuffer(server.get(f"{place}/files/{found['bits']}"), np.uint8))
    assert marked[: 90 * 90].reshape(90, 90)[30:32, 20:70].mean() > 0.8
    mask = np.zeros((90, 90), np.uint8)
    mask[5:25, 50:70] = 255
    found = server.done(f"{place}/tasks/read", encoded(mask, "png"))
    assert server.get(f"{place}/files/{found['bits']}") == bits(mask > 0)
    assert "90 x 90" in server.error(f"{place}/tasks/read", encoded(mask[:40], "png"))


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("notes.png", b"no picture at all", "notes.png: not a readable image"),
        ("../../etc/passwd", b"", "passwd: not a readable image"),
        ("cut.jpg", encoded(photograph(), "jpeg")[:500], "cut.jpg: not a readable image"),
        ("large.png", encoded(np.zeros((400, 300), np.uint8), "png"), "no more than"),
    ],
)
def test_what_is_no_picture_is_refused_and_not_kept(server, temporary, name, data, said):
    (folder,) = temporary.glob("bio_scnn-*")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    before = set(folder.iterdir())
    error = server.error("pictures", data, name=name)
    assert said in error
    assert "\n" not in error
    assert str(temporary) not in error
    assert set(folder.iterdir()) <= before


@pytest.fixture(scope="module")
def place(server):
    return f"pictures/{server.done('pictures', encoded(photograph(), 'png'), name='a.png')['key']}"


def test_what_cannot_be_meant_is_told(server, place):
    tasks = f"{place}/tasks"
    empty, full = np.zeros((96, 80), bool), np.ones((96, 80), bool)
    assert "nothing is restored yet" in server.error(f"{tasks}/neurons", row=1, column=1)
    assert "nothing is marked yet" in server.error(f"{tasks}/restore", bits(empty))
    assert "a_mask.png" in server.error(f"{tasks}/restore", bits(full))
    assert "960 are expected" in server.error(f"{tasks}/restore", b"12")
    assert "unknown" in server.error(f"{tasks}/restore", bits(hole()), quality="finest")
    assert "page" in server.error(f"{tasks}/open", page=7)
    assert "whole number" in server.error(f"{tasks}/open", page="1e3")
    assert "unknown" in server.error(f"{tasks}/open", sheet="x")
    assert "no task" in server.error(f"{tasks}/remove")
    assert "not kept any more" in server.error("pictures/0123456789abcdef/tasks/open")


def test_only_the_last_pictures_are_kept(server, temporary):
    keys = [
        server.done("pictures", encoded(photograph(20, 20), "png"), name=f"{n}.png")["key"]
        for n in range(5)
    ]
    assert "not kept any more" in server.error(f"pictures/{keys[0]}/tasks/open")
    server.done(f"pictures/{keys[1]}/tasks/open")
    (folder,) = temporary.glob("bio_scnn-*")
    assert {path.name for path in folder.iterdir()} == set(keys[1:])


def test_files_are_those_of_tasks_only(server):
    key = server.done("pictures", encoded(photograph(), "png"), name="a.png")["key"]
    files = f"/{server.secret}/pictures/{key}/files"
    assert server.raw("GET", f"{files}/before.png")[0] == 200
    for name in ("picture.png", "after.png", "..%2Fbefore.png", "before.png%2F..%2F..", "%2e%2e"):
        assert server.raw("GET", f"{files}/{name}")[0] == 404, name
    assert server.raw("GET", f"/{server.secret}/assets/..%2Ftasks.py")[0] == 404
    assert server.raw("GET", f"/{server.secret}/assets/tasks.py")[0] == 404


def test_others_are_refused(server):
    path, ours = f"/{server.secret}/", f"127.0.0.1:{server.port}"
    assert server.raw("GET", path)[0] == 200
    assert server.raw("GET", path, headers={"Host": f"localhost:{server.port}"})[0] == 200
    there = f"10.0.0.7:{server.port}"
    for host in ("evil.example", f"evil.example:{server.port}", "127.0.0.1", there, ""):
        status, _, body = server.raw("GET", path, headers={"Host": host})
        assert (status, b"bio_scnn" in body) == (403, False), host
    for origin in ("http://evil.example", "null", f"https://{ours}", "http://127.0.0.1:1"):
        assert server.raw("POST", f"{path}pictures", b"", {"Origin": origin})[0] == 403, origin
    own = {"Origin": f"http://{ours}"}
    assert server.raw("POST", f"{path}pictures?name=a", b"x", own)[0] == 200
    for other in ("/", "/pictures", f"/{server.secret[:-1]}/", f"/{server.secret}x/", "//"):
        assert server.raw("GET", other)[0] == 403, other
    assert server.raw("OPTIONS", "*")[0] == 403
    assert server.raw("GET", f"{path}pictures")[0] == 405


def test_what_a_browser_may_do_with_the_page(server):
    _, headers, body = server.raw("GET", f"/{server.secret}/")
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert b"://" not in body
    sources = re.findall(r'(?:src|href)="([^"]+)"', body.decode())
    assert sources
    for source in sources:
        if not source.startswith("data:"):
            assert server.get(source)
    assert not re.search(r"<script(?![^>]*src)|\son\w+=|\sstyle=", body.decode())


def test_a_huge_body_is_not_read(server):
    with socket.create_connection(("127.0.0.1", int(server.port)), timeout=30) as connection:
        head = f"POST /{server.secret}/pictures HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        connection.sendall(f"{head}Content-Length: 300000000\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b" 413 " in answer.splitlines()[0]
    assert b"no more than 200 MB" in answer


@pytest.mark.slow
def test_a_task_that_nobody_waits_for_is_stopped(server):
    key = server.done("pictures", encoded(photograph(300, 300), "png"), name="a.png")["key"]
    mask = np.zeros((300, 300), bool)
    mask[::7] = True
    connection = http.client.HTTPConnection("127.0.0.1", int(server.port), timeout=30)
    path = f"/{server.secret}/pictures/{key}/tasks/restore?quality=best"
    connection.request("POST", path, bits(mask))
    assert b"progress" in connection.getresponse().readline()
    connection.close()
    start = time.monotonic()
    assert "nothing is restored yet" in server.error(
        f"pictures/{key}/tasks/neurons", row=1, column=1
    )
    assert time.monotonic() - start < 20
    restored = server.done(f"pictures/{key}/tasks/restore", bits(mask), quality="fast")
    assert "nothing simulated" in restored["said"]
