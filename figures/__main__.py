"""Draw every figure and table: ``python figures``, with the options of the scripts."""

from _all import main

from bio_scnn.commands.options import run

if __name__ == "__main__":
    run(main)
