"""Old module names still work, and say where the module is now."""

import importlib
import subprocess
import sys

import pytest

from bio_scnn._moved import MOVED


@pytest.mark.parametrize("old", MOVED)
def test_an_old_name_hands_on_the_new_module_and_warns(old):
    pytest.importorskip("torch") if old == "torch_model" else None
    sys.modules.pop(f"bio_scnn.{old}", None)
    with pytest.warns(DeprecationWarning, match=rf"bio_scnn\.{MOVED[old]} now"):
        module = importlib.import_module(f"bio_scnn.{old}")
    there = importlib.import_module(f"bio_scnn.{MOVED[old]}")
    names = [name for name in vars(there) if not name.startswith("_")]
    assert len(names) > 3
    assert all(getattr(module, name) is getattr(there, name) for name in names)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        module.nothing  # noqa: B018


def test_a_script_from_before_runs():
    code = "from bio_scnn.fi_curve import firing_rate; print(firing_rate(3.0))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert float(done.stdout) > 20


def test_a_name_that_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'bio_scnn\.nowhere'"):
        importlib.import_module("bio_scnn.nowhere")
