"""The training photographs: what the manifest promises, and that nothing else gets through."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bio_scnn.data.datasets import find_images
from bio_scnn.data.debian import (
    Manifest,
    Photograph,
    assemble,
    attribution,
    download,
    qt_resource,
    read_manifest,
)
from bio_scnn.data.images import read_rgb
from bio_scnn.errors import InputError
from bio_scnn.photographs import main

DATA = Path(__file__).resolve().parent.parent.parent / "models" / "DATA.md"
FREE = r"public domain|CC0-1\.0|CC-BY(-SA)?-[234]\.[05]|GPL-2\+|LGPL-3\.0"

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb")


def picture(size, seed=0, kind="PNG"):
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 16, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).resize(size).save(out, kind)
    return out.getvalue()


def resource_file(files, version=1, compress=False):
    """Write a Qt resource file from its description: folders first, breadth first, big-endian."""
    names, data, nodes = b"", b"", [("", None)]
    for name, _ in nodes:
        inside = [path for path in files if path.startswith(f"{name}/" if name else "")]
        depth = name.count("/") + 1 if name else 0
        nodes += [
            ("/".join(path.split("/")[: depth + 1]), name)
            for path in sorted({"/".join(p.split("/")[: depth + 1]): p for p in inside}.values())
            if name not in files
        ]
    tree = b""
    for name, _ in nodes:
        label = name.rpartition("/")[2]
        offset = len(names)
        names += struct.pack(">HI", len(label), 0) + label.encode("utf-16-be")
        if name in files:
            content = files[name]
            if compress:
                content = struct.pack(">I", len(content)) + zlib.compress(content)
            tree += struct.pack(">IHHHI", offset, int(compress), 0, 0, len(data))
            data += struct.pack(">I", len(content)) + content
        else:
            children = [i for i, (_, parent) in enumerate(nodes) if parent == name and i]
            tree += struct.pack(">IHII", offset, 2, len(children), min(children))
        tree += bytes(8) if version > 1 else b""
    start = 20
    offsets = start, start + len(tree), start + len(tree) + len(data)
    return struct.pack(">4s4I", b"qres", version, *offsets) + tree + data + names


def package(folder, name, files):
    """Build a Debian package with files in it."""
    root = folder / f"{name}-root"
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: A <a@b.c>\nDescription: d\n"
    )
    path = folder / "debs" / f"{name}_1_all.deb"
    path.parent.mkdir(exist_ok=True)
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", str(root), str(path)],
        check=True,
        capture_output=True,
    )
    return path


def entry(name, package, member, content):
    return Photograph(name, package, member, "Ann", "CC0-1.0", hashlib.sha256(content).hexdigest())


# The manifest


def test_every_photograph_is_free_pinned_and_of_one_side():
    manifest = read_manifest()
    both = (*manifest.train, *manifest.val)
    assert len(manifest.train) >= 140
    assert len(manifest.val) == 8
    for part in ("name", "sha256"):
        assert len({getattr(photograph, part) for photograph in both}) == len(both)
    assert {photograph.package for photograph in both} == set(manifest.packages)
    for photograph in both:
        assert re.fullmatch(FREE, photograph.licence), photograph
        assert re.fullmatch(r"[0-9a-f]{64}", photograph.sha256)
        assert re.fullmatch(r"[\w.-]+", photograph.name)
        assert photograph.author.strip()
    for other in ("CC-BY-NC-4.0", "CC-BY-ND-3.0", "GFDL-1.2", "CC-BY-NC-SA-1.0", ""):
        assert not re.fullmatch(FREE, other)


def test_the_readable_list_is_the_manifest():
    manifest = read_manifest()
    text = DATA.read_text("utf-8")
    train, val = re.search(r"## To train on(.*)## To measure on(.*)## Where", text, re.S).groups()
    for part, photographs in ((train, manifest.train), (val, manifest.val)):
        listed = set()
        for where, names, licence in re.findall(r"^\| (\S+ \S+) \| (.+) \| (.+) \|$", part, re.M):
            for name, author in re.findall(r"([\w.-]+) \(([^)]+)\)(?:; |$)", names):
                listed.add((where, name, author, licence))
        assert listed == {
            (f"{p.package} {manifest.packages[p.package]}", p.name, p.author, p.licence)
            for p in photographs
        }


def test_a_manifest_without_a_version_is_refused(tmp_path):
    (tmp_path / "m.toml").write_text(
        '[packages]\n[[train]]\nname="a"\npackage="p"\nmember="m"\nauthor="x"\n'
        'licence="CC0-1.0"\nsha256="0"\n'
    )
    with pytest.raises(InputError, match="no version of package 'p'"):
        read_manifest(tmp_path / "m.toml")


# Qt resource files


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("compress", [False, True])
def test_qt_resources_are_read(version, compress):
    files = {"a/b/one.webp": b"1" * 5000, "a/two": b"2", "z/b/one.webp": b"three" * 9}
    archive = resource_file(files, version, compress)
    for path, content in files.items():
        assert qt_resource(archive, f"/{path}") == content
    for wrong in ("/a/none", "/b/one.webp", "/a/b/one.webpx"):
        with pytest.raises(InputError, match="has no"):
            qt_resource(archive, wrong)


def test_damaged_qt_resources_are_refused():
    archive = resource_file({"a/b": b"1" * 500}, compress=True)
    for broken in (b"", archive[:10], b"PK" + archive[2:], archive[:60], archive[:-3]):
        with pytest.raises(InputError, match="Qt resource"):
            qt_resource(broken, "/a/b")


# Assembling


@pytest.mark.slow
@needs_dpkg
def test_photographs_come_out_of_packages(tmp_path):
    wide, tall, inner = picture((3200, 1800)), picture((500, 800), 1, "JPEG"), picture((64, 48), 2)
    archive = resource_file({"pictures/x.png": inner})
    debs = [
        package(tmp_path, "one", {"usr/share/a.png": wide, "usr/share/b.jpg": tall}),
        package(tmp_path, "two", {"usr/p.rcc": archive}),
    ]
    wanted = [
        entry("wide", "one", "usr/share/a.png", wide),
        entry("tall", "one", "usr/share/b.jpg", tall),
        entry("inner", "two", "usr/p.rcc:/pictures/x.png", inner),
    ]
    out = tmp_path / "out"
    names = []
    assemble(wanted, debs, out, names.append)
    assert sorted(names) == ["inner", "tall", "wide"]
    sizes = {path.stem: read_rgb(path).shape[1::-1] for path in find_images(out)}
    assert sizes == {"wide": (1600, 900), "tall": (500, 800), "inner": (64, 48)}
    with Image.open(io.BytesIO(tall)) as image, Image.open(out / "tall.jpg") as written:
        difference = np.asarray(image, float) - np.asarray(written, float)
    assert np.abs(difference).mean() < 2  # quality 95
    assert (out / "ATTRIBUTION.md").read_text() == attribution(wanted)
    assert attribution(wanted).count("| Ann | CC0-1.0 |") == 3
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assemble(wanted, debs, out)
    assert before == {path.name: path.read_bytes() for path in out.iterdir()}

    another = entry("wide", "one", "usr/share/a.png", tall)
    with pytest.raises(InputError, match=r"usr/share/a\.png is not the file of the manifest"):
        assemble([another], debs, tmp_path / "wrong")
    assert not (tmp_path / "wrong").exists()
    absent = entry("gone", "one", "usr/share/c.png", wide)
    with pytest.raises(InputError, match="not found in the packages: gone"):
        assemble([absent], debs, tmp_path / "wrong")
    (tmp_path / "debs" / "one_1_all.deb").write_bytes(b"no archive")
    with pytest.raises(InputError, match="dpkg-deb --fsys-tarfile failed"):
        assemble(wanted, debs, out)


def test_packages_are_asked_for_by_version(tmp_path, monkeypatch):
    tools, into = tmp_path / "bin", tmp_path / "into"
    tools.mkdir()
    into.mkdir()
    fake = tools / "apt-get"
    fake.write_text('#!/bin/sh\necho "$@" >> asked\ntouch b_1_all.deb a_1%3a2_all.deb\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    names = []
    found = download({"a": "1:2", "b": "1"}, into, names.append)
    assert names == ["a", "b"]
    assert (into / "asked").read_text() == "download a=1:2\ndownload b=1\n"
    assert [path.name for path in found] == ["a_1%3a2_all.deb", "b_1_all.deb"]
    fake.write_text('#!/bin/sh\necho "E: first" >&2\necho "E: Version not found" >&2\nexit 100\n')
    with pytest.raises(InputError, match="apt-get download failed: E: Version not found"):
        download({"a": "1:2"}, into)
    monkeypatch.setenv("PATH", str(into))
    with pytest.raises(InputError, match="apt-get is not installed"):
        download({"a": "1:2"}, into)


@needs_dpkg
def test_command_line(tmp_path, monkeypatch, capsys):
    content = picture((40, 30))
    debs = package(tmp_path, "one", {"a.png": content}).parent
    manifest = Manifest(
        {"one": "1"},
        (entry("t", "one", "a.png", content),),
        (entry("v", "one", "a.png", content),),
    )
    monkeypatch.setattr("bio_scnn.photographs.read_manifest", lambda: manifest)
    for option, name in (([], "t"), (["--val"], "v")):
        out = tmp_path / name
        main(["-o", str(out), "--packages", str(debs), *option])
        assert [path.name for path in find_images(out)] == [f"{name}.jpg"]
        assert capsys.readouterr().out.startswith("wrote 1 photographs")


def test_help_shows_examples_and_bad_input_is_one_line(tmp_path):
    command = [sys.executable, "-m", "bio_scnn.photographs"]
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert "\nexamples:\n  python -m bio_scnn.photographs" in done.stdout
    arguments = ["-o", str(tmp_path / "o"), "--packages", str(tmp_path)]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path}: there are no packages")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "o").exists()
