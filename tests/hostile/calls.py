"""Cases of library calls: arguments of every kind in the place of a valid one."""

from __future__ import annotations

import numpy as np

import bio_scnn
from bio_scnn.neuron import closed_form, models
from tests.hostile.mutations import one_of

VALUES = (
    None, "x", "9", b"9", "", [], {}, (), object(), len, True, [True], 0, -1, 0.5, 3, 10**400,
    2**64, float("nan"), float("inf"), -1e308, 1e308, 5e-324, 1e-300, 1 + 2j, [1, [2, 3]], [[]],
    [None], ["a"], {"a": 1}, range(3), range(10**12), np.zeros(0), np.zeros((2, 0)), np.eye(3),
    np.zeros((2, 2, 2, 2)), np.array("abc"), np.array([9 + 1j]), np.array([None]),
    np.array(["1970-01-01"], "M8[s]"), np.array([3], "m8[s]"), np.ma.array([9.0], mask=[True]),
    np.float16(9), np.zeros(2, [("a", "f4")]), np.full((24, 24), np.nan), np.full(3, 1e308),
    np.ones((24, 24), bool), np.zeros((24, 24)), "\x1b[31m\n", "a" * 10_000, -7, np.int8(-3),
)  # fmt: skip

IMAGE = np.arange(24 * 24, dtype=np.uint16).reshape(24, 24) % 251
MASK = np.zeros((24, 24), bool)
MASK[5:9, 6:15] = True
RESTORED = {"image": IMAGE, "mask": MASK, "quality": "fast", "seed": 0}
CALLS = {
    "simulate": {
        "current": [9.0, 20.0], "params": bio_scnn.TABLE_1, "duration_ms": 20, "dt_ms": 1.0,
        "mode": "exact", "noise_std": 0.0, "seed": 0, "record": (0,), "target": "numpy",
    },
    "inpaint": RESTORED | {"channel_axis": None, "model": "inpaint", "engine": None,
                           "readout": "isi", "nodata": None},
    "restore": RESTORED | {"model": "inpaint", "rates_every": 1},
    "firing_rate": {"current": 9.0, "params": bio_scnn.TABLE_1},
    "current_for_rate": {"rate_hz": 100.0, "params": bio_scnn.TABLE_1},
    "spike_count": {"current": 9.0, "duration_ms": 100, "params": bio_scnn.TABLE_1},
    "spike_times": {"current": 9.0, "duration_ms": 100, "params": bio_scnn.TABLE_1},
    "membrane": {"t_ms": [1.0], "current": 9.0, "params": bio_scnn.TABLE_1},
    "LIFParameters": {"V_th": 1.0, "V_reset": 0.0, "t_ref_ms": 1.0, "tau_ms": 40.0,
                      "R": 0.5, "reset": "value", "rate_min_hz": 100.0},
    "IFParameters": {"R": 1.0, "V_th": 1.0, "reset": "value", "t_ref_ms": 1.0},
    "CubaLIFParameters": {"tau_ms": 20.0, "tau_syn_ms": 5.0, "w": 1.0, "V_th": 1.0},
    "AdaptiveLIFParameters": {"tau_ms": 20.0, "tau_w_ms": 50.0, "b": 1.0, "t_ref_ms": 0.0},
}  # fmt: skip
MODULES = (bio_scnn, closed_form, models)


class Calls:
    """A call of a public function, one of whose arguments is of another kind."""

    path = None

    def __init__(self, _folder) -> None:
        pass

    def damage(self, rng: np.random.Generator) -> None:
        self.name = one_of(rng, sorted(CALLS))
        self.arguments = dict(CALLS[self.name])
        self.changed = one_of(rng, sorted(self.arguments))
        self.arguments[self.changed] = one_of(rng, VALUES)

    def __str__(self) -> str:
        return f"{self.name}({self.changed}={repr(self.arguments[self.changed])[:60]})"

    def use(self) -> None:
        home = next(module for module in MODULES if hasattr(module, self.name))
        result = getattr(home, self.name)(**self.arguments)
        if self.name in ("inpaint", "restore"):
            image = getattr(result, "image", result)
            given, hole = (np.asarray(self.arguments[name]) for name in ("image", "mask"))
            assert image.dtype == given.dtype
            np.testing.assert_array_equal(image[~hole.astype(bool)], given[~hole.astype(bool)])
