"""Tables and figures of benchmarks, taken apart."""

import matplotlib.pyplot as plt


def rows_of(table):
    """The first cells of a Markdown table's lines, without headers and rules."""
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [line.split(" | ")[0].strip("| ") for line in lines]


def drawn(figure):
    """Assertion that a figure can be drawn, and shows something."""
    figure.canvas.draw()
    shown = any(axes.has_data() for axes in figure.axes)
    plt.close(figure)
    return shown
