"""What an import costs, each in a fresh Python.

Run it with ``python tests/benchmarks/imports.py [--quick]``.
"""

import subprocess
import sys

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


def main(quick):
    seconds = measure(rounds=3 if quick else 7)
    print("imports, best of several fresh processes          ms   × import numpy")
    for statement, time in seconds.items():
        print(f"{statement:<44}{1000 * time:8.1f}{time / seconds['import numpy']:14.2f}")


if __name__ == "__main__":
    main("--quick" in sys.argv)
