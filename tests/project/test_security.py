"""Files are data and never code; what SECURITY.md says of them is held to here."""

import ast
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from bio_scnn import InputError
from bio_scnn.crossval.exchange import read_npy
from bio_scnn.crossval.identify.recording_files import read_recording
from bio_scnn.data.images import read_image, read_mask
from bio_scnn.network.checkpoint import load_model
from bio_scnn.runtime.config import parse_json, read_toml
from tools.audit import audited

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = sorted((ROOT / "bio_scnn").rglob("*.py"))
CODE = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "yaml", "code"}


def forbidden(tree: ast.AST) -> list[str]:
    """Calls and imports that run code out of data, reach a shell, guess file names, or listen."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found += [n.name for n in names if n.name.split(".")[0] in CODE]
            case ast.ImportFrom(module=str(module)):
                found += [module] if module.split(".")[0] in CODE else []
            case ast.Call(func=ast.Name(id="eval" | "exec" | "compile" as name)):
                found.append(name)
            case ast.Call(func=ast.Attribute(attr=name), keywords=keywords):
                words = {k.arg: getattr(k.value, "value", None) for k in keywords}
                if words.get("shell") or words.get("allow_pickle"):
                    found.append(f"{name}(shell or allow_pickle)")
                owner = getattr(node.func.value, "id", "")
                if owner == "np" and name == "load" and words.get("allow_pickle", 1) is not False:
                    found.append("np.load without allow_pickle=False")
                if (owner, name) in {("os", "system"), ("os", "popen"), ("tempfile", "mktemp"),
                                     ("torch", "load")}:  # fmt: skip
                    found.append(f"{owner}.{name}")
                if name in ("LocalCluster", "listen", "Scheduler"):
                    found.append(f"{name}, which listens")
    return found


def test_nothing_runs_code_out_of_data_or_listens():
    assert len(SOURCES) > 200
    found = {p.name: forbidden(ast.parse(p.read_text("utf-8"))) for p in SOURCES}
    # The brush serves its page; tests/brush hold it to this machine and to its secret.
    assert {name: lines for name, lines in found.items() if lines} == {
        "serving.py": ["listen, which listens"]
    }


@pytest.mark.parametrize(
    "line",
    ["import pickle", "from yaml import load", "eval(x)", "np.load(p)", "f(x, allow_pickle=True)",
     "run(x, shell=True)", "tempfile.mktemp()", "torch.load(p)", "distributed.LocalCluster()"],
)  # fmt: skip
def test_what_is_forbidden_would_be_found(line):
    line = line.replace("f(x", "np.f(x").replace("run(x", "subprocess.run(x")
    assert len(forbidden(ast.parse(line))) == 1


class Payload:
    """An object whose unpickling makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


READERS = {
    "a.npy": read_npy, "r.npy": read_recording, "r.npz": read_recording, "p.npz": read_recording,
    "m.safetensors": load_model, "m.png": read_mask, "p.tif": read_image, "c.toml": read_toml,
    "manifest.json": lambda path: parse_json(path.read_bytes(), str(path)),
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_a_file_with_a_pickle_in_it_runs_nothing(tmp_path, name):
    path, made = tmp_path / name, tmp_path / "made"
    payload = np.array([Payload(made)], object)
    if name in ("a.npy", "r.npy"):
        np.save(path, payload, allow_pickle=True)
    elif name == "r.npz":
        np.savez(path, input=payload, v=payload)
    else:
        path.write_bytes(pickle.dumps(payload))
    with pytest.raises((InputError, ValueError)):
        READERS[name](path)
    assert not made.exists()
    if name.endswith("npy"):  # the payload would have worked
        np.load(path, allow_pickle=True)
        assert made.exists()


def test_words_of_a_model_are_only_words(tmp_path):
    made = tmp_path / "made"
    line = f"__import__('os').mkdir({str(made)!r})"
    path = tmp_path / "m.safetensors"
    keys = ("format", "architecture", "lif", "about")
    path.write_bytes(save({"w": np.zeros(3, np.float32)}, dict.fromkeys(keys, line)))
    with pytest.raises(InputError):
        load_model(path)
    assert not made.exists()


def test_partial_files_are_private_until_they_are_whole(tmp_path, monkeypatch):
    """Their names cannot be guessed, and a file or a link that is there is not written to."""
    from bio_scnn.runtime import files

    seen = []
    monkeypatch.setattr(os, "replace", lambda source, target: seen.append(Path(source)))
    for _ in range(2):
        files.write_whole(tmp_path / "result", b"x")
    assert seen[0] != seen[1]
    assert all(path.name.startswith(".") and len(path.stem) > 30 for path in seen)

    class Known:
        hex = "known"

    monkeypatch.setattr(files.uuid, "uuid4", Known)
    (tmp_path / "victim").write_bytes(b"old")
    (tmp_path / ".known.part").symlink_to(tmp_path / "victim")
    with pytest.raises(InputError, match="File exists"):
        files.write_whole(tmp_path / "result", b"x")
    assert (tmp_path / "victim").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("answer", "ci", "code", "says"),
    [
        ('{"name": "a", "version": "1", "vulns": []}', "1", 0, "1 packages, 0 known fault"),
        ('{"name": "a", "version": "1", "vulns": [{"id": "CVE-7"}]}', "", 1, "a 1: CVE-7"),
        ('{"name": "a", "skip_reason": "not found"}', "", 0, "not done"),
        ('{"name": "a", "skip_reason": "not found"}', "1", 1, "not done"),
    ],
)
def test_known_faults_of_dependencies_are_told(
    tmp_path, monkeypatch, capsys, answer, ci, code, says
):
    (tmp_path / "tool.py").write_text(f"print('{{\"dependencies\": [{answer}]}}')\n")
    tool = tmp_path / "tool"
    tool.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{tmp_path}/tool.py'\n")
    tool.chmod(0o755)
    monkeypatch.delenv("CI", raising=False)
    if ci:
        monkeypatch.setenv("CI", ci)
    assert audited(str(tool), "requirements.txt") == code
    assert says in capsys.readouterr().out
