"""Photographs out of Debian packages, as a manifest names them."""

from __future__ import annotations

import hashlib
import io
import struct
import subprocess
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from bio_scnn.errors import InputError
from bio_scnn.runtime.config import from_table, read_toml
from bio_scnn.runtime.files import write_whole

LARGEST_SIDE = 1600

JPEG_QUALITY = 95


@dataclass(frozen=True)
class Photograph:
    """One photograph of the manifest.

    Attributes
    ----------
    name : str
        Name of the file written, without its suffix.
    package, member : str
        Debian package and the path inside it. ``archive.rcc:/path`` is a file inside a Qt resource
        file.
    author, licence : str
        Who took it, and under what terms it may be used.
    sha256 : str
        Checksum of the file in the package, in hexadecimal.
    """

    name: str
    package: str
    member: str
    author: str
    licence: str
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Versions of packages to fetch, and their photographs to train and to measure on."""

    packages: dict[str, str]
    train: tuple[Photograph, ...]
    val: tuple[Photograph, ...] = ()


def read_manifest(path: Path | None = None) -> Manifest:
    """Read a manifest, by default the shipped one.

    Raises
    ------
    InputError
        If it is unreadable, or names a package without a version.
    """
    path = Path(__file__).with_name("photographs.toml") if path is None else path
    manifest = from_table(Manifest, read_toml(path), str(path))
    for photograph in (*manifest.train, *manifest.val):
        if photograph.package not in manifest.packages:
            raise InputError(f"{path}: no version of package {photograph.package!r} is given")
    return manifest


def assemble(
    photographs: Sequence[Photograph],
    packages: Iterable[Path],
    folder: Path,
    done: Callable[[str], object] = lambda name: None,
) -> None:
    """Write photographs as JPEG of at most 1,600 pixels, and ``ATTRIBUTION.md`` beside them.

    Parameters
    ----------
    photographs : sequence of Photograph
        All from these packages.
    packages : iterable of Path
        Debian packages, ``name_version_architecture.deb``.
    folder : Path
        Where to write.
    done : callable
        Called with the name of each photograph that was written.

    Raises
    ------
    InputError
        If a photograph is missing in its package or not the one that the manifest means.
    """
    missing = {photograph.name for photograph in photographs}
    for package in packages:
        name = package.name.split("_")[0]
        inside = [photograph for photograph in photographs if photograph.package == name]
        for photograph, content in _members(package, inside):
            if hashlib.sha256(content).hexdigest() != photograph.sha256:
                raise InputError(
                    f"{package}: {photograph.member} is not the file of the manifest; "
                    "another version of the package?"
                )
            write_whole(folder / f"{photograph.name}.jpg", _jpeg(content))
            missing.discard(photograph.name)
            done(photograph.name)
    if missing:
        some = ", ".join(sorted(missing)[:3])
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise InputError(f"not found in the packages: {some}{more}")
    write_whole(folder / "ATTRIBUTION.md", attribution(photographs).encode())


def attribution(photographs: Iterable[Photograph]) -> str:
    """A table in Markdown of whose photographs these are, as their licences ask for."""
    rows = [f"| {p.name} | {p.author} | {p.licence} | {p.package} |" for p in photographs]
    head = ["Downscaled; the originals are in the Debian packages named.", ""]
    return "\n".join(
        [*head, "| file | author | licence | package |", "|---|---|---|---|", *rows, ""]
    )


def download(
    packages: dict[str, str], folder: Path, done: Callable[[str], object] = lambda name: None
) -> list[Path]:
    """Download packages by name and version with the machine's own apt-get.

    Parameters
    ----------
    packages : dict of str to str
        Version of each package.
    folder : Path
    done : callable
        Called with the name of each package that was downloaded.

    Raises
    ------
    InputError
        If apt-get is not there or fails, for example since a newer version has replaced this one.
    """
    for name, version in packages.items():
        _run(["apt-get", "download", f"{name}={version}"], folder)
        done(name)
    return sorted(folder.glob("*.deb"))


def _run(command: list[str], folder: Path) -> bytes:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    except FileNotFoundError:
        raise InputError(
            f"{command[0]} is not installed here; it takes Debian or a relative of it"
        ) from None
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise InputError(f"{' '.join(command[:2])} failed: {last}")
    return done.stdout


def _members(
    package: Path, photographs: Sequence[Photograph]
) -> Iterator[tuple[Photograph, bytes]]:
    """Read photographs out of a package, in the order in which they lie there."""
    wanted: dict[str, list[Photograph]] = {}
    for photograph in photographs:
        wanted.setdefault(photograph.member.partition(":")[0], []).append(photograph)
    if not wanted:
        return
    archive = _run(["dpkg-deb", "--fsys-tarfile", str(package.resolve())], package.parent)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for entry in tar:
            for photograph in wanted.get(entry.name.removeprefix("./"), []):
                stream = tar.extractfile(entry)
                content = b"" if stream is None else stream.read()
                inner = photograph.member.partition(":")[2]
                yield photograph, qt_resource(content, inner) if inner else content


def qt_resource(archive: bytes, path: str) -> bytes:
    """Read one file out of a Qt resource file (``.rcc``), in which programs bring their pictures.

    Notes
    -----
    A tree of nodes in breadth-first order, big-endian: offset of the name, flags (1 compressed
    with zlib, 2 folder), then number and index of the children, or offset of the data.

    Raises
    ------
    InputError
        If it is no such file, or has no such path.
    """
    try:
        magic, version, tree, data, names = struct.unpack_from(">4s4I", archive)
        if magic != b"qres":
            raise InputError("not a Qt resource file")
        size = 14 if version < 2 else 22  # later versions add a date
        node = tree
        for part in path.strip("/").split("/"):
            count, first = struct.unpack_from(">II", archive, node + 6)
            for node in range(tree + first * size, tree + (first + count) * size, size):
                (name,) = struct.unpack_from(">I", archive, node)
                (length,) = struct.unpack_from(">H", archive, names + name)
                letters = archive[names + name + 6 :][: 2 * length]
                if letters.decode("utf-16-be") == part:
                    break
            else:
                raise InputError(f"the Qt resource file has no {path}")
        flags, _, start = struct.unpack_from(">HII", archive, node + 4)
        (length,) = struct.unpack_from(">I", archive, data + start)
        content = archive[data + start + 4 :][:length]
        # Before the compressed bytes stands their length without compression.
        return zlib.decompress(content[4:]) if flags & 1 else content
    except (struct.error, UnicodeDecodeError, zlib.error) as error:
        raise InputError(f"the Qt resource file is damaged ({error})") from error


def _jpeg(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as image:
        rgb = ImageOps.exif_transpose(image).convert("RGB")
    rgb.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    rgb.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()
