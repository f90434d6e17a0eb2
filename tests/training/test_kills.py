"""Trainings killed at random moments, as `make soak` does a hundred times."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that are forked")
def test_trainings_killed_at_random_end_at_the_same_weights():
    words = [sys.executable, "-m", "tests.soak.kills", "5", "5"]
    paths = [str(ROOT), str(ROOT / "tests" / "support"), os.environ.get("PYTHONPATH", "")]
    alone = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"}
    ended = subprocess.run(words, cwd=ROOT, env=alone, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "5 of       5" in ended.stdout, ended.stdout + ended.stderr
