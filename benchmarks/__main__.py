"""Run every benchmark: ``python benchmarks``, with the options of the scripts."""

from _suite import main

from bio_scnn.commands.options import run

if __name__ == "__main__":
    run(main)
