"""How many trainings a minute: `experiments.run` with two jobs, against a plain loop over the same runs.

Run it with ``python tests/benchmarks/experiments.py [--quick]``.

The loop runs in one process with as many threads as TensorFlow takes by default; the grid in two processes with one
thread each. Both have trained once before the time is taken: Keras is loaded, the photographs are read and reduced.

The loop takes more than one core itself, so two cores with as much work a run come to 2 over that many, which is
printed, too: the ratio can be above that only by as much as one thread needs less work.
"""

import os
import sys
import time
from importlib.util import find_spec

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from cnnlessons import experiments

STEMS = ("learned", "fixed Gabor", "fixed DCT", "1/2 Gabor", "Gabor start", "edge-biased start")
JOBS, NEEDED = 2, 1.7


def settings(epochs):
    """Some settings of the experiment "stems", on as few images as it has: several a seed, as there."""
    grid = experiments.grid("stems", "photo_patches", epochs)
    return [setting for setting in grid if setting["setting"] in STEMS and setting["per_class"] == 25]


def loop(grid, seeds):
    for seed in seeds:
        for setting in grid:
            experiments.train_stem(**setting, seed=seed)


def in_two_processes(grid, seeds):
    rows = experiments.run(grid, seeds, JOBS, progress=False)
    if (rows["error"] != "").any():
        raise RuntimeError(f"runs failed: {set(rows['error'])}")


def timed(make, grid, seeds, warm_up):
    """Return the runs a minute, and how many cores this process took for them."""
    make(warm_up, [max(seeds) + 1])
    start, processor = time.perf_counter(), time.process_time()
    make(grid, seeds)
    seconds = time.perf_counter() - start
    return 60 * len(grid) * len(seeds) / seconds, (time.process_time() - processor) / seconds


def compare(epochs, seeds):
    """Print runs a minute of the loop and of the grid; return the second over the first."""
    grid, warm_up = settings(epochs), settings(1)
    (plain, cores), (spread, _) = (timed(make, grid, range(seeds), warm_up) for make in (loop, in_two_processes))
    ratio = spread / plain
    print(f"{'epochs':>6}{'runs':>6}{'plain loop':>12}{f'grid, {JOBS} jobs':>14}   grid ÷ loop (needs {NEEDED})")
    print(f"{epochs:6}{len(grid) * seeds:6}{plain:12.1f}{spread:14.1f}{ratio:14.2f}")
    print(
        f"the loop took {cores:.2f} cores; {JOBS}, as busy, come to {JOBS / cores:.2f}",
        flush=True,
    )
    return ratio


def main(quick):
    print("experiments: small classifiers trained and tested, runs a minute\n")
    if find_spec("keras"):
        # Twelve runs, so that the end, where one process has nothing left to do, counts for little.
        compare(epochs=1 if quick else 24, seeds=1 if quick else 2)
    else:
        print("Keras is not installed, so nothing is trained.")


if __name__ == "__main__":
    main("--quick" in sys.argv)
