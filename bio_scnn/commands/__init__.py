"""Parts that command lines share: options, many pictures at a time, reports."""

from bio_scnn.commands.options import (
    add_hole_options,
    add_neuron_options,
    add_scheduler_option,
    neuron_options,
    run,
)

__all__ = [
    "add_hole_options",
    "add_neuron_options",
    "add_scheduler_option",
    "neuron_options",
    "run",
]
