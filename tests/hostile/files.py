"""Cases of damaged files: models, configurations, training states, NIR files, test vectors."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import tomli_w
from helpers import random_model
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from tiny_training import CONFIG

from bio_scnn import TABLE_1, InputError, inpaint
from bio_scnn.crossval import exchange
from bio_scnn.crossval.declared import declared, from_pyproject
from bio_scnn.crossval.vectors import check_vectors
from bio_scnn.network.architecture import param_shapes
from bio_scnn.network.checkpoint import digest, load_model, metadata_digest, save_model
from bio_scnn.runtime.config import from_table, read_toml, to_table
from bio_scnn.training.run_files import Snapshot, load_state, save_state
from bio_scnn.training.settings import Config
from bio_scnn.training.state import TrainingState
from tests.hostile.mutations import (
    array_mutated,
    bytes_mutated,
    json_of,
    one_of,
    table_mutated,
)

PICTURE = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
HOLE = np.zeros((24, 24), bool)
HOLE[6:12, 5:15] = True


def rewritten(path: Path, keys: tuple[str, ...], rng: np.random.Generator) -> bool:
    """Damage a safetensors file; True if its checksums fit what it holds now."""
    if rng.random() < 0.35:
        path.write_bytes(bytes_mutated(path.read_bytes(), rng))
        return False
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    if rng.random() < 0.3:
        name = one_of(rng, sorted(tensors))
        changed = array_mutated(tensors[name], rng)
        tensors = {k: changed if k == name else v for k, v in tensors.items()}
        tensors = {k: v for k, v in tensors.items() if v is not None}
    else:
        key = one_of(rng, keys)
        whole = {key: json.loads(metadata[key])} if key != "step" else {key: metadata[key]}
        changed = table_mutated(whole, rng)
        metadata.pop(key)
        metadata |= {k: v if isinstance(v, str) else json_of(v) for k, v in changed.items()}
    metadata["sha256"] = digest(tensors)
    metadata["sha256_metadata"] = metadata_digest(metadata)
    save_file(tensors, path, metadata)
    return True


class Models:
    """A model file; if it loads, it restores, and one whose bytes changed is the one of before."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "small.safetensors"
        self.model = random_model().astype(np.float32)
        save_model(self.path, self.model, {"name": "small"})
        self.valid = self.path.read_bytes()

    def damage(self, rng: np.random.Generator) -> None:
        self.path.write_bytes(self.valid)
        self.fits = rewritten(self.path, ("architecture", "lif", "about"), rng)

    def use(self) -> None:
        model, _ = load_model(self.path)
        if not self.fits:
            assert (model.architecture, model.lif) == (self.model.architecture, self.model.lif)
        restored = inpaint(PICTURE, HOLE, channel_axis=-1, model=model, quality="fast")
        assert (restored[~HOLE] == PICTURE[~HOLE]).all()


class Configs:
    """A configuration of a training, as TOML."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "tiny.toml"
        self.path.write_text(CONFIG)
        self.table = to_table(from_table(Config, read_toml(self.path), "tiny"))

    def damage(self, rng: np.random.Generator) -> None:
        if rng.random() < 0.3:
            self.path.write_bytes(bytes_mutated(tomli_w.dumps(self.table).encode(), rng))
            return
        changed = table_mutated(self.table, rng)
        lines = [f"{k} = {toml_of(v)}" for k, v in changed.items()]
        self.path.write_text("\n".join(lines))

    def use(self) -> None:
        config = from_table(Config, read_toml(self.path), str(self.path))
        try:
            config.check_memory()
        except InputError as error:
            raise InputError(f"{self.path}: {error}") from None


def toml_of(value) -> str:
    """A value in a line of TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml_of(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_of, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json_of(value)


class Declared(Configs):
    """A neuron declared in a pyproject.toml."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "pyproject.toml"
        neuron = {"decay": 0.5, "threshold": 1.0, "t-ref": 2.0, "reset": "value", "above": True}
        self.table = {"tool": {"bio_scnn": {"validate": neuron}}}

    def use(self) -> None:
        table = from_pyproject(self.path.parent)
        try:
            declared(table, 1.0)
        except InputError as error:
            raise InputError(f"{self.path}: {error}") from None


class States:
    """A saved training."""

    def __init__(self, folder: Path) -> None:
        toml = folder / "tiny.toml"
        toml.write_text(CONFIG)
        self.config = from_table(Config, read_toml(toml), "tiny")
        shapes = param_shapes(self.config.architecture)
        zero = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
        self.path = folder / "tiny.state.safetensors"
        row = {"step": 2, "loss": 0.5, "learning_rate": 1e-3}
        run = Snapshot(TrainingState(3, zero, zero, zero, zero), (0.5,), [row])
        save_state(self.path, run, self.config, "x")
        self.valid = self.path.read_bytes()

    def damage(self, rng: np.random.Generator) -> None:
        self.path.write_bytes(self.valid)
        rewritten(self.path, ("step", "config", "log", "losses"), rng)

    def use(self) -> None:
        run = load_state(self.path, self.config, "x")
        for part in (run.state.params, run.state.m, run.state.v, run.state.ema):
            assert all(np.isfinite(value).all() for value in part.values())


class Vectors:
    """A folder of test vectors of one case, with an answer."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        current, zeros = np.full((20, 2), 9.0), np.zeros((20, 2))
        self.arrays = {
            "one/current.npy": current,
            "one/exact_spikes.npy": np.array([[0, 8.0], [1, 8.0]]),
            "one/exact_membrane.npy": zeros,
            "one/answer_spikes.npy": zeros,
        }
        case = {"dt_ms": 1.0, "steps": 20, "neurons": 2, "grid_spikes": 2}
        case["params"] = to_table(TABLE_1)
        self.table = {
            "format": "bio_scnn test vectors",
            "version": 1,
            "generated_by": {"bio_scnn": "0"},
            "cases": {"one": case},
        }

    def damage(self, rng: np.random.Generator) -> None:
        files = {name: exchange.npy_bytes(array) for name, array in self.arrays.items()}
        which = int(rng.integers(4))
        name = one_of(rng, sorted(files))
        if which == 0:
            changed = array_mutated(self.arrays[name], rng)
            files[name] = b"" if changed is None else exchange.npy_bytes(changed)
        elif which == 1:
            files[name] = bytes_mutated(files[name], rng)
        (self.path / "one").mkdir(exist_ok=True)
        for name, data in files.items():
            (self.path / name).write_bytes(data)
        stored = [name for name in files if "answer" not in name]
        digests = {name: hashlib.sha256(files[name]).hexdigest() for name in stored}
        table = self.table | {"sha256": digests}
        if which > 1:
            table = table_mutated(table, rng)
        (self.path / "manifest.json").write_text(json_of(table))

    def use(self) -> None:
        for result in check_vectors(self.path).results:
            assert result.status != "error" or "\n" not in result.reason


class NIRFiles:
    """A NIR file of a LIF node, with links and declared sizes that no file needs."""

    def __init__(self, folder: Path) -> None:
        from nir_files import lif_file

        self.path = lif_file(folder / "a.nir")
        self.valid = self.path.read_bytes()

    def damage(self, rng: np.random.Generator) -> None:
        import h5py

        self.path.write_bytes(self.valid)
        if rng.random() < 0.4:
            self.path.write_bytes(bytes_mutated(self.valid, rng))
            return
        with h5py.File(self.path, "a") as file:
            node = file["node/nodes/lif"]
            field = one_of(rng, ("tau", "r", "v_leak", "v_threshold", "v_reset", "type"))
            value = node[field][()]
            del node[field]
            match int(rng.integers(9)):
                case 0:
                    node[field] = h5py.ExternalLink("/dev/zero", "/x")
                case 1:
                    node[field] = h5py.SoftLink("/node")
                case 2:
                    node[field] = file["node"]
                case 3:
                    node.create_dataset(field, (3 * 10**8,), "f8", chunks=(2**16,))
                case 4:
                    layout = h5py.VirtualLayout((3,), "f8")
                    layout[:] = h5py.VirtualSource("/dev/zero", "x", (3,))
                    node.create_virtual_dataset(field, layout)
                case 5:
                    for _ in range(40):
                        node = node.create_group("g")
                case 6:
                    node[field] = one_of(rng, ("x", 3, [1.0, 2.0], b"\xff"))
                case _ if np.asarray(value).dtype.kind == "f":
                    changed = array_mutated(value, rng)
                    if changed is not None:
                        node[field] = changed

    def use(self) -> None:
        from bio_scnn.crossval.nir_io import import_nir

        import_nir(self.path)
