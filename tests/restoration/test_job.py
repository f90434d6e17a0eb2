"""One picture file from its request to its result."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from helpers import hole, photograph, random_model

from bio_scnn import InputError
from bio_scnn.data.images import write_image
from bio_scnn.data.masks import make_mask
from bio_scnn.network.options import SpikingOptions
from bio_scnn.restoration.job import perform, prepare
from bio_scnn.restoration.metrics import hole_psnr
from bio_scnn.restoration.request import Request


@pytest.fixture
def request_of(tmp_path):
    """A request with the file of a picture, its truth and a mask."""
    image = photograph()
    write_image(tmp_path / "truth.png", image)
    write_image(tmp_path / "mask.png", hole().astype(np.uint8))
    write_image(tmp_path / "holed.png", np.where(hole()[..., np.newaxis], 0, image).astype("u1"))
    options = SpikingOptions(engine="closed-form")
    return Request(options=options, output=tmp_path / "out", panel=False)


def test_a_request_can_be_sent(request_of):
    sent = pickle.loads(pickle.dumps(request_of))
    assert sent == request_of
    assert sent != replace(request_of, seed=1)


def test_holes_are_drawn_and_measured(request_of, tmp_path):
    request = replace(request_of, mask_kind="boxes", coverage=0.2, seed=4)
    job = prepare(tmp_path / "truth.png", request)
    expected = make_mask("boxes", (96, 80), np.random.default_rng(4), 0.2)
    np.testing.assert_array_equal(job.mask, expected)
    assert job.truth is job.image
    fractions = []
    done = perform(job, request, random_model(), fractions.append)
    assert fractions[-1] == 1
    np.testing.assert_array_equal(job.image, photograph())  # being the truth
    assert done.measured.hole_psnr == hole_psnr(done.result.image, photograph(), expected)
    assert list(done.files) == [tmp_path / "out" / "truth_restored.png"]
    assert not (tmp_path / "out").exists()


def test_a_mask_with_its_truth(request_of, tmp_path):
    mask, truth = tmp_path / "mask.png", tmp_path / "truth.png"
    request = replace(request_of, mask=mask, truth=truth, panel=True, report="none")
    done = perform(prepare(tmp_path / "holed.png", request), request, random_model())
    assert [path.name for path in done.files] == ["holed_panel.png", "holed_restored.png"]
    assert done.measured.coverage == hole().mean()
    without = replace(request, truth=None)
    job = prepare(tmp_path / "holed.png", without)
    assert perform(job, without, random_model()).measured is None


def test_files_that_do_not_go_together_are_refused(request_of, tmp_path):
    write_image(tmp_path / "small.png", photograph(20, 20))
    write_image(tmp_path / "nan.tif", np.full((96, 80, 3), np.nan, np.float32))
    mask = tmp_path / "mask.png"
    for changes, message in (
        ({"mask": tmp_path / "small.png"}, "must be of the same size"),
        ({"mask": mask, "truth": tmp_path / "small.png"}, "they must agree"),
        ({"mask": mask, "truth": tmp_path / "nan.tif"}, "a truth must be finite"),
    ):
        with pytest.raises(InputError, match=message):
            prepare(tmp_path / "holed.png", replace(request_of, **changes))
