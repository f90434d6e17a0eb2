"""What docs/performance.md says beside what was measured."""

METHOD = """\
Every script of `benchmarks/` runs this project and its peers on the same work in one run, in turns
that begin with another each round; times are medians, ratios medians over the rounds. All that is
compiled or loaded once is so before, unless that is what is measured. What is not installed has a
row that says so. `make bench` runs all of them in an environment with the peers and writes this
page; `python benchmarks/NAME.py --help` has the options of one, `--quick` only tries whether it
works. Numbers, machine and versions are in `benchmarks/results/`."""

# Sections in this order; those of other scripts follow.
ORDER = ("simulation", "start", "pictures", "many_pictures", "cluster", "race_pytorch")

LEARNED = """\
- Solving for the instant of a spike inside the step is the faster way as well: with it two spikes
  in steps of 1 ms give the rate to rounding, where a script that counts, or times spikes on its
  grid, takes forty times as many steps and is still off by percents.
- On a busy machine ratios of programs with several threads mean nothing. At a load of 4, two
  threads of bio_scnn once came out 6 to 9 times as fast as PyTorch's two, most likely because
  those wait for one another at every layer; with one thread the ratios were nearly those of a
  quiet minute. So scripts note how many cores others kept busy, and warn.
- What made the network in NumPy as fast as it is, what it costs in digits, and what was without
  effect: [benchmarks/README.md](../benchmarks/README.md)."""
