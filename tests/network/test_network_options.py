"""Options of the neurons that are refused."""

import pytest

from bio_scnn import InputError
from bio_scnn.network.options import SpikingOptions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "nest"}, "engine 'nest' is unknown; choose from brian2, closed-form"),
        ({"readout": "phase"}, "readout 'phase'"),
        ({"current_noise": -1.0}, "current_noise is -1.0"),
        ({"feature_noise": float("nan")}, "feature_noise is nan"),
        ({"engine": "closed-form", "current_noise": 0.1}, "use the engine 'brian2'"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        SpikingOptions(**options)
