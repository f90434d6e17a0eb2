"""The page of a restored picture's neurons: what is in it, and what a click on it does."""

import base64
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from browser import CHROMIUM, browser
from helpers import PLAIN, hole, photograph, random_model

from bio_scnn import InputError, firing_rate
from bio_scnn.data.images import write_image
from bio_scnn.explore import main
from bio_scnn.explorer.deviation import COINCIDENCE_MS
from bio_scnn.explorer.page_data import LEVELS
from bio_scnn.network.checkpoint import save_model
from bio_scnn.neuron.closed_form import first_spike_ms, membrane, spike_times
from bio_scnn.neuron.simulation import simulate

ARRAYS = {
    "missing": "<u2", "z": "<f4", "current": "<f8", "counts": "<u4", "spikes": "<f8", "V": "<u2",
    "I": "<u2", "deviation_V": "<f4", "deviation_ms": "<f4",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A photograph, its damaged version, a mask, and a small model."""
    path = tmp_path_factory.mktemp("explore")
    image, mask = photograph(), hole()
    write_image(path / "truth.png", image)
    write_image(path / "damaged.png", np.where(mask[..., np.newaxis], 255, image).astype("u1"))
    write_image(path / "mask.png", mask.astype(np.uint8))
    save_model(path / "model.safetensors", random_model(), {"name": "small"})
    return path


def call(folder, *words, model="model.safetensors"):
    """The text of the page that a command line gives."""
    words = [str(folder / w) if str(w).endswith(".png") else str(w) for w in words]
    main([*words, "--model", str(folder / model), "-o", str(folder / "page.html")])
    return (folder / "page.html").read_text("utf-8")


def data_of(page):
    """The page's numbers; arrays decoded, spikes as one array a neuron."""
    data = json.loads(re.search('<script type="application/json" id="data">(.*?)<', page)[1])
    for name in ARRAYS.keys() & data.keys():
        data[name] = np.frombuffer(base64.b64decode(data[name]), ARRAYS[name])
    data["trains"] = np.split(data["spikes"], np.cumsum(data["counts"])[:-1])
    data["V"] = data["V"].reshape(len(data["counts"]), data["steps"] + 1)
    return data


@pytest.fixture(scope="module")
def page(folder):
    return call(folder, "truth.png", "--mask-kind", "boxes", "--window", 12, "--maps", 3)


def test_spikes_are_simulated_and_those_of_the_closed_form(page):
    data = data_of(page)
    assert (data["rows"], data["columns"], len(data["maps"])) == (12, 12, 3)
    assert len(data["trains"]) == len(data["current"]) == 12 * 12 * 3
    assert (data["counts"] >= 2).all()
    assert len(np.unique(data["current"])) > 50
    for current, train in zip(data["current"], data["trains"], strict=True):
        np.testing.assert_allclose(train, spike_times(current, 25), rtol=0, atol=1e-10)
    again = simulate(data["current"], duration_ms=25, dt_ms=0.5, record=range(432))
    np.testing.assert_array_equal(data["spikes"], np.concatenate(again.spike_trains_ms))
    # The page draws one current for each neuron: it was that, at every step.
    assert (again.current == data["current"][:, np.newaxis]).all()
    low, high = data["V_range"]
    stored = low + data["V"] * (high - low) / LEVELS
    assert np.abs(stored - again.membrane).max() <= 0.5001 * (high - low) / LEVELS


def test_stated_deviations(page):
    data = data_of(page)
    for name in ("deviation_V", "deviation_ms"):
        assert 0 < data[name].max() < 1e-10
    # Less than what is stored of V could show: they were taken before it was rounded.
    assert data["deviation_V"].max() < 1e-3 / LEVELS
    exact = membrane(0.5 * np.arange(51), data["current"][:, np.newaxis])
    low, high = data["V_range"]
    off = np.abs(low + data["V"] * (high - low) / LEVELS - exact) > 0.51 * (high - low) / LEVELS
    for neuron, step in np.argwhere(off):  # only where rounding decides on the side of a jump
        distance = np.abs(data["trains"][neuron] - 0.5 * step).min()
        assert distance < COINCIDENCE_MS


def test_page_needs_nothing_else_and_tells_nothing_of_the_machine(page, folder):
    assert "://" not in page
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page)
    assert "default-src 'none'" in page
    assert str(folder) not in page
    assert len(page) < 400_000
    assert "(boxes); the hole PSNR of its restoration is" in page
    assert page.count("<figure>") == 6


def test_names_are_escaped(folder):
    write_image(folder / "<b>&.png", photograph())
    page = call(folder, "<b>&.png", "--mask", "mask.png", "--window", 4, "--maps", 1)
    assert "<b>" not in page
    assert "The neurons of &lt;b&gt;&amp;.png" in page


def test_without_a_truth_nothing_is_claimed(folder):
    page = call(folder, "damaged.png", "--mask", "mask.png", "--window", 6, "--maps", 2)
    assert "PSNR" not in page
    assert "(mask.png)" in page
    assert page.count("<figure>") == 4
    assert (data_of(page)["missing"] > 0).any()


def test_noise_is_in_the_simulation_only(folder, capsys):
    words = ["truth.png", "--mask-kind", "boxes", "--window", 6, "--noise", 2, "--duration", 50]
    page = call(folder, *words)
    assert "deviation" not in capsys.readouterr().out
    assert page == call(folder, *words)
    data = data_of(page)
    assert data["noise"] == 2
    assert not {"deviation_V", "deviation_ms"} & data.keys()
    low, high = data["I_range"]
    noise = (low + data["I"] * (high - low) / LEVELS).reshape(len(data["current"]), -1)
    noise -= data["current"][:, np.newaxis]
    assert noise.std() == pytest.approx(2, rel=0.1)
    assert np.corrcoef(noise[:, 0], noise[:, 20])[0, 1] == pytest.approx(np.exp(-1), abs=0.15)
    first = np.array([train[0] for train in data["trains"]])
    assert np.std(first - first_spike_ms(data["current"])) > 0.1
    assert "closed form, without noise" in page


@pytest.mark.parametrize(
    "image",
    [
        photograph()[..., 0],
        photograph(5, 7),
        photograph(1, 2),
        photograph(9, 120)[..., 0].astype(np.uint16) * 257,
        np.dstack([photograph(20, 20), np.full((20, 20), 255, np.uint8)]),
        photograph(20, 20)[..., :2],
        np.zeros((16, 16), np.uint8),
    ],
    ids=["grey", "small", "two pixels", "16 bits", "alpha", "grey and alpha", "black"],
)
def test_pictures_of_all_kinds(folder, image):
    write_image(folder / "picture.png", image)
    data = data_of(call(folder, "picture.png", "--mask-kind", "strokes"))
    assert data["rows"] == min(32, -(-image.shape[0] // 2))
    assert data["columns"] == min(32, -(-image.shape[1] // 2))
    assert len(data["maps"]) == 6
    assert (data["counts"] >= 2).all()
    assert data["deviation_V"].max() < 1e-10


def test_the_window_is_where_it_was_asked_for(folder):
    words = ["truth.png", "--mask-kind", "boxes", "--window", 7, "--maps", 1, "--duration", 20]
    data = data_of(call(folder, *words, "--at", 60, 40, "--dt", 1))
    assert (data["top"], data["left"]) == (27, 17)
    assert (data["dt"], data["steps"], data["duration"]) == (1, 20, 20)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["truth.png"], "say what is missing"),
        (["missing.png", "--mask-kind", "boxes"], "no such file"),
        (["truth.png", "--mask", "mask.png", "--coverage", "0.1"], "leave out"),
        (["truth.png", "--mask-kind", "boxes", "--coverage", "2"], "coverage 2.0"),
        (["truth.png", "--mask-kind", "boxes", "--seed", "-1"], "--seed is -1"),
        (["truth.png", "--mask-kind", "boxes", "--window", "0"], "--window is 0"),
        (["truth.png", "--mask-kind", "boxes", "--maps", "0"], "--maps is 0"),
        (["truth.png", "--mask-kind", "boxes", "--at", "96", "3"], "outside of the picture"),
        (["truth.png", "--mask-kind", "boxes", "--dt", "0.3"], "dt"),
        (["truth.png", "--mask-kind", "boxes", "--dt", "0"], "dt"),
        (["truth.png", "--mask-kind", "boxes", "--noise", "-1"], "noise"),
        (["truth.png", "--mask-kind", "boxes", "--duration", "6"], "interval"),
        (["truth.png", "--mask-kind", "boxes", "--duration", "1e6"], "MB; choose a smaller"),
        (["truth.png", "--mask-kind", "boxes", "--model", "cnn_twin"], "needs a network of LIF"),
        (["truth.png", "--mask-kind", "boxes", "-o", "."], "is a folder"),
        (["truth.png", "--mask-kind", "boxes", "-o", "truth.png"], "would replace an input"),
    ],
)
def test_bad_input_is_refused(folder, words, said, monkeypatch):
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir()), (folder / "truth.png").read_bytes()
    with pytest.raises(InputError, match=re.escape(said)):
        main(["--model", "model.safetensors", *words])
    assert before == (sorted(folder.iterdir()), (folder / "truth.png").read_bytes())


def test_bad_input_is_one_line():
    done = subprocess.run(
        [sys.executable, "-m", "bio_scnn.explore", "no such picture.png", "--mask-kind", "boxes"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"error: .*no such file.*\n", done.stderr)


def test_default_output_and_what_is_printed(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    words = ["--mask-kind", "boxes", "--model", "model.safetensors", "--window", "5"]
    main(["truth.png", *words])
    printed = capsys.readouterr().out
    assert "5 x 5 neurons of 6 feature maps" in printed
    assert "truth_neurons.html" in printed
    assert float(re.search(r"closed form: (\S+) of V", printed)[1]) < 1e-10
    assert (folder / "restored" / "truth_neurons.html").exists()
    main(["truth.png", *words, "--quiet"])
    assert capsys.readouterr() == ("", "")


def test_a_model_with_a_neuron_for_every_pixel(folder):
    save_model(folder / "plain.safetensors", random_model(PLAIN), {"name": "plain"})
    words = ["truth.png", "--mask-kind", "boxes", "--window", 9]
    data = data_of(call(folder, *words, model="plain.safetensors"))
    assert data["fold"] == 1
    assert data["rows"] == data["columns"] == 9
    assert data["missing"].max() == 1


STATE = """({which: document.getElementById("which").textContent,
facts: document.getElementById("facts").textContent,
V: document.getElementById("V-simulated").innerHTML,
closed: document.getElementById("V-closed").getAttribute("d"),
spikes: document.getElementById("spikes-simulated").getAttribute("d")})"""


def centre_of(tab, row, column):
    """Place in the window of a neuron of the map."""
    left, top, width, height = tab.run(
        '(box => [box.x, box.y, box.width, box.height])(document.getElementById("map")'
        ".getBoundingClientRect())"
    )
    return left + width * (column + 0.5) / 12, top + height * (row + 0.5) / 12


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH")
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_a_click_shows_that_neuron(folder, page, tmp_path, width, dark):
    data = data_of(page)
    url = (folder / "page_in_a_browser.html").resolve()
    url.write_text(page, "utf-8")
    with browser(tmp_path / "profile") as tab:
        tab.open(url.as_uri(), width, 1000, dark=dark, mobile=width < 500)
        assert tab.run("document.documentElement.scrollWidth") <= width
        tab.click(*centre_of(tab, 0, 0))
        before = tab.run(STATE)
        # A neuron of another rate, so that its trace has to be another one.
        current = data["current"].reshape(12, 12, 3)
        row, column = divmod(int(np.abs(current[..., 0] - current[0, 0, 0]).argmax()), 12)
        tab.click(*centre_of(tab, row, column))
        after = tab.run(STATE)
        assert all(before[name] != after[name] for name in before)
        where = f"row {data['top'] + row}, column {data['left'] + column}"
        assert after["which"] == f"Map {data['maps'][0]}, {where}"
        rate = f"{firing_rate(current[row, column, 0]):.9f} Hz"
        assert after["facts"].count(rate) == 2  # closed form, and read from simulated spikes
        assert len(re.findall("<circle", after["V"])) == data["steps"] + 1
        train = data["trains"][(row * 12 + column) * 3]
        assert after["spikes"].count("M") == len(train)

        tab.press("PageDown")
        assert tab.run(STATE)["which"] == f"Map {data['maps'][1]}, {where}"
        tab.press("ArrowLeft" if column else "ArrowRight")
        assert tab.run(STATE)["which"] != f"Map {data['maps'][1]}, {where}"
        picture = tab.run('document.getElementById("map").toDataURL()')
        tab.run('document.getElementById("play").click()')
        tab.run('document.getElementById("time").value = 9')
        tab.run('document.getElementById("time").dispatchEvent(new Event("input"))')
        assert tab.run('document.getElementById("instant").textContent') == "4.5 ms"
        assert tab.run('document.getElementById("map").toDataURL()') != picture

        # What the page computes is what Python does.
        n = len(data["current"])
        np.testing.assert_allclose(
            tab.run("Array.from(current, rate)"), firing_rate(data["current"]), rtol=1e-13
        )
        read = [1e3 * (len(t) - 1) / (t[-1] - t[0]) for t in data["trains"]]
        np.testing.assert_allclose(tab.run(f"Array.from(Array({n}), (_, n) => rateOf(n))"), read)
        closed = tab.run("Array.from(current, closedSpikes)")
        for mine, current_of_it in zip(closed, data["current"], strict=True):
            np.testing.assert_allclose(mine, spike_times(current_of_it, 25), rtol=0, atol=1e-12)
        np.testing.assert_allclose(
            tab.run("[0, 1, 2.5].map(t => charged(12, t))"), membrane([0, 1, 2.5], 12), rtol=1e-14
        )
        assert tab.problems == []
        assert tab.requests == [url.as_uri()]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH")
@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("<script>throw new Error('out of order')</script>", "out of order"),
        ("<script>console.error('a complaint')</script>", "a complaint"),
        ('<img src="http://localhost:9/x.png" alt="">', "Content Security Policy"),
    ],
)
def test_what_is_wrong_in_a_page_is_seen(folder, page, tmp_path, added, said):
    url = folder / "broken.html"
    url.write_text(page.replace("</body>", added + "</body>"), "utf-8")
    with browser(tmp_path / "profile") as tab:
        tab.open(url.resolve().as_uri())
        assert said in "\n".join(tab.problems)
