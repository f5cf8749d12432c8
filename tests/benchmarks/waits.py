"""What a reader waits for now and then: the description of a kernel, and the look at the environment at each start.

Run it with ``python tests/benchmarks/waits.py [--quick]``.
"""

import sys
import time
from pathlib import Path

import numpy as np

from cnnlessons import spectra

sys.path.append(str(Path(__file__).parents[2]))

import course


def milliseconds(action, arguments):
    """The least time of a call."""
    times = []
    for argument in arguments:
        before = time.perf_counter()
        action(argument)
        times.append(1000 * (time.perf_counter() - before))
    return min(times)


def main(quick):
    rounds = 3 if quick else 10
    kernels = np.random.default_rng(6).normal(size=(rounds, 11, 11, 3))  # noise is the slowest
    spectra.describe(np.ones((11, 11)))  # the grid of starts is made once for each size
    print("waits, best of several                            ms   at most")
    print(f"spectra.describe, 11×11×3{milliseconds(spectra.describe, kernels):27.1f}{50:10}")
    print(f"course.py looks its environment over{milliseconds(course.inspect, [course.CPU] * rounds):16.1f}{1000:10}")


if __name__ == "__main__":
    main("--quick" in sys.argv)
