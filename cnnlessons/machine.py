"""What this machine has that matters to the course: cores, memory, GPU, versions, data sets.

Taught in lesson 00.
"""

from __future__ import annotations

import contextlib
import html
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

NO_GPU = "none found: everything in this course runs without one"
CPUINFO = Path("/proc/cpuinfo")
NO_AVX = "without AVX, which TensorFlow needs: cells that use Keras cannot run here"

# What a package is called here, and the names it is installed under.
PACKAGES = {
    "NumPy": ("numpy",),
    "SciPy": ("scipy",),
    "scikit-image": ("scikit-image",),
    "Matplotlib": ("matplotlib",),
    "JupyterLab": ("jupyterlab",),
    "Keras": ("keras",),
    "TensorFlow": ("tensorflow", "tensorflow-cpu"),
}

ASK_TENSORFLOW = """\
import tensorflow as tf
for gpu in tf.config.list_physical_devices("GPU"):
    print(tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name))
"""


class Table(dict):
    """Labels and texts in two columns: aligned in a terminal, an HTML table in a notebook."""

    def __repr__(self):
        width = max(map(len, self), default=0)
        return "\n".join(f"{label:<{width}}  {text}" for label, text in self.items())

    def _repr_html_(self):
        row = '<tr><th scope="row" style="text-align: left">{}</th><td style="text-align: left">{}</td></tr>'
        rows = (row.format(html.escape(label), html.escape(text)) for label, text in self.items())
        return f"<table>{''.join(rows)}</table>"


def machine_table(gpu: bool = False) -> Table:
    """Return `machine` in a form that a notebook shows as a table."""
    return Table(machine(gpu))


def machine(gpu: bool = False) -> dict[str, str]:
    """Say what this machine has, such as "memory" or "NumPy", and how much, or which version.

    `gpu` asks TensorFlow which GPUs it can use, which takes some seconds, rather than only look for a driver.
    """
    import joblib  # with NumPy, which the commands that only tell something do without

    from cnnlessons import datasets

    offline = [source.name for source in datasets.available() if source.offline]
    return {
        "processor": _processor(),
        "usable cores": str(joblib.cpu_count()),  # in a container perhaps fewer than there are
        "memory": _memory(),
        "GPU": _gpu_of_tensorflow() if gpu else _gpu_of_driver(),
        "operating system": platform.platform(terse=True),
        "Python": platform.python_version(),
        **{package: _version(names) for package, names in PACKAGES.items()},
        "Keras's backend": _backend(),
        "data sets, offline": ", ".join(offline),
        "photographs, offline": str(len(datasets.photographs())),
    }


def _processor() -> str:
    """Return the model as the system names it; Linux tells it, and what it can do, only in a file."""
    text = CPUINFO.read_text() if CPUINFO.is_file() else ""
    told = dict(re.findall(r"^(model name|flags)\s*: *(.*)$", text, re.MULTILINE))
    lacks = "avx" not in told.get("flags", "avx").split()
    return (told.get("model name") or platform.processor() or platform.machine()) + lacks * f" ({NO_AVX})"


def _memory() -> str:
    if not hasattr(os, "sysconf"):
        return "not known on this system"
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


def _version(names: tuple[str, ...]) -> str:
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return "not installed"


def _backend() -> str:
    """Return the library that Keras would use, found as Keras finds it but without its import, which takes seconds."""
    if _version(PACKAGES["Keras"]) == "not installed":
        return "none: lessons 07, 09, 11 and parts of others need it"
    settings = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"), "keras.json")
    chosen = None
    with contextlib.suppress(OSError, ValueError):
        chosen = json.loads(settings.read_text()).get("backend")
    return os.environ.get("KERAS_BACKEND") or chosen or "tensorflow"


def _gpu_of_driver() -> str:
    """Return the GPUs that NVIDIA's driver knows; whether TensorFlow can use them is another question."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return NO_GPU
    query = [program, "--query-gpu=name", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True)
    return ", ".join(answer.stdout.splitlines()) if answer.returncode == 0 else NO_GPU


def _gpu_of_tensorflow() -> str:
    """Ask TensorFlow in a process of its own: it holds on to a GPU, and to its log lines."""
    answer = subprocess.run([sys.executable, "-c", ASK_TENSORFLOW], capture_output=True, text=True)
    if answer.stdout:
        return ", ".join(answer.stdout.splitlines()) + " (usable by TensorFlow)"
    present = _gpu_of_driver()
    if answer.returncode not in (0, 1):  # 1: it is not installed, as another line says
        return f"not known: TensorFlow ended with exit status {answer.returncode}, as on a processor without AVX"
    return present if present == NO_GPU else f"{present} (which this TensorFlow does not use)"
