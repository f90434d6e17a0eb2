"""The LIF neuron from event to event in 50 digits (mpmath, which comes with Brian2's SymPy).

Nothing of bio_scnn enters but the numbers in `LIFParameters`, and none of its formulas: the
synaptic solution is the difference of two exponentials, which 50 digits can afford.
"""

import itertools

import mpmath

_mp = mpmath.MPContext()
_mp.dps = 80  # of which 30 are lost where tau_syn equals tau
_exp, _log, _number = _mp.exp, _mp.log, _mp.mpf


def spike_train(current, params, dt_ms, events=None):
    """Spike times of one neuron, ms, under currents held over steps and events at their starts.

    Parameters
    ----------
    current, events : (steps,) sequences of float
    params : LIFParameters
        `tau_syn_ms` may not equal `tau_ms`: shift it by 1e-30 of itself.

    Returns
    -------
    list of mpf
    """
    tau, t_ref, R = map(_number, (params.tau_ms, params.t_ref_ms, params.R))
    V_th, V_reset, V_rest = map(_number, (params.V_th, params.V_reset, params.V_rest))
    dt, tau_syn = _number(dt_ms), _number(params.tau_syn_ms)
    if tau_syn == tau:
        tau_syn *= 1 + _number(10) ** -30
    V, I_syn, free_from, spikes = V_reset, _number(0), _number(0), []
    for step, held in enumerate(current):
        begin, end = step * dt, (step + 1) * dt
        I_syn += 0 if events is None else _number(float(events[step]))
        now, V_inf = begin, V_rest + R * _number(float(held))
        while (now := max(now, free_from)) < end:
            I_now = I_syn * _exp(-(now - begin) / tau_syn)
            slow = R * I_now * tau_syn / (tau_syn - tau)
            fast = V - V_inf - slow
            crossing = _first_crossing(V_inf - V_th, slow, fast, tau, tau_syn, end - now)
            if crossing is None:
                decayed = slow * _exp(-(end - now) / tau_syn) + fast * _exp(-(end - now) / tau)
                V = V_inf + decayed
                break
            spikes.append(now + crossing)
            V, free_from = V_reset, now + crossing + t_ref
            now = now + crossing
        I_syn *= _exp(-dt / tau_syn)
    return spikes


def _first_crossing(gap, slow, fast, tau, tau_syn, span):
    """The first s up to span where gap + slow exp(-s/tau_syn) + fast exp(-s/tau) rises to 0."""

    def margin(s):
        return gap + slow * _exp(-s / tau_syn) + fast * _exp(-s / tau)

    turns = []
    if slow and (quotient := -(fast * tau_syn) / (slow * tau)) > 0:
        extremum = _log(quotient) / (1 / tau - 1 / tau_syn)
        turns = [extremum] * (0 < extremum < span)
    points = [_number(0), *turns, span]
    for low, high in itertools.pairwise(points):
        if margin(low) < 0 <= margin(high):
            for _ in range(170):  # 2**-170 is 50 digits
                middle = (low + high) / 2
                low, high = (low, middle) if margin(middle) >= 0 else (middle, high)
            return high
    return None


def compare(recording, current, params, events=None):
    """Largest error of the recorded spike times, ms, after each neuron's spikes were counted."""
    worst = 0.0
    for neuron, train in zip(recording.record, recording.spike_trains_ms, strict=True):
        increments = None if events is None else events[:, neuron]
        exact = spike_train(current[:, neuron], params, recording.dt_ms, increments)
        assert len(train) == recording.count[neuron] == len(exact), (neuron, train, exact)
        errors = (abs(_number(float(t)) - e) for t, e in zip(train, exact, strict=True))
        worst = max(worst, float(max(errors, default=0)))
    return worst
