"""Three stages in a row, of which one thread takes the second and another the first and third."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")
Answer = TypeVar("Answer")


def pipelined(
    items: Sequence[Item],
    prepare: Callable[[Item], Prepared],
    work: Callable[[Prepared], Answer],
    finish: Callable[[Prepared, Answer], None],
) -> None:
    """Work on an item while the next is prepared and the last is finished.

    `work` runs in the caller's thread, `prepare` and `finish` in turns in one of their own. So
    each stage is at one item at a time, in order, and three items at most are in memory. A single
    item, with nothing beside it, stays in the caller's thread. The first exception of a stage
    ends it.
    """
    if len(items) == 1:
        prepared = prepare(items[0])
        finish(prepared, work(prepared))
        return
    with ThreadPoolExecutor(1) as beside:
        ready = [beside.submit(prepare, item) for item in items[:1]]
        finishing: list[Future[None]] = []
        for number in range(len(items)):
            prepared = ready.pop().result()
            ready = [beside.submit(prepare, item) for item in items[number + 1 : number + 2]]
            answer = work(prepared)
            if finishing:
                finishing.pop().result()
            finishing.append(beside.submit(finish, prepared, answer))
        for last in finishing:
            last.result()
