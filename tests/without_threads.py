"""A Python as a browser has it: no threads, no processes, no TensorFlow, no array over 2 GB. Import it to have one.

``python tests/without_threads.py notebooks/01_convolution_by_hand.ipynb …`` runs the code cells of notebooks in such a
Python, and says which fail.
"""

import _thread
import json
import math
import os
import subprocess
import sys
import threading
from pathlib import Path

from numpy.lib import _stride_tricks_impl as stride_tricks

ABSENT = "tensorflow", "keras", "psutil", "_multiprocessing", "_posixshmem"


def _no_thread(*_, **__):
    raise RuntimeError("can't start new thread")


def _no_process(*_, **__):
    raise OSError(138, "emscripten does not support processes.")


_thread.start_new_thread = _thread.start_joinable_thread = threading.Thread.start = _no_thread
subprocess.Popen.__init__ = _no_process
os.fork = os.posix_spawn = os.system = _no_process
sys.modules.update(dict.fromkeys(ABSENT))


def _of_32_bits(array, shape=None, *arguments, view=stride_tricks.as_strided, **options):
    if math.prod(array.shape if shape is None else shape) * array.itemsize >= 2**31:
        raise ValueError("array is too big; `arr.size * arr.dtype.itemsize` is larger than the maximum possible size.")
    return view(array, shape, *arguments, **options)


stride_tricks.as_strided = _of_32_bits


def failures(path):
    """Run the code cells of a notebook in one IPython: how many there are, and of each that fails its place and why."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output
    from traitlets.config import Config

    shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
    cells, failed = json.loads(path.read_text(encoding="utf-8"))["cells"], []
    for place, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            with capture_output():
                done = shell.run_cell("".join(cell["source"]), store_history=True)
            if not done.success:
                error = done.error_before_exec or done.error_in_exec
                failed.append(f"cell {place}: {type(error).__name__}: {error}")
    return sum(cell["cell_type"] == "code" for cell in cells), failed


if __name__ == "__main__":
    for each in map(Path, sys.argv[1:]):
        os.chdir(each.resolve().parent)
        count, failed = failures(Path(each.name))
        print(f"{each.stem}: {count} cells, {len(failed)} fail", *failed, sep="\n  ", flush=True)
