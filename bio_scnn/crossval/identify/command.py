"""Command line of recordings and golden vectors: options of ``python -m bio_scnn.validate``."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from bio_scnn.crossval.declared import KEYS, declared_format
from bio_scnn.crossval.identify.differences import differences
from bio_scnn.crossval.identify.fixed_point import in_fixed_point
from bio_scnn.crossval.identify.golden import golden_vectors
from bio_scnn.crossval.identify.identification import Identification
from bio_scnn.crossval.identify.quirks import without_quirks
from bio_scnn.crossval.identify.readings import code_sentence, physics_sentence
from bio_scnn.crossval.identify.recording import identify_recording
from bio_scnn.crossval.identify.recording_files import read_with_step
from bio_scnn.crossval.protocol import family_of
from bio_scnn.crossval.q_format import FixedPointNeuron
from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.runtime.files import encodable


def add_recording_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to the parser of `bio_scnn.validate`."""
    group = parser.add_argument_group("a recording")
    group.add_argument(
        "--recording", type=Path, metavar="FILE",
        help="identify the neuron in a recording: CSV, npy, npz or NIR data (.h5) with input, "
        "spikes and, in any unit, V if known; print its errors and its differences from the "
        "neuron of --nir",
    )  # fmt: skip
    group.add_argument(
        "--input",
        type=Path,
        metavar="FILE",
        help="input of the recording, if it is in another file",
    )
    golden = parser.add_argument_group("a neuron in fixed point")
    golden.add_argument(
        "--export-golden", type=Path, metavar="DIR",
        help="write inputs, V and spikes of the neuron of Table 1, or of --nir, in fixed point "
        "as hex for $readmemh of a test bench, and stop; --word and the other options of fixed "
        "point give the format",
    )  # fmt: skip


def explain_recording(args: argparse.Namespace, dt_ms: float | None) -> None:
    """Print what neuron a recording is of."""
    columns, own_dt_ms = read_with_step(args.recording, args.input)
    dt_ms = own_dt_ms if dt_ms is None else dt_ms
    try:
        found = identify_recording(
            columns["input"], columns.get("V"), columns.get("spikes"), dt_ms=dt_ms
        )
    except InputError as error:
        raise InputError(f"{args.recording}: {error}") from error
    meant, name = _meant(args.nir)
    lines = _differences(found, meant, dt_ms)
    if args.json:
        print(json.dumps(_table(found, lines), indent=2))
        return
    print(encodable(f"{args.recording}: {_verdict(found)}"))
    print(found)
    print(encodable(f"{'' if lines else 'no '}differences from {name}{':' if lines else ''}"))
    for line in lines:
        print(f"  {line}")


def _verdict(found: Identification) -> str:
    """Outcome in a few words."""
    if found.neuron is None:
        return "no neuron was found that explains it"
    if not found.exact:
        return "no neuron was found that explains all of it; the best one is"
    what = "every spike" if found.V_explained is None else "every spike and every V"
    others = len(found.alternatives)
    also = (
        f", and so do{'es' * (others == 1)} {others} other{'s' * (others > 1)}" if others else ""
    )
    return f"this neuron explains {what}{also}"


def _meant(files: list[Path]) -> tuple[LIFParameters | None, str]:
    """Neuron that was meant: a NIR file's; None means eq. 1 with the parameters found."""
    if not files:
        return None, "eq. 1 with the same parameters"
    from bio_scnn.crossval.nir_io.reading import import_nir

    if len(files) > 1:
        raise InputError("--recording is compared with one --nir FILE")
    params = import_nir(files[0])[0].params
    if not isinstance(params, LIFParameters):
        raise InputError(
            f"{files[0]}: its first neuron is a {family_of(params)}; --recording compares with "
            "a LIF"
        )
    return params, str(files[0])


def _differences(
    found: Identification, meant: LIFParameters | None, dt_ms: float | None
) -> list[str]:
    if found.neuron is None:
        return []
    seen, right = found.V_shown != "none", None
    if meant is None:
        right = without_quirks(found.neuron)
    apart = differences(
        found.neuron, meant, dt_ms, right=right, V_seen=seen, resolution=found.resolution
    )
    return [str(one) for one in apart]


def _table(found: Identification, lines: list[str]) -> dict[str, Any]:
    """Identification as a table of JSON."""
    table: dict[str, Any] = {
        "neuron": _plain(found.neuron),
        "code": code_sentence(found.neuron) if found.neuron else None,
        "physics": physics_sentence(found.neuron, found.dt_ms) if found.neuron else None,
        "alternatives": [_plain(other) for other in found.alternatives],
        "differences": lines,
    }
    for field in dataclasses.fields(found):
        if field.name not in table:
            table[field.name] = getattr(found, field.name)
    return table


def _plain(neuron: Any) -> Any:
    """Fields of a neuron, without infinities, which JSON lacks."""
    if neuron is None:
        return None

    def finite(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: finite(v) for key, v in value.items()}
        return None if isinstance(value, float) and abs(value) == float("inf") else value

    return finite(dataclasses.asdict(neuron))


def export_golden(args: argparse.Namespace, dt_ms: float) -> None:
    """Write golden vectors of a neuron in fixed point."""
    params, _ = _meant(args.nir)
    params = params or TABLE_1
    said = {key: value for key in KEYS if (value := vars(args)[key.replace("-", "_")]) is not None}
    form = declared_format(said) or FixedPointNeuron()
    neuron = in_fixed_point(params, dt_ms, form)
    golden_vectors(neuron, form, args.export_golden)
    print(f"wrote {encodable(str(args.export_golden))}; its README.md says what to do with it")
