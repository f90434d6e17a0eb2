"""Patches prepared ahead of training: by how many processes they are does not matter."""

import dataclasses
import multiprocessing
import time

import numpy as np
import pytest
from helpers import SMALL

from bio_scnn import InputError
from bio_scnn.data.datasets import DataSettings, embedded_images
from bio_scnn.data.sampler import PatchSampler
from bio_scnn.runtime.files import alone
from bio_scnn.training.ahead import batches, groups, kept_name
from bio_scnn.training.batches import make_batch, prepare
from bio_scnn.training.settings import TrainingSettings

SETTINGS = TrainingSettings(steps=13, batch=2, patch=32, reuse=2, pool=2)
DATA = DataSettings(n_dead_leaves=2, dead_leaves_fraction=0.5, dead_leaves_size=64)


@pytest.fixture(scope="module")
def sampler():
    return PatchSampler(embedded_images()[:2], DATA)


def same(found, expected):
    return all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_groups_do_not_depend_on_the_workers_or_on_being_kept(sampler, tmp_path):
    expected = [prepare(sampler, SMALL, SETTINGS, number) for number in range(4)]
    assert not same(expected[0], expected[1])
    kept = list(groups(sampler, SMALL, SETTINGS, 0, workers=3, folder=tmp_path))
    assert len(kept) == 4
    assert all(map(same, kept, expected))
    # From the middle of a run only the later ones come.
    later = list(groups(sampler, SMALL, SETTINGS, 9))
    assert len(later) == 2
    assert all(map(same, later, expected[2:]))


def test_kept_groups_are_taken_by_the_trainings_that_they_are_the_same_for(sampler, tmp_path):
    settings = dataclasses.replace(SETTINGS, steps=1)
    path = tmp_path / kept_name(sampler, SMALL, settings, 0)
    (made,) = groups(sampler, SMALL, settings, 0, folder=tmp_path)
    changed = made._replace(truth=made.truth + 1)  # to see where it came from
    np.savez(path, **changed._asdict())
    other_batch = dataclasses.replace(settings, batch=1, pool=4, learning_rate=0.5)
    (taken,) = groups(sampler, SMALL, other_batch, 0, folder=tmp_path)
    assert same(taken, changed)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match=f"{path}: is damaged .* delete it"):
        list(groups(sampler, SMALL, other_batch, 0, folder=tmp_path))
    for change in ({"seed": 1}, {"patch": 64}, {"varied_masks": 0.0}, {"pool": 4}):
        others = dataclasses.replace(settings, **change)
        assert kept_name(sampler, SMALL, others, 0) != path.name
    fills = dataclasses.replace(SMALL, fills=("harmonic", "mean"))
    assert kept_name(sampler, fills, settings, 0) != path.name
    fewer = PatchSampler(embedded_images()[:1], DATA)
    assert kept_name(fewer, SMALL, settings, 0) != path.name


def test_batches_are_those_of_their_steps(sampler):
    prepared = [prepare(sampler, SMALL, SETTINGS, number) for number in range(4)]
    shown = list(batches(iter(prepared), SMALL, SETTINGS, 0))
    assert len(shown) == SETTINGS.steps
    for step, batch in enumerate(shown):
        assert same(batch, make_batch(prepared[step // 4], SMALL, SETTINGS, step))
    # A run that goes on in the middle of a group.
    resumed = list(batches(iter(prepared[1:]), SMALL, SETTINGS, 6))
    assert all(map(same, resumed, shown[6:]))
    assert len(resumed) == 7


def _hold(path, entered, seconds):
    with alone(path):
        entered.put(time.monotonic())
        time.sleep(seconds)
        entered.put(time.monotonic())


def test_one_process_at_a_time_is_alone(tmp_path):
    pytest.importorskip("fcntl")
    context = multiprocessing.get_context("spawn")
    entered = context.Queue()
    args = (tmp_path / "x.lock", entered, 0.3)
    team = [context.Process(target=_hold, args=args) for _ in range(3)]
    for process in team:
        process.start()
    # In order of time: what processes put may arrive in another.
    times = sorted(entered.get(timeout=30) for _ in range(6))
    for process in team:
        process.join()
    stays = list(zip(times[::2], times[1::2], strict=True))
    assert all(left - came >= 0.3 for came, left in stays)
