"""Bits, palettes, inks, Lab, alpha and integers: worked on as pictures, written as they were."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
from helpers import hole, photograph
from picture_files import KNOWN, png_of_bits, tiff, written
from PIL import Image, ImageCms

from bio_scnn import InputError
from bio_scnn.data.forms import Form, settle
from bio_scnn.data.images import read_image
from bio_scnn.data.pictures import read_picture


def deep(image):
    """The same in 16 bits, with low bytes that 8 bits would lose."""
    low = np.arange(image.size, dtype=np.uint16).reshape(image.shape) % 251
    return image.astype(np.uint16) * 256 + low


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("compression", [None, "group4"])
def test_bilevel_pictures_stay_bilevel(tmp_path, photometric, compression):
    bits = photograph()[..., 0] > 120
    for name in ("a.png", "a.tif"):
        image = Image.fromarray(bits)
        if name == "a.tif" and compression is None:
            tifffile.imwrite(tmp_path / name, bits, photometric=photometric)
            shown = bits if photometric == "minisblack" else ~bits
        else:
            image.save(tmp_path / name, compression=compression)
            shown = bits
        target, lost = written(tmp_path / name)
        assert bool(lost) == (name == "a.tif" and compression == "group4")
        with Image.open(target) as back:
            assert back.mode == "1"
            again = np.asarray(back)
        np.testing.assert_array_equal(again[KNOWN], shown[KNOWN])
        assert not again[~KNOWN].any()  # 0.3 of white is black
        np.testing.assert_array_equal(read_image(tmp_path / name), shown * np.uint8(255))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("extra", [(), (2,)])
def test_grey_of_which_white_is_zero_stays_so(tmp_path, dtype, extra):
    values = np.random.default_rng(4).integers(0, np.iinfo(dtype).max, (96, 80), dtype)
    channels = np.dstack([values, values]) if extra else values
    tifffile.imwrite(
        tmp_path / "a.tif", channels, photometric="miniswhite", extrasamples=extra or None,
        planarconfig="contig" if extra else None,
    )  # fmt: skip
    shown = np.iinfo(dtype).max - values
    read = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(read[..., 0] if extra else read, shown)
    page, again = tiff(written(tmp_path / "a.tif")[0])
    assert page.photometric == 0
    np.testing.assert_array_equal(again[KNOWN], channels[KNOWN])
    assert (again[~KNOWN].reshape(-1, 1 + len(extra))[:, 0] > 0.69 * np.iinfo(dtype).max).all()
    image, _ = written(tmp_path / "a.tif", ".png")  # where there is no such thing
    read = read_image(image)
    np.testing.assert_array_equal((read[..., 0] if extra else read)[KNOWN], shown[KNOWN])


@pytest.mark.parametrize("colours", [2, 16, 200, 256])
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.gif", "a.bmp"])
def test_palettes_stay_palettes(tmp_path, colours, name):
    image = Image.fromarray(photograph()).quantize(colours)
    image.save(tmp_path / name)
    with Image.open(tmp_path / name) as opened:
        before = np.asarray(opened.convert("RGB"))
    np.testing.assert_array_equal(read_image(tmp_path / name), before)
    target, lost = written(tmp_path / name, ".tif" if name == "a.tif" else ".png")
    assert lost == []
    with Image.open(target) as back:
        assert back.mode == "P"
        after = np.asarray(back.convert("RGB"))
    np.testing.assert_array_equal(after[KNOWN], before[KNOWN])
    filled = np.unique(after[~KNOWN], axis=0)
    if len(np.unique(before.reshape(-1, 3), axis=0)) < 256:  # a place is free
        assert filled.tolist() == [[76, 76, 76]]
    else:
        assert (np.unique(before[KNOWN], axis=0) == filled[0]).all(axis=1).any()


def test_a_palette_with_more_new_colours_than_places(tmp_path):
    from bio_scnn.data.forms import settle, stored

    Image.fromarray(photograph()).quantize(240).save(tmp_path / "a.png")
    page = read_picture(tmp_path / "a.png")
    pixels, mask = page.pixels.copy(), hole()
    pixels[mask] = photograph()[mask]
    wanted = pixels[mask].astype(int)
    settle(page.form, pixels, mask)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) <= 256
    np.testing.assert_array_equal(pixels[~mask], page.pixels[~mask])
    assert np.abs(pixels[mask] - wanted).mean() < 6
    assert stored(page.form, pixels, mask) is pixels


@pytest.mark.parametrize("grey", [False, True])
def test_palettes_with_transparency(tmp_path, grey):
    image = photograph() if not grey else np.repeat(photograph()[..., :1], 3, axis=2)
    paletted = Image.fromarray(image).quantize(30)
    alphas = bytes(range(10, 250, 8))
    paletted.save(tmp_path / "a.png", transparency=alphas)
    with Image.open(tmp_path / "a.png") as opened:
        before = np.asarray(opened.convert("RGBA"))
    target, _ = written(tmp_path / "a.png")
    with Image.open(target) as back:
        assert back.mode == "P"
        after = np.asarray(back.convert("RGBA"))
    np.testing.assert_array_equal(after[KNOWN], before[KNOWN])
    assert read_image(tmp_path / "a.png").shape[2] == (2 if grey else 4)


def test_sixteen_bit_values_of_a_tiff_palette(tmp_path):
    index = photograph()[..., 0] // 2
    table = np.arange(3 * 256, dtype=np.uint16).reshape(3, 256) * 80 + 3
    tifffile.imwrite(tmp_path / "a.tif", index, photometric="palette", colormap=table)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), (table.T >> 8)[index])
    target, _ = written(tmp_path / "a.tif")
    with tifffile.TiffFile(target) as file:
        table_again, again = file.pages[0].colormap, file.pages[0].asarray()
    np.testing.assert_array_equal((table_again.T >> 8)[again][KNOWN], (table.T >> 8)[index][KNOWN])


@pytest.mark.parametrize("depth", [8, 16])
def test_inks_stay_inks(tmp_path, depth):
    inks = np.asarray(Image.fromarray(photograph()).convert("CMYK"))
    inks = np.ascontiguousarray(inks if depth == 8 else deep(inks))
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated")
    target, lost = written(tmp_path / "a.tif")
    page, again = tiff(target)
    assert lost == []
    assert page.photometric == 5
    assert again.dtype == inks.dtype
    np.testing.assert_array_equal(again[KNOWN], inks[KNOWN])
    light = 1 - inks[..., :3] / np.iinfo(inks.dtype).max
    rgb = light * (1 - inks[..., 3:] / np.iinfo(inks.dtype).max)
    read = read_image(tmp_path / "a.tif")
    np.testing.assert_allclose(read / np.iinfo(inks.dtype).max, rgb, atol=2 / 255)


def test_cmyk_jpeg(tmp_path):
    image = Image.fromarray(photograph()).convert("CMYK")
    image.save(tmp_path / "a.jpg", quality=95)
    assert read_image(tmp_path / "a.jpg").shape == (96, 80, 3)
    target, lost = written(tmp_path / "a.jpg")
    assert lost == []
    with Image.open(tmp_path / "a.jpg") as one, Image.open(target) as two:
        assert two.mode == "CMYK"
        assert np.abs(np.asarray(one).astype(int) - np.asarray(two))[KNOWN].mean() < 2
        expected = np.asarray(one.convert("RGB"))
    target, lost = written(tmp_path / "a.jpg", ".png")
    assert lost == ["the inks, converted to sRGB"]
    assert np.abs(read_image(target).astype(int) - expected)[KNOWN].max() <= 1


def lab_of(image, photometric, depth):
    """Lab by Pillow's colour management, laid out as TIFF files have it."""
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    converted = ImageCms.profileToProfile(Image.fromarray(image), srgb, lab, outputMode="LAB")
    values = np.array(converted)  # in two's complement
    if depth == 16:
        wide = values.astype(np.uint16)
        lightness = np.rint(wide[..., :1] / 255 * (65280 if photometric == 9 else 65535))
        values = np.concatenate([lightness, wide[..., 1:] << 8], axis=2).astype(np.uint16)
    if photometric == 9:
        values[..., 1:] ^= values.dtype.type(1 << (depth - 1))
    return values


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("photometric", [8, 9])
def test_lab_stays_lab(tmp_path, photometric, depth):
    values = lab_of(photograph(), photometric, depth)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric=photometric)
    read = read_image(tmp_path / "a.tif")
    assert read.dtype == values.dtype
    white = 1 if depth == 8 else 257
    assert np.abs(read / white - photograph().astype(float)).mean() < 3
    target, lost = written(tmp_path / "a.tif")
    page, again = tiff(target)
    assert lost == []
    assert page.photometric == photometric
    np.testing.assert_array_equal(again[KNOWN], values[KNOWN])
    filled = read_image(target)[~KNOWN] / white
    assert np.abs(filled - 0.3 * 255).max() < 3
    _, lost = written(tmp_path / "a.tif", ".png")
    assert lost == ["CIE Lab, converted to sRGB"]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_that_colours_are_multiplied_by(tmp_path, dtype, channels):
    straight = np.concatenate([photograph(), photograph()[::-1, :, :1]], axis=2) / 255.0
    straight[:20, :30, 3] = 0
    straight = straight[..., -channels:]
    top = np.iinfo(dtype).max if dtype.startswith("u") else 1.0
    values = np.concatenate([straight[..., :-1] * straight[..., -1:], straight[..., -1:]], axis=2)
    values = (np.rint(values * top) if top > 1 else values).astype(dtype)
    tifffile.imwrite(
        tmp_path / "a.tif", values, extrasamples=["assocalpha"], planarconfig="contig",
        photometric="rgb" if channels == 4 else "minisblack",
    )  # fmt: skip
    read = read_image(tmp_path / "a.tif") / top
    solid = straight[..., -1] > 0.2
    assert np.abs(read - straight)[solid].max() < (3 / 255 if dtype == "uint8" else 1e-4)
    assert (read[:20, :30] == 0).all()
    target, lost = written(tmp_path / "a.tif")
    page, again = tiff(target)
    assert lost == []
    assert tuple(page.extrasamples) == (1,)
    np.testing.assert_array_equal(again[KNOWN], values[KNOWN])
    # The hole is 0.3 in colour and in alpha.
    np.testing.assert_allclose(again[~KNOWN][:, 0] / top, 0.09, atol=1 / 255)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    ("photometric", "channels", "extra"),
    [("rgb", 4, (0,)), ("rgb", 4, (2,)), ("minisblack", 2, (0,)), ("minisblack", 4, (0, 0, 0)),
     ("rgb", 5, (2, 0)), ("minisblack", 7, (0,) * 6)],
)  # fmt: skip
def test_channels_of_any_meaning(tmp_path, dtype, photometric, channels, extra):
    rng = np.random.default_rng(3)
    values = rng.integers(0, np.iinfo(dtype).max, (96, 80, channels), dtype)
    tifffile.imwrite(
        tmp_path / "a.tif", values, photometric=photometric, extrasamples=extra,
        planarconfig="contig",
    )  # fmt: skip
    assert read_picture(tmp_path / "a.tif").form.has_alpha == (extra == (2,))
    target, lost = written(tmp_path / "a.tif")
    page, again = tiff(target)
    assert lost == []
    assert tuple(page.extrasamples) == extra
    np.testing.assert_array_equal(again[KNOWN], values[KNOWN])
    assert (again[~KNOWN] == int(0.3 * np.iinfo(dtype).max)).all()
    if channels > 4:
        with pytest.raises(InputError, match=f"has {channels} channels"):
            read_image(tmp_path / "a.tif")


def with_key(path, key):
    """A PNG file with a transparent colour."""
    data = path.read_bytes()
    at = data.index(b"IDAT") - 4
    chunk = b"tRNS" + struct.pack(f">{len(key)}H", *key)
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(data[:at] + chunk + data[at:])


@pytest.mark.parametrize("kind", ["RGB", "L", "1", "2", "4", "RGB16", "L16"])
def test_a_transparent_colour_becomes_alpha(tmp_path, kind):
    from bio_scnn.data.images import write_image

    path = tmp_path / "a.png"
    image = photograph() if kind.startswith("RGB") else photograph()[..., 0]
    if kind.endswith("16"):
        image = deep(image)
        write_image(path, image)
        shown = image
    elif kind in "124":
        bits = int(kind)
        image = image >> (8 - bits)
        png_of_bits(path, image, bits)
        shown = image * np.uint8(255 // (2**bits - 1))
    else:
        Image.fromarray(image).save(path)
        shown = image
    key = np.atleast_1d(image[3, 5])
    with_key(path, key.tolist())
    same = (image.reshape(96, 80, -1) == key).all(axis=2)
    assert same.any()
    assert not same.all()
    read = read_image(path)
    assert read.shape[2] == (4 if kind.startswith("RGB") else 2)
    np.testing.assert_array_equal(read[..., -1] == 0, same)
    assert read[..., -1].max() == np.iinfo(read.dtype).max
    np.testing.assert_array_equal(read[..., :-1].reshape(shown.shape), shown)
    target, _ = written(path)
    np.testing.assert_array_equal(read_image(target)[KNOWN], read[KNOWN])


@pytest.mark.parametrize("orientation", [0, 9, 99, 65535])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_orientations_that_do_not_exist_turn_nothing(tmp_path, orientation, dtype):
    image = photograph().astype(dtype)
    tag = (274, "H", 1, orientation, True)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb", extratags=[tag])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), image)


def test_transparent_frames_of_a_gif(tmp_path):
    disc = np.hypot(*np.ogrid[-48:48, -40:40]) < 30
    frames = []
    for shade in (90, 200):
        index = np.where(disc, 1, 0).astype(np.uint8)
        frame = Image.frombytes("P", (80, 96), index.tobytes())
        frame.putpalette([0, 0, 0, shade, 50, 60])
        frames.append(frame)
    frames[0].save(
        tmp_path / "a.gif", save_all=True, append_images=frames[1:], transparency=0, disposal=2,
        duration=50,
    )  # fmt: skip
    for number, shade in enumerate((90, 200)):
        page = read_picture(tmp_path / "a.gif", number)
        np.testing.assert_array_equal(page.pixels[..., 3] == 255, disc)
        assert (page.pixels[disc] == (shade, 50, 60, 255)).all()


def test_inks_with_a_profile_that_is_of_no_use(tmp_path):
    inks = np.asarray(Image.fromarray(photograph()).convert("CMYK"))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (b"no profile at all", srgb):  # that of other colours
        tifffile.imwrite(
            tmp_path / "a.tif", np.ascontiguousarray(inks), photometric="separated",
            iccprofile=profile,
        )  # fmt: skip
        target, lost = written(tmp_path / "a.tif", ".png")
        assert lost == ["the inks, converted to sRGB"]
        with Image.open(target) as back:
            assert "icc_profile" not in back.info
        target, lost = written(tmp_path / "a.tif")
        assert lost == []
        with Image.open(target) as back:
            assert back.info["icc_profile"] == profile


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_inks_with_alpha(tmp_path, depth):
    white = np.iinfo(depth).max
    inks = np.asarray(Image.fromarray(photograph()).convert("CMYK")).astype(depth)
    inks *= depth(white // 255)
    alpha = np.full((*inks.shape[:2], 1), white // 4 * 3, depth)
    source = tmp_path / "inks.tif"
    values = np.concatenate([inks, alpha], axis=-1)
    tifffile.imwrite(source, values, photometric="separated", extrasamples=["unassalpha"])
    shown = read_image(source)
    light = (white - inks[..., :3].astype(float)) * (white - inks[..., 3:].astype(float)) / white
    assert np.abs(shown[..., :3] - light).max() <= 1
    np.testing.assert_array_equal(shown[..., 3:], alpha)
    page, again = tiff(written(source)[0])
    assert (int(page.photometric), page.extrasamples) == (5, (2,))
    np.testing.assert_array_equal(again[KNOWN], values[KNOWN])
    np.testing.assert_array_equal(read_image(written(source, ".png")[0])[KNOWN], shown[KNOWN])


def test_what_is_nowhere_half_transparent_stays_so():
    form, mask = Form(), hole()
    for half in (0, 40000):
        pixels = np.full((*mask.shape, 4), 65535, np.uint16)
        pixels[:5, :, 3], pixels[-1, 0, 3] = 0, half
        pixels[mask, 3] = np.where(np.arange(mask.sum()) % 2, 65523, 12)
        restored = pixels[mask].copy()
        settle(form, pixels, mask)
        wanted = restored[:, 3] if half else np.where(restored[:, 3] > 99, 65535, 0)
        np.testing.assert_array_equal(pixels[mask][:, 3], wanted)
        np.testing.assert_array_equal(pixels[mask][:, :3], restored[:, :3])
