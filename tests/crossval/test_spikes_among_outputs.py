"""Spikes and V among what a layer hands out, where V is in whole numbers too."""

import numpy as np
import pytest

from bio_scnn.crossval.identify.calls import find_call


@pytest.mark.parametrize("first", ["spikes", "V"])
def test_a_V_in_whole_numbers_is_not_taken_for_spikes(first):
    def layer(x):
        V, spikes, shown = np.zeros(x.shape[1], int), [], []
        for x_n in x:
            V = (V * 15 >> 4) + np.rint(x_n).astype(int)
            spikes.append(V > 100)
            V = np.where(spikes[-1], 0, V)
            shown.append(V)
        out = np.array(spikes, float), np.array(shown, float)
        return out if first == "spikes" else out[::-1]

    call = find_call(layer)
    x = np.full((60, 2), [30.0, 9.0])
    response = call.run(x)
    right = layer(x)[:: 1 if first == "spikes" else -1]
    assert np.array_equal(response.spikes, right[0])
    assert np.array_equal(response.V, right[1])
    assert response.spikes.sum() > 10


@pytest.mark.parametrize("V_first", [False, True])
def test_v_in_whole_numbers_that_is_0_and_1_at_small_inputs_is_not_the_spikes(V_first):
    def layer(x):
        V, spikes, shown = np.zeros(x.shape[1], int), [], []
        for row in x:
            V = np.trunc(15 * V / 16).astype(int) + np.trunc(row).astype(int)
            spikes.append((V >= 400).astype(int))
            V = V - 400 * spikes[-1]
            shown.append(V)
        answer = np.array(spikes), np.array(shown)
        return answer[::-1] if V_first else answer

    call = find_call(layer)
    assert (call.spikes.path, call.V) == (("1", "0") if V_first else ("0", "1"))
    response = call.run(np.full((200, 2), 60.0))
    assert 5 < response.spikes.sum() < 200


def test_a_layer_that_never_fires_hands_out_zeros_and_its_v_is_no_spikes():
    def layer(x):
        V, shown = np.zeros(x.shape[1], int), []
        for row in x:
            V = np.minimum(np.trunc(15 * V / 16) + np.trunc(row), 1023).astype(int)
            shown.append(V)
        return np.zeros(x.shape, int), np.array(shown)

    call = find_call(layer)
    assert call.spikes.path == "0"
    assert call.run(np.full((50, 2), 1e4)).spikes.sum() == 0
