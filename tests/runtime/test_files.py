"""Files that are written whole or not at all, also when the machine stops."""

import os

import pytest

from bio_scnn import InputError
from bio_scnn.runtime.files import write_whole


def test_what_is_renamed_is_on_the_disk(tmp_path, monkeypatch):
    """After a crash the name must not lead to an empty file."""
    order, sync, replace = [], os.fsync, os.replace

    def synced(number):
        order.append(("fsync", os.fstat(number).st_size))
        sync(number)

    def replaced(source, target):
        order.append(("replace", os.stat(source).st_size))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    write_whole(tmp_path / "a", b"12345")
    write_whole(tmp_path / "b", lambda file: file.write(b"123"))
    assert order == [("fsync", 5), ("replace", 5), ("fsync", 3), ("replace", 3)]


def test_a_disk_that_fills_up_leaves_the_old_file(tmp_path, monkeypatch):
    def full(_number):
        raise OSError(28, "No space left on device")

    write_whole(tmp_path / "a", b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="a: cannot be written"):
        write_whole(tmp_path / "a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"
