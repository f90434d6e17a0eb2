"""Tables of the scores of several methods, for people."""

from __future__ import annotations

from typing import Any

from bio_scnn.restoration.methods import REFERENCE


def table_text(kind: str, table: dict[str, dict[str, Any]]) -> str:
    """Means of one kind of mask, a row for each method.

    Parameters
    ----------
    kind : str
    table : dict
        As `bio_scnn.restoration.evaluation.summary` returns it.
    """
    lines = [
        f"{kind:32}{'hole PSNR':>10}{'95 % interval':>17}{'over biharmonic':>26}"
        f"{'SSIM':>8}{'MSE':>10}{'hole MSE':>10}"
    ]
    for name, row in table.items():
        spread = "{:.2f} to {:.2f}".format(*row["hole_psnr_interval"])
        gain = "{:+.2f} ({:+.2f} to {:+.2f})".format(
            row["over_biharmonic"], *row["over_biharmonic_interval"]
        )
        lines.append(
            f"{name:32}{row['hole_psnr']:7.2f} dB{spread:>17}"
            f"{'' if name == REFERENCE else gain:>26}"
            f"{row['ssim']:8.4f}{row['mse']:10.6f}{row['hole_mse']:10.5f}"
        )
    return "\n".join(lines)
