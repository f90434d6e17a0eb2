"""Settings read from TOML and JSON: whatever stands in the file, an error is one line."""

import json
from dataclasses import dataclass

import pytest

from bio_scnn.errors import InputError
from bio_scnn.runtime.config import from_table, parse_json, read_toml


@dataclass(frozen=True)
class Settings:
    """Settings of each kind."""

    rate: float = 1.0
    steps: int = 3
    names: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("rate = " + "[" * 100_000, "is not valid TOML: it is nested too deeply"),
        ("steps = " + "9" * 5000, "is not valid TOML: a number has thousands of digits"),
        ("steps = 0x" + "f" * 5000, "steps is a number of 20000 bits"),
        ("rate = 1" + "0" * 400, "rate is 1000.*whole numbers may have up to 64 bits"),
        ('rate = "' + "a" * 10_000 + '"', "rate is 'aaaa.*expected float"),
        ("rate = " + "[" * 400 + "]" * 400, "rate is .*expected float"),
        ("rate = \xff", "is not valid TOML"),
        ("a" * 10_000 + " = 1", "unknown setting 'aaa.*known are rate, steps, names"),
    ],
)
def test_toml(tmp_path, text, wrong):
    path = tmp_path / "a.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=rf"a\.toml.*{wrong}") as caught:
        from_table(Settings, read_toml(path), str(path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5000, "{", b"\xff\xfe\x00", "[1,]"])
def test_json(text):
    with pytest.raises(InputError, match=r"a\.json is not valid JSON: ") as caught:
        parse_json(text, "a.json")
    assert "\n" not in str(caught.value)
    assert parse_json(json.dumps({"a": [1.5]}), "a.json") == {"a": [1.5]}


def test_a_folder_is_no_toml(tmp_path):
    with pytest.raises(InputError, match="it is not a file"):
        read_toml(tmp_path)
    with pytest.raises(InputError, match="No such file"):
        read_toml(tmp_path / "none.toml")
