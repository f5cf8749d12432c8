"""What a reader waits for before anything happens: an import, each in a fresh Python; the look at the environment at
each start; and the description of a kernel.

Run it with ``python tests/benchmarks/imports.py [--quick]``.
"""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from cnnlessons import spectra

sys.path.append(str(Path(__file__).parents[2]))

import course

STATEMENTS = ("import numpy", "import cnnlessons", "from cnnlessons import ops")
CODE = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def measure(rounds):
    """The shortest time of each statement in seconds, their repetitions interleaved."""
    times = {statement: [] for statement in STATEMENTS}
    for _ in range(rounds):
        for statement in STATEMENTS:
            command = [sys.executable, "-c", CODE.format(statement)]
            times[statement].append(float(subprocess.check_output(command)))
    return {statement: min(seconds) for statement, seconds in times.items()}


def shortest(action, arguments):
    """The shortest time of a call in seconds."""
    times = []
    for argument in arguments:
        start = time.perf_counter()
        action(argument)
        times.append(time.perf_counter() - start)
    return min(times)


def main(quick):
    rounds = 3 if quick else 7
    seconds = measure(rounds)
    print("imports, best of several fresh processes          ms   × import numpy (the course's own: at most 1.5)")
    for statement, each in seconds.items():
        print(f"{statement:<44}{1000 * each:8.1f}{each / seconds['import numpy']:14.2f}")
    spectra.describe(np.ones((11, 11)))  # the grid of starts is made once for each size
    noise = np.random.default_rng(6).normal(size=(rounds, 11, 11, 3))  # the slowest
    print("\nother waits, best of several                      ms   at most")
    print(f"{'spectra.describe, 11×11×3':<44}{1000 * shortest(spectra.describe, noise):8.1f}{50:10}")
    print(
        f"{'course.py looks its environment over':<44}{1000 * shortest(course.inspect, [course.CPU] * 3):8.1f}{1000:10}"
    )


if __name__ == "__main__":
    main("--quick" in sys.argv)
