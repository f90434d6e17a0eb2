"""Text of docs/performance.md beside what was measured."""

METHOD = """\
The scripts of `benchmarks/` measure the simulation of neurons, start-up, pictures of up to 100
megapixels beside classical fills, one job versus two, a cluster, and the network beside PyTorch.
Each script runs this project and its peers on identical work in one run. The programs are
interleaved, and each round starts with another one. Times are medians; ratios are medians over
the rounds. Compiling and loading happen before the timing starts, unless they are the subject of
the measurement. A program that is not installed has a row that says so.

`make bench` runs all scripts in an environment with the peers and writes this page. `python -m
benchmarks.NAME --help` lists the options of one script; `--quick` is a fast trial. Numbers,
machine and versions are in `benchmarks/results/`."""

# Sections in this order; those of other scripts follow.
ORDER = ("simulation", "start", "pictures", "many_pictures", "cluster", "race_pytorch")

LEARNED = """\
These are notes on changes that made the programs faster. Each pair of numbers, before and after
a change, was measured in one run, often with other work on the machine. Compare only numbers of
one bullet.

**Neurons**

- Solving for the spike inside the step is also faster. Two spikes then give the rate to rounding
  error. A script that counts spikes, or times them on its grid, takes many more steps and is
  still off by percents.
- Steps may be as long as the shortest interval between spikes. The release from the refractory
  period is solved inside the step, too, so that five steps of 5 ms replace twenty-five of 1 ms.
  Errors are smaller, since fewer roundings add up, and Brian2's refractory bookkeeping is not
  needed. 1,048,576 neurons: 0.72 to 0.31 s (numpy), 0.28 to 0.17 s (cython).
- Networks have 2^20 neurons. Smaller networks stay in the processor's cache, but each costs 17
  ms to build. In steps of 1 ms, 1,048,576 neurons took 0.56 s in networks of 2^17 and 0.72 s in
  one of 2^20 (numpy), 0.37 and 0.28 s (cython). With long steps they took 0.35 and 0.31 s
  (numpy), 0.31 and 0.17 s (cython).
- Compiled code saves 25 ns per neuron and step. Loading it takes 0.6 s, compiling 10 to 20 s.
  The demo, with three million neurons, is as fast without it.

**Pictures**

- The first convolution has 28 to 48 channels at 256 x 256 in float64, on two threads. Summed
  directly, kernel by kernel, it takes 0.43 s. Overlap-save in blocks of 24 x 24 pixels takes
  0.047 s (16: 0.048, 32: 0.057, 64: 0.11). `scipy.signal.correlate` over all channels at once
  takes 9 s on one thread, `correlate2d` by pairs 1.8 s. Matrix products over windows take 0.034
  s; they are not in SciPy.
- A 12-megapixel picture with 1 % missing in scattered boxes needed 51 million neurons. Most of
  them are in margins, the pixels within the network's reach of a hole. Long steps and the new
  convolution reduced the time from 54 to 28 s, with other work on the machine. Small rectangles
  are now simulated together, in networks of a million neurons, so that many rectangles are
  cheap. So the rectangles became smaller, with 9 % fewer neurons, and the compiled target is
  chosen for all of them together.
- One thread now simulates the neurons of a rectangle. At the same time another thread convolves
  the next rectangle and restores the one before. The result is the same, bit for bit. For 3
  megapixels with 1 % missing, 13 million neurons, not compiled, two runs took 7.9 and 8.5 s
  before, and 6.7 and 6.8 s after the change, with a tenth more memory. Without noise, neurons
  are now simulated for 20 ms instead of 25 ms, because at 100 Hz the second spike comes at 19
  ms. Both changes together reduced 7.0 s to 4.7 and 5.2 s. 12 megapixels took 28.6 and 17.9 s in
  two runs of `make bench` on one machine, and 13.1 and 11.5 s on another.
- Importing Brian2 takes a second. It now runs while holes are filled, and the fills of the table
  share their equations: 4.3 to 3.4 s for the demo.
- Measuring a picture of 100 megapixels against its truth, five times for the table, takes 100 s.
  Nearly all of it is SSIM. It needs 1.86 GB and works on a few rows at a time.
- 100 megapixels with 1 % missing in scattered boxes have 427 million neurons. `python -m
  bio_scnn.run_inpaint` with a mask took 120 s (136 s including reading and writing the files)
  and 1.19 GB. With stages that overlap it took 173 s and 1.30 GB on a slower machine, and 114 s
  (117 s) and 1.18 GB on another. There `restore` took 1.68 GB, including the damaged picture and
  all rates. The command once needed 1.66 GB. Four changes reduced it: the matrices of the fills
  are made for a group of holes at a time, not for all; memory freed by decoders returns to the
  system; rates are kept only as densely as they are drawn; and the result uses the memory of the
  picture.
- Python searches all objects for garbage before it ends, which took half a second with Brian2's
  objects. These are now set aside first, so that every command ends half a second earlier.
- Processes used to grow by 12 MB with each picture, because Matplotlib leaves figures in
  reference cycles. The garbage of a drawing is now collected at once, like that of a simulation.

**One job versus two**

- With pictures of 256 x 256, two jobs are not quite twice as fast as one, for three reasons. The
  processes need 0.5 s to start. Each of them imports Brian2 and draws for the first time, which
  takes 1.2 s. A single job has two threads for convolutions, which saves it 5 % of every picture.
- Each of two jobs used to have two threads as well, which took the core from the drawing of the
  other job. Now they share the cores, and a picture takes 0.70 s instead of 0.74 s. The
  processes of joblib searched for garbage every second. Those of the standard library do not,
  and need no dependency. The simulation itself takes the same time beside another one (0.33 and
  0.34 s for 1.6 million neurons). Forked processes save 0.1 to 0.7 s of 18 s, but are not safe
  beside threads.
- Repeated runs on four machines gave ratios of 1.74 to 1.96 for pictures, 1.69 to 2.19 for
  checking, and 1.64 to 2.01 for training. The processor time of two jobs equals that of one. The
  spread comes from cores that change their speed from minute to minute: checking nine
  implementations, one at a time, took 40 to 53 s within ten minutes. Threads that wait for each
  other in every step lose most when a core slows down.
- Drawing takes half the time of a small picture. Faster drawing would make folders faster, and
  this ratio smaller.
- More shards than threads, so that a slow core may do less, did not help. In 7 rounds of ten
  steps, two threads were 1.81 times as fast as one with two shards, 1.61 times with three and
  1.54 times with six, because smaller matrix products are slower.
- Two processes that compute gradients side by side take as long as one alone (103 and 103 ms).
  Two threads take 5 to 12 % longer. Python's lock is not the reason; in 100 ms it is held for
  longer than 0.3 ms during 1.4 ms only. glibc's arenas are not the reason either; one arena for
  all is no faster. The reason is unknown. Checking five implementations cannot be twice as fast,
  because one of them, snnTorch, takes half of the time: the ratio was 1.64 to 1.92.

**Clusters and PyTorch**

- Dask configures glibc's allocator in a way that made a restoration take twice as long on a
  worker. Its workers now keep freed memory, and so do local processes; the demo takes a
  twentieth less. Workers were still slower by 11.5 %, until all their threads shared one arena.
  Since then two machines gave -7.5 to +10.4 %. A third one, of steadier speed, gave 3.3 to
  4.7 %.
- On a busy machine, ratios of programs with several threads mean nothing. At a load of 4, two
  threads of bio_scnn were once 6 to 9 times as fast as PyTorch's two, most likely because those
  wait for one another at every layer. With one thread the ratios were nearly those of an idle
  machine. So scripts record how many cores were busy with other work, and warn.
- [benchmarks/README.md](../benchmarks/README.md) lists the changes that made the network in
  NumPy faster, their cost in digits, and the changes without effect."""
