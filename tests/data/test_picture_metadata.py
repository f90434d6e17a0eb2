"""Profiles, EXIF, XMP, resolutions and texts that a picture came with are in its result."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
from helpers import photograph
from PIL import ExifTags, Image, ImageCms, ImageOps, PngImagePlugin, TiffImagePlugin
from restored import written_again

from bio_scnn.data.upright import upright_exif

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="%d" dc:rights="me"/>'
    b"</x:xmpmeta>"
)
COPYRIGHT = "© 2020 Zoë".encode()
GEOGRAPHIC = [
    (33550, "d", 3, (0.5, 0.25, 0.0), True),
    (33922, "d", 6, (0.0, 0.0, 0.0, 440720.0, 3751320.0, 0.0), True),
    (34735, "H", 8, (1, 1, 0, 1, 1024, 0, 1, 1), True),
    (34737, "s", 0, "NAD27|", True),
    (42113, "s", 0, "-9999", True),
]


def exif_of(orientation=1, thumbnail=None):
    """An EXIF block made by hand, for Pillow writes no thumbnails: copyright, date, place."""

    def directory(entries, at, after=0):
        table, values = struct.pack("<H", len(entries)), b""
        begin = at + 6 + 12 * len(entries)
        for code, kind, count, value in entries:
            if len(value) > 4:
                place = struct.pack("<I", begin + len(values))
                values += value + bytes(len(value) % 2)
            else:
                place = value.ljust(4, b"\0")
            table += struct.pack("<HHI", code, kind, count) + place
        return table + struct.pack("<I", after), values

    def main(below, gps, after):
        return directory(
            [
                (271, 2, 5, b"Make\0"),
                (274, 3, 1, struct.pack("<H", orientation)),
                (282, 5, 1, struct.pack("<2I", 300, 1)),
                (283, 5, 1, struct.pack("<2I", 150, 1)),
                (296, 3, 1, struct.pack("<H", 2)),
                (0x8298, 2, len(COPYRIGHT) + 1, COPYRIGHT + b"\0"),
                (0x8769, 4, 1, struct.pack("<I", below)),
                (0x8825, 4, 1, struct.pack("<I", gps)),
            ],
            8,
            after,
        )

    exif = [
        (0x9003, 2, 20, b"2020:01:02 03:04:05\0"),
        (0x927C, 7, 6, b"maker\1"),
        (0xA002, 4, 1, struct.pack("<I", 80)),
        (0xA003, 4, 1, struct.pack("<I", 96)),
    ]
    place = [(1, 2, 2, b"N\0"), (2, 5, 3, struct.pack("<6I", 52, 1, 1, 1, 3, 1))]
    start = 8 + sum(map(len, main(0, 0, 0)))
    gps_start = start + sum(map(len, directory(exif, start)))
    end = gps_start + sum(map(len, directory(place, gps_start)))
    data = b"II*\0" + struct.pack("<I", 8)
    data += b"".join(main(start, gps_start, end if thumbnail else 0))
    data += b"".join(directory(exif, start)) + b"".join(directory(place, gps_start))
    if thumbnail:
        entries = [
            (513, 4, 1, struct.pack("<I", end + 30)),
            (514, 4, 1, struct.pack("<I", len(thumbnail))),
        ]
        data += b"".join(directory(entries, end)) + thumbnail
    return b"Exif\0\0" + data


def save(path, orientation=1, image=None):
    """A picture with everything that its format holds."""
    image = Image.fromarray(photograph() if image is None else image)
    options = {"icc_profile": PROFILE, "exif": exif_of(orientation), "xmp": XMP % orientation}
    if path.suffix == ".png":
        texts = PngImagePlugin.PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", (XMP % orientation).decode())
        options = {**options, "pnginfo": texts, "dpi": (300, 150)}
        del options["xmp"]
    if path.suffix == ".jpg":
        options["dpi"] = (300, 150)
    if path.suffix == ".webp":
        options["lossless"] = True
    if path.suffix == ".tif":
        exif = Image.Exif()
        exif.load(exif_of(orientation))
        info = TiffImagePlugin.ImageFileDirectory_v2()
        info[271], info[274], info[0x8298] = "Make", orientation, COPYRIGHT
        info[700] = XMP % orientation
        info[0x8769], info[0x8825] = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
        options = {"icc_profile": PROFILE, "dpi": (300, 150), "tiffinfo": info}
    image.save(path, **options)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("source", [".png", ".jpg", ".tif", ".webp"])
def test_everything_is_kept_from_format_to_format(tmp_path, source, suffix):
    save(tmp_path / f"a{source}")
    lost = written_again(tmp_path / f"a{source}", tmp_path / f"b{suffix}")
    assert lost == []
    with Image.open(tmp_path / f"b{suffix}") as back:
        assert back.info["icc_profile"] == PROFILE
        exif = back.getexif()
        assert exif[0x8298].encode("latin-1") == COPYRIGHT
        assert exif[271] == "Make"
        assert exif.get(274, 1) == 1
        assert exif.get_ifd(0x8769)[0x9003] == "2020:01:02 03:04:05"
        assert exif.get_ifd(0x8769)[0x927C][:5] == b"maker"
        assert exif.get_ifd(0x8825)[1] == "N"
        assert exif.get_ifd(0x8825)[2] == (52.0, 1.0, 3.0)
        packet = back.info.get("xmp") or back.text["XML:com.adobe.xmp"].encode()
        assert packet == XMP % 1
        if source != ".webp" and suffix != ".webp":  # these have it in EXIF alone
            assert tuple(map(round, map(float, back.info["dpi"]))) == (300, 150)
        assert ExifTags.Base.XResolution not in exif or exif[282] == 300


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("source", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_orientation_is_normalised(tmp_path, source, suffix, orientation):
    rows = np.linspace(0, 255, 96).astype(np.uint8)
    image = np.broadcast_to(rows[:, None, None], (96, 80, 3)).copy()
    save(tmp_path / f"a{source}", orientation, image)
    with Image.open(tmp_path / f"a{source}") as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    assert written_again(tmp_path / f"a{source}", tmp_path / f"b{suffix}") == []
    with Image.open(tmp_path / f"b{suffix}") as back:
        exif = back.getexif()
        assert exif.get(274, 1) == 1
        packet = back.info.get("xmp") or back.text["XML:com.adobe.xmp"].encode()
        assert packet == XMP % 1
        sideways = orientation == 6
        dpi = tuple(map(round, map(float, back.info["dpi"])))
        assert dpi == ((150, 300) if sideways else (300, 150))
        below = exif.get_ifd(0x8769)
        assert (below[0xA002], below[0xA003]) == ((96, 80) if sideways else (80, 96))
        pixels = np.asarray(back.convert("RGB")).astype(int)
    assert pixels.shape == expected.shape
    assert np.median(np.abs(pixels - expected)) <= 2  # JPEG is not exact


def test_a_thumbnail_of_the_damaged_picture_goes():
    block = exif_of(6, thumbnail=b"secret thumbnail")
    clean = upright_exif(block, 6)
    assert b"secret" in block
    assert b"secret" not in clean
    assert len(clean) == len(block) - 6
    exif = Image.Exif()
    exif.load(clean)
    assert exif[274] == 1
    assert not exif.get_ifd(ExifTags.IFD.IFD1)
    # All else is where it was: a maker's note may point to places in the block.
    changed = [i for i, (a, b) in enumerate(zip(clean, block[6:], strict=True)) if a != b]
    assert len(changed) < 16 + 4 + 1 + 2 * 10 * 2


@pytest.mark.parametrize(
    "block", [b"II", b"II*\0\xff\xff\xff\xff", b"XX*\0\x08\0\0\0", b"\0" * 40]
)
def test_a_damaged_exif_block_is_left_out_and_said_to_be(tmp_path, block):
    assert upright_exif(block, 1) == b""
    path = tmp_path / "a.webp"
    Image.fromarray(photograph()).save(path, exif=b"Exif\0\0" + block, lossless=True)
    assert written_again(path, tmp_path / "b.png") == ["a damaged EXIF block"]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("depth", [8, 16])
def test_chunks_of_png(tmp_path, depth):
    image = photograph()
    plain = tmp_path / "plain.png"
    Image.fromarray(image).save(plain)
    if depth == 16:
        from bio_scnn.data.images import write_image

        write_image(plain, image.astype(np.uint16) * 257)
    data = plain.read_bytes()
    before = [
        (b"gAMA", struct.pack(">I", 45455)),
        (b"tEXt", b"Author\0me"),
        (b"zTXt", b"Title\0\0" + zlib.compress(b"a title")),
        (b"iTXt", b"Description\0\0\0de\0\0" + "über".encode()),
        (b"tIME", struct.pack(">H5B", 2020, 1, 2, 3, 4, 5)),
        (b"prVt", b"may be copied"),
        (b"prVT", b"must not be copied by who does not know it"),
        (b"bKGD", bytes(6)),
        (b"pHYs", struct.pack(">IIB", 3, 4, 0)),
    ]
    after = [(b"tEXt", b"Comment\0at the end")]
    end = len(data) - 12
    source = tmp_path / "a.png"
    source.write_bytes(
        data[:33] + b"".join(chunk(*c) for c in before) + data[33:end]
        + b"".join(chunk(*c) for c in after) + data[end:]
    )  # fmt: skip
    assert written_again(source, tmp_path / "b.png") == []
    back = (tmp_path / "b.png").read_bytes()
    for kind, content in (*before, *after):
        kept = kind not in (b"prVT", b"bKGD")
        assert (chunk(kind, content) in back) == kept, kind
        assert back.count(kind) == (kept + (kind == b"tEXt")), kind
    with Image.open(tmp_path / "b.png") as opened:
        opened.load()
        assert opened.text == {
            "Author": "me", "Title": "a title", "Description": "über", "Comment": "at the end",
        }  # fmt: skip
        assert opened.text["Description"].lang == "de"
        assert opened.info["aspect"] == (3, 4)
    lost = written_again(source, tmp_path / "b.tif")
    assert lost == ["PNG's texts and further chunks"]


def test_jpeg_keeps_its_quality_subsampling_comment_and_captions(tmp_path):
    caption = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x08\x1c\x02\x78\0\3abc"
    marker = b"\xff\xed" + struct.pack(">H", 2 + len(caption)) + caption
    sizes = {}
    for quality, subsampling in ((50, 2), (90, 1), (97, 0)):
        source, target = tmp_path / "a.jpg", tmp_path / "b.jpg"
        Image.fromarray(photograph()).save(
            source, quality=quality, subsampling=subsampling, comment=b"hello", extra=marker
        )
        assert written_again(source, target) == []
        with Image.open(source) as one, Image.open(target) as two:
            assert one.quantization == two.quantization
            assert [layer[1:3] for layer in one.layer] == [layer[1:3] for layer in two.layer]
            assert two.info["comment"] == b"hello"
            assert two.info["photoshop"] == one.info["photoshop"]
        sizes[quality] = source.stat().st_size, target.stat().st_size
    for before, after in sizes.values():
        assert 0.6 * before < after < 1.3 * before
    assert written_again(source, tmp_path / "b.png") == ["the IPTC block"]
    with Image.open(tmp_path / "b.png") as opened:
        assert opened.text["Comment"] == "hello"
    with (
        tifffile.TiffFile(tmp_path / "b.tif")
        if not written_again(source, tmp_path / "b.tif")
        else None as file
    ):
        assert caption[14:] in file.pages[0].tags[34377].astuple()[3]


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_tags_of_tiff_files(tmp_path, byteorder, bigtiff, dtype):
    image = photograph()[..., 0].astype(dtype)
    tags = [*GEOGRAPHIC, (33432, 2, len(COPYRIGHT) + 1, COPYRIGHT + b"\0", True),
            (65000, "Q" if bigtiff else "I", 1, 77, True)]  # fmt: skip
    source = tmp_path / "a.tif"
    tifffile.imwrite(
        source, image, resolution=(236.5, 118), resolutionunit=3, description="a scan",
        datetime="2020:01:02 03:04:05", extratags=tags, metadata=None, byteorder=byteorder,
        bigtiff=bigtiff, photometric="minisblack",
    )  # fmt: skip
    assert written_again(source, tmp_path / "b.tif") == []
    with tifffile.TiffFile(source) as one, tifffile.TiffFile(tmp_path / "b.tif") as two:
        before, after = one.pages[0].tags, two.pages[0].tags
        for code in (270, 306, 33432, 33550, 33922, 34735, 34737, 42113, 65000):
            assert after[code].value == before[code].value, code
        assert two.geotiff_metadata == one.geotiff_metadata
        x, y = (after[code].value for code in (282, 283))
        assert (x[0] / x[1], y[0] / y[1], after[296].value) == (236.5, 118, 3)
        assert two.pages[0].dtype == dtype
        assert two.byteorder == byteorder
    if dtype != "float32":
        assert "geographic tags" in written_again(source, tmp_path / "b.png")


def test_geographic_tags_of_a_picture_that_is_turned(tmp_path):
    tags = [*GEOGRAPHIC, (274, "H", 1, 6, True)]
    tifffile.imwrite(tmp_path / "a.tif", photograph(), photometric="rgb", extratags=tags)
    (lost,) = written_again(tmp_path / "a.tif", tmp_path / "b.tif")
    assert "geographic tags" in lost
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert 33550 not in file.pages[0].tags


@pytest.mark.parametrize("compression", [None, "zlib", "lzma"])
@pytest.mark.parametrize("layout", [{}, {"tile": (32, 48)}, {"predictor": True}])
def test_coding_of_tiff_files(tmp_path, compression, layout):
    if compression is None and "predictor" in layout:
        pytest.skip("there is nothing to predict for")
    source, target = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(source, photograph(), photometric="rgb", compression=compression, **layout)
    assert written_again(source, target) == []
    with tifffile.TiffFile(source) as one, tifffile.TiffFile(target) as two:
        for name in ("compression", "predictor", "is_tiled", "tilewidth", "tilelength"):
            assert getattr(one.pages[0], name) == getattr(two.pages[0], name)


@pytest.mark.parametrize("compression", ["tiff_lzw", "jpeg", "packbits"])
def test_a_compression_that_is_not_kept_is_named(tmp_path, compression):
    Image.fromarray(photograph()).save(tmp_path / "a.tif", compression=compression)
    lost = written_again(tmp_path / "a.tif", tmp_path / "b.tif")
    with (
        tifffile.TiffFile(tmp_path / "a.tif") as one,
        tifffile.TiffFile(tmp_path / "b.tif") as two,
    ):
        kept = one.pages[0].compression == two.pages[0].compression
    assert bool(lost) != kept
    if lost:
        assert "compression, which becomes zlib" in lost[0]


def test_formats_without_metadata_say_what_they_lose(tmp_path):
    save(tmp_path / "a.png")
    lost = written_again(tmp_path / "a.png", tmp_path / "b.ppm")
    assert set(lost) == {"the colour profile", "EXIF", "XMP", "the resolution"}


def test_exif_that_is_too_long_for_a_jpeg_file(tmp_path):
    exif = Image.Exif()
    exif[0x8298], exif[270] = "me", "x" * 70_000
    Image.fromarray(photograph()).save(tmp_path / "a.png", exif=exif)
    assert written_again(tmp_path / "a.png", tmp_path / "b.png") == []
    lost = written_again(tmp_path / "a.png", tmp_path / "b.jpg")
    assert lost == ["EXIF, which is too long for a JPEG file"]
