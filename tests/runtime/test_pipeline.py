"""The three stages of `bio_scnn.runtime.pipeline`: their order, overlap and failures."""

import threading

import pytest

from bio_scnn.runtime.pipeline import pipelined

SOON_S = 30  # a stage that is not begun by then is never begun beside the other


def test_results_come_in_order():
    found = []
    pipelined(
        range(5),
        lambda n: (n, 10 * n),
        lambda prepared: prepared[1] + 1,
        lambda prepared, answer: found.append((*prepared, answer)),
    )
    assert found == [(n, 10 * n, 10 * n + 1) for n in range(5)]
    pipelined([], *[pytest.fail] * 3)  # nothing to do


def test_the_next_is_prepared_and_the_last_finished_during_the_work():
    prepared, finished = ([threading.Event() for _ in range(4)] for _ in range(2))
    threads = {"prepare": set(), "work": set(), "finish": set()}

    def prepare(n):
        threads["prepare"].add(threading.get_ident())
        prepared[n].set()
        return n

    def work(n):
        threads["work"].add(threading.get_ident())
        if n + 1 < 4:  # were it not begun beside this, it would never be
            assert prepared[n + 1].wait(SOON_S)
        if n + 2 < 4:
            assert not prepared[n + 2].is_set()
        if n:
            assert finished[n - 1].wait(SOON_S)
        return n

    def finish(n, answer):
        assert n == answer
        threads["finish"].add(threading.get_ident())
        finished[n].set()

    pipelined(range(4), prepare, work, finish)
    assert all(event.is_set() for event in finished)
    assert threads["work"] == {threading.get_ident()}
    assert threads["prepare"] == threads["finish"]
    assert threads["prepare"].isdisjoint(threads["work"])


@pytest.mark.parametrize("stage", range(3))
def test_a_failure_ends_it(stage):
    begun = []

    def stage_of(number):
        def run(n, *_):
            begun.append((number, n))
            if number == stage and n == 2:
                raise ZeroDivisionError(f"stage {number}")
            return n

        return run

    with pytest.raises(ZeroDivisionError, match=f"stage {stage}"):
        pipelined(range(9), *map(stage_of, range(3)))
    assert (stage, 2) in begun
    assert max(n for _, n in begun) <= 4


def test_a_single_item_needs_no_other_thread():
    threads, found = set(), []

    def note(value):
        threads.add(threading.get_ident())
        return value

    pipelined(
        [3],
        lambda n: note(n + 1),
        lambda prepared: note(2 * prepared),
        lambda prepared, answer: found.append(note((prepared, answer))),
    )
    assert found == [(4, 8)]
    assert threads == {threading.get_ident()}
