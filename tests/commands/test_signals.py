"""SIGTERM ends a command as Ctrl-C does."""

import os
import signal
import subprocess
import sys

import pytest

from bio_scnn.commands.signals import Terminated, end_cleanly

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends a signal to a process")

WRITES = """
import sys, time
from pathlib import Path
from bio_scnn.commands.options import run
from bio_scnn.runtime.files import write_whole

def slowly(file):
    file.write(b"half of it")
    print("writing", flush=True)
    time.sleep(60)

run(lambda: write_whole(Path("result.png"), slowly))
"""

FORKS = """
import os, sys, time
from bio_scnn.commands.options import run

def main():
    if (child := os.fork()) == 0:
        print("ready", flush=True)
        time.sleep(60)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status))

run(main)
"""


def started(program, folder):
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout.readline()
    return process


def test_nothing_is_left_of_a_file_that_was_being_written(tmp_path):
    process = started(WRITES, tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    assert said == "terminated\n"
    assert not list(tmp_path.iterdir())


def test_forked_processes_end_at_once(tmp_path):
    process = started(FORKS, tmp_path)
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    if not os.path.exists(children):
        process.kill()
        pytest.skip("the system does not list children of a process")
    with open(children) as file:
        os.kill(int(file.read().split()[0]), signal.SIGTERM)
    told, said = process.communicate(timeout=60)
    assert (told, said, process.returncode) == ("-15\n", "", 0)


def test_the_handler_of_somebody_else_stays():
    usual = signal.getsignal(signal.SIGTERM)
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        end_cleanly()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        end_cleanly()
        with pytest.raises(Terminated):
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, usual)
