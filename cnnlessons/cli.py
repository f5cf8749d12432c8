"""The command ``cnnlessons``: what this machine has, how fast the course runs on it, and storing notebooks.

Taught in lesson 00.
"""

from __future__ import annotations

import argparse
import contextlib
import html
import itertools
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from cnnlessons import __version__

BENCHMARKS = Path(__file__).parents[1] / "tests" / "benchmarks"
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


class Problem(Exception):
    """What went wrong, in a sentence for the reader."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except Problem as problem:
        print(f"cnnlessons: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "cnnlessons",
        description="Convolutional networks, one question and one running cell at a time.",
        epilog="To open the lessons: python3 course.py",
    )
    parser.add_argument("--version", action="version", version=f"cnnlessons {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    command = commands.add_parser("machine", help="say what this machine has: cores, GPU, versions, data sets")
    command.set_defaults(run=lambda options: print(machine_table(gpu=True)))

    command = commands.add_parser("bench", help="measure how fast the course runs here (about nine minutes)")
    command.add_argument("--quick", action="store_true", help="few repetitions and no browser (about two minutes)")
    command.set_defaults(run=lambda options: bench(options.quick))

    command = commands.add_parser("store", help="run notebooks from top to bottom and save them with their outputs")
    command.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK")
    command.set_defaults(run=lambda options: store(options.notebooks))

    command = commands.add_parser("record-weights", help="train the networks that lesson 08 reads (an hour; goes on)")
    command.add_argument("--task", action="append", dest="tasks", metavar="TASK", help="only this one; may be repeated")
    command.add_argument("--jobs", type=int, default=2, help="networks trained at once, one core each")
    command.set_defaults(run=lambda options: record_weights(options.tasks, options.jobs))
    _add_experiment(commands)
    return parser


def _add_experiment(commands) -> None:
    command = commands.add_parser(
        "experiment", help="train what the evidence of the lessons rests on, or go on with it"
    )
    command.add_argument("name", metavar="NAME", help="first_layers, bakeoff, long, blocks or stems")
    command.add_argument("--seeds", type=int, metavar="N", help="how many (those of the experiment)")
    command.add_argument("--jobs", type=int, metavar="N", help="runs at once (as many as cores)")
    command.add_argument("--epochs", type=int, metavar="N", help="instead of those of the experiment; needs --store")
    command.add_argument("--dataset", metavar="NAME", help="only the runs on this data set")
    command.add_argument(
        "--verify", type=int, metavar="K", help="run K recorded runs again, drawn at random, and compare"
    )
    command.add_argument("--store", type=Path, metavar="FILE", help="a CSV file (data/evidence/NAME.csv)")
    command.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask scheduler whose workers make the runs")
    command.set_defaults(run=experiment)


# --------------------------------------------------------------------------- what this machine has


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
    """Say what this machine has that matters to the course.

    Parameters
    ----------
    gpu : bool
        Whether to ask TensorFlow which GPUs it can use, which takes some seconds, rather than only look for a driver.

    Returns
    -------
    dict of str to str
        What, such as "memory" or "NumPy", to how much or which version.

    Notes
    -----
    Used in lesson 00.
    """
    from cnnlessons import datasets

    offline = [source.name for source in datasets.available() if source.offline]
    return {
        "processor": _processor(),
        "usable cores": str(_cores()),
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


def _cores() -> int:
    """Return how many cores this process may use, which in a container can be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


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
        return "none: lessons 01 to 06 run without Keras, later ones need it"
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


# --------------------------------------------------------------------------- how fast it is


def bench(quick: bool = False) -> None:
    """Print this machine's description and the tables that the scripts in tests/benchmarks measure.

    Raises
    ------
    Problem
        If the scripts are not there, or one fails.
    """
    scripts = ["imports.py", "convolution.py", "training.py", "experiments.py", *([] if quick else ["slider.py"])]
    if not BENCHMARKS.is_dir():
        raise Problem(
            "the benchmarks are part of the course's folder, not of the installed package; "
            "get the course and run there: python3 course.py run cnnlessons bench"
        )
    print(machine_table(), flush=True)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0
    if load > 0.5:
        print(f"\nOther programs are running (load {load:.1f}): NumPy's matrix products can take many times as long.")
    for script in scripts:
        print(flush=True)  # before the script prints to the same place
        command = [sys.executable, str(BENCHMARKS / script), *(["--quick"] if quick else [])]
        ended = subprocess.run(command, stderr=subprocess.PIPE, text=True)  # stderr: libraries log there
        if ended.returncode != 0:
            raise Problem(f"{script} failed:\n{ended.stderr}")


# --------------------------------------------------------------------------- recorded networks


def record_weights(tasks: list[str] | None, jobs: int) -> None:
    """Train the networks of `recorded` that are missing and write them to data/weights.

    Raises
    ------
    Problem
        If there is no such task, or its images are not there.
    """
    from cnnlessons import recorded

    try:
        recorded.record(tasks=tasks, jobs=jobs)
    except (OSError, ValueError) as error:
        raise Problem(str(error)) from error


# --------------------------------------------------------------------------- experiments


def experiment(options: argparse.Namespace) -> None:
    """Make the runs of an experiment that its store does not hold yet, or some that it holds again.

    Raises
    ------
    Problem
        If there is no such experiment, an option cannot be taken, runs failed, or a verified run came out otherwise.
    """
    from cnnlessons import experiments

    try:
        evidence = experiments.evidence(options.name)
        if options.epochs is not None and not options.store and options.verify is None:
            raise Problem("runs with other epochs are another experiment: name a file for them with --store FILE")
        store = options.store or evidence
        if options.verify is not None:
            for name in ("dataset", "seeds", "epochs"):
                if getattr(options, name) is not None:
                    raise Problem(f"--verify draws from all recorded runs: leave out --{name}")
            _verify(experiments.verify(store, options.verify, options.jobs, scheduler=options.scheduler))
        else:
            _tell(_run(options, store), store)
    except (OSError, TypeError, ValueError, ImportError) as error:
        raise Problem(str(error)) from error


def _run(options, store):
    """Make the runs, one group of settings after the other, and return their rows."""
    import pandas as pd

    from cnnlessons import experiments

    known, rows = experiments.experiment(options.name), []
    if known.tried:
        _choose_rates(options, known)
    settings = experiments.grid(options.name, options.dataset, options.epochs)
    for _, group in itertools.groupby(settings, lambda each: (each.get("group"), list(known.seeds_of(each)))):
        group = list(group)
        seeds = known.seeds_of(group[0]) if options.seeds is None else options.seeds
        rows.append(experiments.run(group, seeds, options.jobs, store, known.function, options.scheduler))
    return pd.concat(rows)


def _choose_rates(options, known):
    """Make the runs on which the rates of an experiment are chosen, in the course's own evidence."""
    from cnnlessons.experiments import run, tuning

    place = tuning.file(options.name)
    settings = [each for each in known.tried() if options.dataset in (None, each["dataset"])]
    for seeds, group in itertools.groupby(settings, tuning.seeds):
        run(list(group), seeds, options.jobs, place, known.function, options.scheduler)
    tuning.chosen.cache_clear()


def _tell(rows, store) -> None:
    """Say how many runs there are, and which failed."""
    print(f"{len(rows)} runs in {store}")
    failed = rows[rows["error"] != ""]
    if len(failed):
        reasons = "\n".join(f"{count} × {error}" for error, count in failed["error"].value_counts().items())
        raise Problem(f"{len(failed)} runs failed; the same command tries them again\n{reasons}")


def _verify(rows) -> None:
    """Print the recorded and the new accuracy of each run."""
    for _, row in rows.iterrows():
        what = f"{row['setting']}, {row['dataset']}, {row['per_class']} a class, seed {row['seed']}"
        print(f"{what}: recorded {row['recorded']:.1%}, again {row['again']:.1%} {row['error']}".rstrip())
    if not (rows["difference"].abs() <= 0.02).all():
        raise Problem("not every run came out within 2 points of the recorded accuracy")


# --------------------------------------------------------------------------- notebooks


def store(paths: list[Path]) -> None:
    """Run notebooks and save them with their outputs; those that fail stay as they were.

    Raises
    ------
    Problem
        If a notebook failed, once all have been tried.
    """
    from cnnlessons import notebooks

    failures = []
    for path in paths:
        try:
            notebooks.store(path)
            print(f"stored {path}")
        except notebooks.NotebookError as error:
            failures.append(str(error))
        except (OSError, ValueError) as error:  # no such file, or not a notebook
            failures.append(f"{path}: {getattr(error, 'strerror', None) or error}")
    if failures:
        raise Problem("\n".join(failures))


if __name__ == "__main__":
    sys.exit(main())
