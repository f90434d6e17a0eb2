"""Output of machines: what happens to spikes on their way out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.faults.machine import Machine


def handed_out(m: Machine, s: NDArray[np.int64]) -> NDArray[np.int64]:
    """Spikes ``(steps, ...)`` as they leave a layer: late, repeated, or out of a buffer."""
    if m.fires == "unseen":
        return np.zeros_like(s)
    if m.most_of[0]:
        s = _fewer(s, *m.most_of, all_count=m.all_count)
    if m.lasts > 1:
        later = [np.concatenate([np.zeros_like(s[:k]), s[:-k]]) for k in range(1, m.lasts)]
        s = np.maximum.reduce([s, *later])
    if m.late:
        s = np.concatenate([np.zeros_like(s[: m.late]), s])[: len(s)]
    if m.buffer:
        n, half, old = m.buffer, m.buffer // 2, s.copy()
        s = s.copy()
        for k in range(n, len(s) - n + 1, n):
            s[k : k + half] = old[k - n : k - n + half]
    return s


def _fewer(s: NDArray[np.int64], most: int, steps: int, *, all_count: bool) -> NDArray[np.int64]:
    """Spikes without those that would be more than so many in so many steps."""
    out = s.copy()
    for n in range(len(s)):
        before = (s if all_count else out)[max(n - steps + 1, 0) : n].sum(axis=0)
        out[n] = np.where(before >= most, 0, s[n])
    return out
