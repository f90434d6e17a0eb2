"""Text of docs/performance.md beside what was measured."""

METHOD = """\
The scripts of `benchmarks/` measure the simulation of neurons, start-up, pictures of up to 100
megapixels beside classical fills, one job versus two, a cluster, and the network beside PyTorch.
Each script runs this project and its peers on identical work in one run. The
programs are interleaved, and each round starts with another one. Times are medians; ratios are
medians over the rounds. Compiling and loading happen before the timing starts, unless they are the
subject of the measurement. A program that is not installed has a row that says so. `make bench`
runs all scripts in an environment with the peers and writes this page. `python -m benchmarks.NAME
--help` lists the options of one script; `--quick` only tries if it works. Numbers, machine and
versions are in `benchmarks/results/`."""

# Sections in this order; those of other scripts follow.
ORDER = ("simulation", "start", "pictures", "many_pictures", "cluster", "race_pytorch")

LEARNED = """\
What came before and after a change was measured in one run each, often beside other work:
compare within a line.

- Solving for the instant of a spike inside the step is the faster way as well: two spikes then
  give the rate to rounding, where a script that counts, or times spikes on its grid, takes many
  more steps and is still off by percents.
- Steps may be as long as the shortest interval between spikes. With the release, too, solved
  for inside the step, five steps of 5 ms take the place of twenty-five of 1 ms, and errors are
  smaller, since fewer roundings add up. Brian2's refractory bookkeeping falls away. 1,048,576
  neurons: 0.72 to 0.31 s (numpy), 0.28 to 0.17 s (cython).
- Smaller networks stay in the processor's cache, but each costs 17 ms to build. In steps of 1
  ms 1,048,576 neurons took 0.56 s in networks of 2^17 and 0.72 s in one of 2^20 (numpy), 0.37
  and 0.28 s (cython); with long steps 0.35 and 0.31 s, 0.31 and 0.17 s. So networks have 2^20.
- The first convolution, 28 to 48 channels at 256 x 256 in float64, on two threads: summed
  directly, kernel by kernel, 0.43 s; by overlap-save in blocks of 24 x 24 pixels, 0.047 s (16:
  0.048, 32: 0.057, 64: 0.11). `scipy.signal.correlate` over all channels at once takes 9 s on
  one thread, `correlate2d` by pairs 1.8 s. Matrix products over windows take 0.034 s, and are
  not SciPy's.
- A 12-megapixel picture with 1 % missing in scattered boxes asks for 51 million neurons, since
  most of what is computed are margins: what lies within the network's reach of a hole. Long
  steps and the convolution took it from 54 to 28 s, beside other work. Small rectangles are
  now simulated together, in networks of a million neurons, which made their number cheap: they
  shrink further, to 9 % fewer neurons, and the compiled target is chosen for all of them.
- One thread now simulates neurons while another convolves, and restores, the rectangles after and
  before: the same result, bit for bit, and 7.9 and 8.5 to 6.7 and 6.8 s for 3 megapixels with 1 %
  missing, 13 million neurons, not compiled; a tenth more memory. Without noise neurons are
  simulated for 20 ms in place of 25, as at 100 Hz the second spike comes at 19 ms: together 7.0 to
  4.7 and 5.2 s. With 12 megapixels, 28.6 and 17.9 s in two runs of `make bench` on one machine; on
  another 13.1 and 11.5 s.
- Compiled code saves 25 ns a neuron and step, but loading it takes 0.6 s, compiling 10 to 20 s.
  The demo, of three million neurons, is as fast without. Importing Brian2, a second, now goes on
  while holes are filled, and the fills of the table share their equations: 4.3 to 3.4 s.
- What two jobs lose against twice the speed, with pictures of 256 x 256: 0.5 s until the
  processes have started; importing Brian2 and drawing for the first time, which take 1.2 s in each
  of them as in one; and 5 % of every picture, for one job has two threads for convolutions. Each
  of two jobs used to have two threads as well, which took the core from the other's drawing: now
  they share the cores, and a picture takes 0.70 s in place of 0.74. joblib's processes looked
  for garbage every second; those of the standard library do not, and need no dependency. The
  simulation itself takes the same time beside another (0.33 and 0.34 s for 1.6 million neurons).
  Forked processes save 0.1 to 0.7 s of 18, and are not safe beside threads. Runs of 96
  pictures gave 1.74, 1.77, 1.86 and 1.91; since `--quiet` no longer compares with fills that
  nobody reads of, and on another machine, 1.92, 1.92, 1.95 and 1.96; on a third 1.92, and with
  the 64 pictures of now 1.86, 1.94 and 1.75; on a fourth 1.86, 1.80 and 1.88. A cheaper drawing,
  half of a small picture's time, would make folders faster, and this ratio smaller.
- Cores may change their speed from minute to minute: checking nine implementations, one at a
  time, took 40 to 53 s within ten minutes. Two at a time were 1.69, 1.91 and 2.19 times as fast
  in three runs, at 1.0 times the processor time. Four runs of training gave 1.64, 1.84, 1.85 and
  2.01, and one of 25 rounds 1.75 (quartiles 1.51 and 1.82, shortest time to shortest time 2.02):
  threads that wait for each other in every step lose most when a core falls behind. Four runs of
  `make bench` on one more machine: checking 1.99, 1.75, 1.71 and 1.92, training 1.88, 1.80, 1.89
  and 1.76; checking by hand in between, 1.99 and 1.94; on the fourth machine 2.03, 1.96 and 2.06,
  training 1.78 (of 5 rounds), 1.83 and 1.81 (of 15, as it is now). More shards than threads, so
  that a core that falls behind may do less, were of no use: 7 rounds of ten steps with two
  threads were 1.81 times as fast as with one with two shards, 1.61 with three and 1.54 with six,
  for smaller matrix products are slower. Two processes that compute gradients side by side take
  as long as one alone (103 and 103 ms), two threads 5 to 12 % longer: not for Python's lock,
  which is held for longer than 0.3 ms in 1.4 ms of the 100, nor for glibc's arenas (one for all
  is no faster); the rest is not known. Five implementations, of which snnTorch was half of the
  whole, could not be twice as fast: 1.64 to 1.92.
- Measuring a picture of 100 megapixels against its truth, five times for the table, takes 100 s,
  nearly all of it SSIM; 1.86 GB, a few rows at a time.
- Python looks through all objects for garbage before it ends: half a second with Brian2's. They
  are now set aside first, and every command ends half a second earlier.
- Processes used to grow by 12 MB with each picture, the figures that Matplotlib leaves in
  reference cycles. Now the garbage of a drawing is collected at once, as that of a simulation was.
- 100 megapixels with 1 % missing in scattered boxes, 427 million neurons, restored by
  `python -m bio_scnn.run_inpaint` with a mask: 120 s (136 s with reading and writing the files)
  and 1.19 GB; with stages side by side 173 s and 1.30 GB on a slower machine, and 114 s (117 s)
  and 1.18 GB on another. `restore` took 1.68 GB there, with the damaged picture and all rates
  kept. It was 1.66 GB: the matrices of the fills were made for all holes together, now for a
  group of holes at a time; what decoders free goes back to the system; rates are kept as sparsely
  as they are drawn; the result takes the picture's own memory.
- Dask sets glibc's allocator so that a restoration took twice as long on a worker. Its workers
  now keep freed memory, and so do local processes: the demo takes a twentieth less. Workers were
  still a tenth slower, 11.5 %, until all their threads shared one arena. After that one machine
  gave -7.5 %, another -2.9, +1.5, +3.2 and +7.3 %, and there, since neurons are simulated for
  20 ms, 9.7, 10.2 and 10.4 %; a third machine, of steadier speed, 4.6, 3.6, 4.7 and 3.3 %
  with the same code.
- On a busy machine ratios of programs with several threads mean nothing. At a load of 4, two
  threads of bio_scnn once came out 6 to 9 times as fast as PyTorch's two, most likely because
  those wait for one another at every layer; with one thread the ratios were nearly those of a
  quiet minute. So scripts note how many cores others kept busy, and warn.
- What made the network in NumPy as fast as it is, what it costs in digits, and what was without
  effect: [benchmarks/README.md](../benchmarks/README.md)."""
