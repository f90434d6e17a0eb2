"""Elements of masks: strokes, boxes, scratches, text, and more shapes for training.

Each element is drawn with Pillow or NumPy on a small canvas of its own: the row and column of its
upper left corner, and which pixels from there on it covers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_LETTERS = np.array(
    list("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzABCDEGHKLMNRSTW0123456789")
)


@dataclass(frozen=True)
class Sizes:
    """Ranges of the elements' sizes, in pixels."""

    stroke_width: tuple[int, int] = (6, 20)
    box_side: tuple[int, int] = (16, 32)
    scratch_width: tuple[int, int] = (1, 4)
    text_height: tuple[int, int] = (10, 28)
    shape_side: tuple[int, int] = (8, 48)
    line_period: tuple[int, int] = (4, 24)


Element = tuple[int, int, np.ndarray]
Draw = Callable[[tuple[int, int], Sizes, np.random.Generator], Element]


def _draw_polygon(shape: tuple[int, int], points: np.ndarray) -> Element:
    """Fill the polygon of `points`, (n, 2) as (row, column)."""
    top, left, canvas = _canvas(shape, points, 1.0)
    ImageDraw.Draw(canvas).polygon((points[:, ::-1] - (left, top)).ravel().tolist(), fill=1)
    return top, left, np.asarray(canvas, dtype=bool)


def _canvas(
    shape: tuple[int, int], points: np.ndarray, reach: float
) -> tuple[int, int, Image.Image]:
    """Corner (row, column) and canvas, still empty, around what of `points` is inside."""
    top, left = np.clip(np.floor(points.min(axis=0) - reach), 0, np.array(shape) - 1).astype(int)
    bottom, right = np.clip(np.ceil(points.max(axis=0) + reach), 1, shape).astype(int)
    size = (max(right - left, 1), max(bottom - top, 1))
    return int(top), int(left), Image.new("L", size)


def _draw_polyline(shape: tuple[int, int], points: np.ndarray, width: int) -> Element:
    """Draw a line with round joints and ends through `points`, (n, 2) as (row, column)."""
    top, left, canvas = _canvas(shape, points, width / 2 + 1)
    pen = ImageDraw.Draw(canvas)
    xy = [tuple(point) for point in (points[:, ::-1] - (left, top)).tolist()]
    pen.line(xy, fill=1, width=width)
    if width > 2:
        radius = (width - 1) / 2
        for x, y in xy:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1)
    return top, left, np.asarray(canvas, dtype=bool)


def _walk(
    shape: tuple[int, int], steps: np.ndarray, turns: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Vertices (n + 1, 2) of a walk with the given step lengths and turns, starting anywhere."""
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(turns)
    moves = steps[:, None] * np.stack([np.sin(heading), np.cos(heading)], axis=1)
    path = np.concatenate([np.zeros((1, 2)), np.cumsum(moves, axis=0)])
    # The middle of the walk, not its start, is uniform over the image: no bias to the borders.
    return path - path.mean(axis=0) + rng.uniform((0, 0), shape)


def stroke(shape: tuple[int, int], sizes: Sizes, rng: np.random.Generator) -> Element:
    """Draw a free-form brush stroke."""
    width = _integer(sizes.stroke_width, rng, at_most=min(shape) // 2)
    n_steps = int(rng.integers(2, 9))
    steps = rng.uniform(0.5, 1.5, n_steps) * min(28.0, max(shape) / 4)
    # Brushes move to and fro: mostly gentle turns, now and then a reversal.
    turns = rng.normal(0, 0.7, n_steps) + np.pi * (rng.random(n_steps) < 0.2)
    return _draw_polyline(shape, _walk(shape, steps, turns, rng), width)


def box(shape: tuple[int, int], sizes: Sizes, rng: np.random.Generator) -> Element:
    """Draw an upright rectangle inside the image."""
    height = _integer(sizes.box_side, rng, at_most=shape[0] // 2)
    width = _integer(sizes.box_side, rng, at_most=shape[1] // 2)
    row = int(rng.integers(0, shape[0] - height, endpoint=True))
    column = int(rng.integers(0, shape[1] - width, endpoint=True))
    return row, column, np.ones((height, width), bool)


def scratch_or_text(shape: tuple[int, int], sizes: Sizes, rng: np.random.Generator) -> Element:
    """Draw a scratch, or in two cases of five a line of text."""
    return (text if rng.random() < 0.4 else scratch)(shape, sizes, rng)


def scratch(shape: tuple[int, int], sizes: Sizes, rng: np.random.Generator) -> Element:
    """Draw a long thin curve."""
    width = _integer(sizes.scratch_width, rng, at_most=max(min(shape) // 8, 1))
    length = rng.uniform(0.4, 1.5) * min(256, max(shape))
    n_steps = 12
    # A constant bend plus a wobble: long smooth arcs rather than a random walk.
    turns = (rng.normal(0, 1.2) + rng.normal(0, 1.0, n_steps)) / n_steps
    steps = np.full(n_steps, length / n_steps)
    return _draw_polyline(shape, _walk(shape, steps, turns, rng), width)


def text(shape: tuple[int, int], sizes: Sizes, rng: np.random.Generator) -> Element:
    """Write a line of random letters, which may run out of the image."""
    height = _integer(sizes.text_height, rng, at_most=max(min(shape) // 3, 6))
    letters = rng.choice(_LETTERS, int(rng.integers(6, 25)))
    letters[rng.random(letters.size) < 0.15] = " "
    line = "".join(letters)
    font = font_of(height)
    left, top, right, bottom = (int(edge) for edge in font.getbbox(line))
    canvas = Image.new("L", (max(right - left, 1), max(bottom - top, 1)))
    pen = ImageDraw.Draw(canvas)
    pen.fontmode = "1"  # no antialiasing: a pixel is missing or it is not
    pen.text((-left, -top), line, fill=1, font=font)
    covered = np.asarray(canvas, dtype=bool)
    # Lines may start left of the image or run out of it on the right.
    row = int(rng.integers(1 - covered.shape[0], shape[0]))
    column = int(rng.integers(1 - covered.shape[1], shape[1]))
    covered = covered[max(-row, 0) :, max(-column, 0) :]
    row, column = max(row, 0), max(column, 0)
    return row, column, covered[: shape[0] - row, : shape[1] - column]


def outline(shape: tuple[int, int], sizes: Sizes, rng: np.random.Generator) -> Element:
    """Draw a turned rectangle, an ellipse or a blob; any may reach over the border."""
    kind = int(rng.integers(3))
    n_corners = (4, 24, 32)[kind]
    height = _integer(sizes.shape_side, rng, at_most=max(shape))
    width = _integer(sizes.shape_side, rng, at_most=max(shape))
    turn = 2 * np.pi * (np.arange(n_corners) + 0.5) / n_corners
    corners = np.stack([height * np.sin(turn), width * np.cos(turn)], axis=1) / 2
    if kind == 0:
        corners *= np.sqrt(2)  # from the circle through the corners to the sides
    elif kind == 2:
        waves = np.arange(2, 6)
        height_of_waves = rng.normal(0, 0.35, waves.size) / waves
        phase = rng.uniform(0, 2 * np.pi, waves.size)
        wobble = 1 + np.cos(np.outer(turn, waves) + phase) @ height_of_waves
        corners *= np.maximum(wobble, 0.2)[:, None]
    # Every third stands upright, as windows, frames and stickers do.
    angle = rng.uniform(0, np.pi) if rng.random() < 2 / 3 else 0.0
    cos, sin = np.cos(angle), np.sin(angle)
    points = corners @ np.array([[cos, sin], [-sin, cos]]) + rng.uniform((0, 0), shape)
    return _draw_polygon(shape, points)


def lines(shape: tuple[int, int], sizes: Sizes, rng: np.random.Generator) -> Element:
    """Draw parallel lines, or a grid of two families of them, over a rectangle of the image."""
    height, width = (max(round(side * rng.uniform(0.3, 1.0)), 1) for side in shape)
    row = int(rng.integers(shape[0] - height, endpoint=True))
    column = int(rng.integers(shape[1] - width, endpoint=True))
    period = _integer(sizes.line_period, rng, at_most=max(min(shape) // 2, 2))
    thickness = _integer((1, max(period // 4, 1)), rng, at_most=period)
    angle = rng.uniform(0, np.pi) if rng.random() < 0.5 else np.pi / 2 * rng.integers(2)
    grid = rng.random() < 0.5
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    covered = (cos * y + sin * x + np.float32(1e-3)) % period < thickness
    if grid:
        covered |= (cos * x - sin * y + np.float32(1e-3)) % period < thickness
    return row, column, covered


def rows(shape: tuple[int, int], sizes: Sizes, rng: np.random.Generator) -> Element:
    """Lose a few whole rows or columns that are neighbours."""
    thickness = _integer(sizes.scratch_width, rng, at_most=max(min(shape) // 8, 1))
    if rng.random() < 0.5:
        row = int(rng.integers(shape[0] - thickness, endpoint=True))
        return row, 0, np.ones((thickness, shape[1]), bool)
    column = int(rng.integers(shape[1] - thickness, endpoint=True))
    return 0, column, np.ones((shape[0], thickness), bool)


def specks(shape: tuple[int, int], sizes: Sizes, rng: np.random.Generator) -> Element:
    """Scatter single pixels, or small squares, over the whole image."""
    side = _integer((1, 3), rng, at_most=min(shape))
    n_specks = max(shape[0] * shape[1] // (48 * side * side), 1)
    row = rng.integers(shape[0] - side, size=n_specks, endpoint=True)
    column = rng.integers(shape[1] - side, size=n_specks, endpoint=True)
    covered = np.zeros(shape, bool)
    for down in range(side):
        for right in range(side):
            covered[row + down, column + right] = True
    return 0, 0, covered


@lru_cache(maxsize=128)
def font_of(height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font at a height in pixels."""
    return ImageFont.load_default(height)


def _integer(ends: tuple[int, int], rng: np.random.Generator, at_most: int) -> int:
    """Draw an integer between `ends`, both included, but at most `at_most` and at least 1."""
    return max(1, min(int(rng.integers(ends[0], ends[1], endpoint=True)), at_most))
