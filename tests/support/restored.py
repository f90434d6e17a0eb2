"""Pictures written again as a restoration writes them, without a network."""

import numpy as np
from helpers import hole

from bio_scnn.data.forms import settle
from bio_scnn.data.pictures import picture_file, read_picture


def written_again(source, target, value=0.3):
    """The file at `target` of the picture at `source`, with a hole filled in; what was lost.

    The hole's pixels get one value, as a fraction of white, to which a restored picture comes
    from its network.
    """
    first = read_picture(source)
    pages = []
    for number in range(first.pages):
        page = first if number == 0 else read_picture(source, number)
        mask = hole(*page.pixels.shape[:2])
        pixels = page.pixels.copy()
        white = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
        pixels[mask] = value * white
        settle(page.form, pixels, mask)
        pages.append((page, pixels, mask))
    data, lost = picture_file(target, pages)
    target.write_bytes(data)
    return lost
