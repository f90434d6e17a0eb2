"""What the command lines share: their options, many pictures at a time, what is said of them."""

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
