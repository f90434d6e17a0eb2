"""The page of the brush in Chromium: painted, restored, downloaded, beside the command line."""

import io
import itertools
import shlex

import numpy as np
import pytest
from browser import CHROMIUM, browser
from brush_server import brush_server
from helpers import photograph, random_model
from PIL import Image

from bio_scnn.data.images import write_image
from bio_scnn.network.checkpoint import save_model
from bio_scnn.run_inpaint import main as run_inpaint

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A photograph, a file that is none, one that is too large, and a small model."""
    path = tmp_path_factory.mktemp("brush")
    Image.fromarray(photograph()).save(path / "photo.jpg", quality=95)
    write_image(path / "large.png", np.zeros((300, 300), np.uint8))
    (path / "notes.png").write_text("no picture")
    save_model(path / "small.safetensors", random_model(), {"name": "small"})
    return path


@pytest.fixture(scope="module")
def server(folder, tmp_path_factory):
    words = ("--model", folder / "small.safetensors", "--max-pixels", 50_000)
    with brush_server(*words, temporary=tmp_path_factory.mktemp("temporary")) as client:
        yield client


def lay_of(tab):
    """Place of the picture's corner in the window, and pixels of the window for one of its own."""
    left, top, width, scale = tab.run(
        "(stage => [stage.x, stage.y, stage.width, state.scale])"
        "(at('stage').getBoundingClientRect())"
    )
    assert width == pytest.approx(80 * scale)
    return left, top, scale


def stroke(places, radius, shape):
    """Pixels whose centres are within a radius of a line through places (x, y)."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    mask = np.zeros(shape, bool)
    for (x0, y0), (x1, y1) in itertools.pairwise(places):
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx**2 + dy**2), 0, 1)
        mask |= np.hypot(x - x0 - along * dx, y - y0 - along * dy) <= radius
    return mask


def painted(tab):
    """The page's mask."""
    return np.array(tab.run("Array.from(state.mask.bytes)"), bool).reshape(96, 80)


def opened(tab, folder):
    tab.choose("#file", folder / "photo.jpg")
    tab.wait("state.picture && !state.busy && !at('stage').hidden")


def test_painted_restored_and_downloaded_as_on_the_command_line(
    server, folder, tmp_path, monkeypatch
):
    with browser(tmp_path / "profile") as tab:
        tab.open(server.address, online=True)
        for name, said in (("notes.png", "not a readable image"), ("large.png", "no more than")):
            tab.choose("#file", folder / name)
            tab.wait("!at('trouble').hidden")
            error = tab.run("at('trouble').firstElementChild.textContent")
            assert error.startswith(f"{name}:")
            assert said in error
            assert str(server.port) not in error
            tab.run("at('trouble').lastElementChild.click()")
        opened(tab, folder)
        assert tab.run("at('restore').disabled")
        left, top, scale = lay_of(tab)
        corners = [(100, 60), (300, 100), (310, 250)]
        places = [(round(left) + x, round(top) + y) for x, y in corners]
        tab.run("setSize(9)")
        tab.drag(*places)
        mask = stroke([((x - left) / scale, (y - top) / scale) for x, y in places], 4.5, (96, 80))
        assert mask.sum() > 300
        assert np.array_equal(painted(tab), mask)

        # A dab by keyboard, erased, undone, done again.
        tab.run("setTool('eraser')")
        tab.press("ArrowUp")
        tab.press("Enter")
        less = painted(tab)
        assert (mask & ~less).any()
        assert not (less & ~mask).any()
        tab.run("at('undo').click()")
        assert np.array_equal(painted(tab), mask)
        tab.run("at('redo').click()")
        assert np.array_equal(painted(tab), less)
        tab.run("at('clear').click()")
        assert not painted(tab).any()
        tab.run("at('undo').click()")
        assert np.array_equal(painted(tab), less)

        tab.run("at('restore').click()")
        tab.wait("!at('result').hidden")
        assert tab.run("state.mode") == "compare"
        assert "neurons simulated" in tab.run("at('said').textContent")
        left, top, scale = lay_of(tab)
        tab.drag((left + 0.25 * 80 * scale, top + 20), (left + 0.75 * 80 * scale, top + 20))
        assert tab.run("state.split") == pytest.approx(0.75, abs=0.01)

        got = tmp_path / "got"
        tab.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(got))
        names = []
        for button in ("get", "get-mask"):
            names.append(tab.run(f"at('{button}').download"))
            tab.run(f"at('{button}').click()")
        assert names == ["photo_restored.jpg", "photo_mask.png"]
        tab.until(lambda: all((got / name).exists() for name in names))
        command = shlex.split(tab.run("at('command').textContent"))
        image = Image.open(io.BytesIO((got / "photo_mask.png").read_bytes()))
        assert np.array_equal(np.asarray(image) > 0, less)
        beside = tmp_path / "beside"
        beside.mkdir()
        monkeypatch.chdir(beside)
        for path in (folder / "photo.jpg", got / "photo_mask.png"):
            (beside / path.name).write_bytes(path.read_bytes())
        run_inpaint([*command[3:], "--quiet"])
        assert (beside / names[0]).read_bytes() == (got / names[0]).read_bytes()

        tab.run("document.querySelector('[data-mode=rates]').click()")
        tab.click(left + 30.5 * scale, top + 40.5 * scale)
        tab.wait("at('neuron-page').contentDocument?.getElementById('facts')?.textContent")
        facts = "at('neuron-page').contentDocument.getElementById('facts').textContent"
        assert "rows 40–41, columns 30–31;" in tab.run(facts)
        assert tab.problems == []
        assert all(url.startswith(server.address) for url in tab.requests)


def test_on_a_telephone(server, folder, tmp_path):
    with browser(tmp_path / "profile") as tab:
        tab.open(server.address, 390, 844, dark=True, mobile=True, online=True)
        opened(tab, folder)
        assert tab.run("document.documentElement.scrollWidth") <= 390
        left, top, scale = lay_of(tab)
        tab.command("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=2)

        def touch(kind, *places):
            points = [{"x": left + x, "y": top + y, "id": n} for n, (x, y) in enumerate(places)]
            tab.command("Input.dispatchTouchEvent", type=kind, touchPoints=points)

        touch("touchStart", (60, 60))
        touch("touchMove", (90, 60))
        touch("touchMove", (140, 60))
        touch("touchEnd")
        mask = painted(tab)
        assert mask[round(60 / scale), round(70 / scale) : round(130 / scale)].all()
        # Two fingers zoom, and leave no mark.
        touch("touchStart", (100, 100))
        touch("touchStart", (100, 100), (140, 100))
        touch("touchMove", (80, 100), (160, 100))
        touch("touchMove", (60, 100), (180, 100))
        touch("touchEnd")
        assert np.array_equal(painted(tab), mask)
        assert tab.run("state.scale") > 1.5 * scale
        tab.run("at('quality').value = 'fast'")
        tab.run("at('restore').click()")
        tab.wait("!at('result').hidden")
        assert tab.run("document.documentElement.scrollWidth") <= 390
        assert tab.problems == []
