"""Every setting of a grid with every seed, several at once, each in a process that only trains. Taught in lesson 09."""

# Keras is not imported here: the process that only hands out the runs needs none of it.

import numbers
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import nullcontext
from functools import cache, lru_cache

import joblib
import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from cnnlessons import __version__, shapes
from cnnlessons.experiments.handcrafted import train_stem
from cnnlessons.experiments.rows import FAILED, Table, key, plain, sole_writer

DIED = "the process that trained it died, perhaps for want of memory, or of the AVX that TensorFlow needs"
# Columns that are written beside the setting and the results.
RESERVED = frozenset(
    {"seed", "seconds", FAILED, "python", "numpy", "cnnlessons", "commit", "device", "keras", "backend"}
)


def run(grid, seeds, jobs=None, store=None, function=train_stem, scheduler=None, progress=True):
    """Run every setting of a grid with every seed, several at once, and return a row for each run. Taught in lesson 09.

    Each run is made in another process with one thread; the processes are used again and again. All settings of the
    first seed come first, then those of the second, so that whoever stops early has every setting. A run that fails
    is kept with its error, and tried again the next time.

    Parameters
    ----------
    grid : sequence of dict
        Settings: keyword arguments of `function`, of the same names in each; strings, numbers, booleans or None.
    seeds : int or sequence of int
        How many, or which.
    jobs : int, optional
        Runs at once; as many as there are cores by default.
    store : path of a CSV file, optional
        Each finished run is added to it at once; runs that it holds already are not made again. One process at a time
        may write it.
    function : callable, optional
        Takes the setting's arguments and ``seed`` and returns a dict of results, under other names than these. Other
        processes must be able to import it.
    scheduler : str, optional
        The address of a Dask scheduler, such as "tcp://10.0.0.1:8786", whose workers make the runs. They need this
        package, one thread each (``dask worker ADDRESS --nthreads 1``), and the data.
    progress : bool
        Whether to show how many runs are done and how much time is left.

    Returns
    -------
    pandas.DataFrame
        A row for each run of this grid and these seeds: the setting, "seed", the results, "seconds", "error" (empty
        unless it failed), and where it was made.
    """
    grid, seeds = checked_grid(grid), _checked_seeds(seeds)
    wanted = [setting | {"seed": seed} for seed in seeds for setting in grid]
    with sole_writer(store) if store is not None else nullcontext():
        table = Table(store, tuple(wanted[0]))
        missing = [run for run in wanted if not table.holds(run)]
        done = len(wanted) - len(missing)
        with tqdm(total=len(wanted), initial=done, unit="run", smoothing=0, disable=not progress) as bar:
            for row in finished(function, missing, jobs, scheduler):
                table.add(row)
                failed = sum(bool(row.get(FAILED)) for row in table.rows)
                bar.set_postfix_str(f"{failed} failed" if failed else "", refresh=False)
                bar.update()
    return table.frame(wanted)


def checked_grid(grid):
    grid = [grid] if isinstance(grid, dict) else list(grid)
    if not all(isinstance(setting, dict) for setting in grid):
        raise TypeError(f"grid must be a sequence of dicts, a setting each, got {grid!r}")
    if not grid:
        raise ValueError("grid must hold at least one setting, got none")
    grid = [{name: plain(value) for name, value in setting.items()} for setting in grid]
    for setting in grid:
        if setting.keys() != grid[0].keys() or "seed" in setting:
            raise ValueError(f"each setting must have the names {', '.join(grid[0])}, and no seed, got {setting}")
        if RESERVED & setting.keys():
            raise ValueError(f"{min(RESERVED & setting.keys())} is a column of its own: give the setting another name")
        for name, value in setting.items():
            if not (value is None or isinstance(value, (str, bool, int, float))):
                raise TypeError(f"{name} must be a string, a number, True, False or None, got {value!r}")
    if len({key(setting) for setting in grid}) < len(grid):
        raise ValueError("grid must hold each setting once")
    return grid


def _checked_seeds(seeds):
    if isinstance(seeds, numbers.Number):
        return list(range(shapes.whole_number(seeds, "seeds", 1)))
    seeds = [shapes.whole_number(seed, "seeds", 0) for seed in seeds]
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds must be at least one, and each once, got {seeds}")
    return seeds


def finished(function, runs, jobs, scheduler):
    """Return an iterator over a row for each run as it is finished, in whatever order."""
    if scheduler is not None:
        return _finished_by_dask(function, runs, scheduler)
    return _finished_here(function, runs, shapes.whole_number(joblib.cpu_count() if jobs is None else jobs, "jobs", 1))


def _finished_here(function, runs, jobs):
    from joblib.externals.loky.process_executor import TerminatedWorkerError  # not where there are no processes

    left = {key(run): run for run in runs}
    alone = 0  # runs to make one at a time, to find out which of them ends its process
    while left:
        chosen = list(left.values())[: 1 if alone else None]
        try:
            for run, row in _parallel(function, chosen, jobs):
                del left[key(run)]
                yield row
        except TerminatedWorkerError:  # killed, for its memory perhaps; what was begun is made again
            if len(chosen) == 1:
                del left[key(chosen[0])]
                yield _failed(chosen[0], DIED)
            else:
                alone = 2 * jobs + 1
        alone = max(alone - 1, 0)


def _parallel(function, runs, jobs):
    # One job: still another process, so at least two for joblib, of which one at a time is given a run.
    with joblib.parallel_config("loky", n_jobs=max(2, jobs), inner_max_num_threads=1):
        work = joblib.Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch=jobs)
        yield from work(joblib.delayed(_one_run)(function, run, os.getpid()) for run in runs)


def _failed(run, error):
    return run | {FAILED: error} | _made_with()


# --------------------------------------------------------------------------- on the workers of Dask

# Not by joblib's backend for Dask: it waits without end for a run whose worker died (joblib 1.6).


def _finished_by_dask(function, runs, scheduler):
    """Yield a row for each run. Dask gives the runs of a worker that is gone to the others."""
    with _client(scheduler) as client:
        from distributed import CancelledError, KilledWorker, as_completed

        work = {client.submit(_one_run, function, run, None, pure=False): run for run in runs}
        for future in as_completed(work, loop=client.loop):
            try:
                _, row = future.result()
            except CancelledError:
                raise ConnectionError(f"the Dask scheduler at {scheduler!r} is gone") from None
            except Exception as problem:  # of the worker: the run keeps its own
                row = _failed(work[future], DIED if isinstance(problem, KilledWorker) else _said(problem))
            yield row


def _client(scheduler):
    """Return a client of a scheduler that has workers, or say what is missing."""
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError(
            f"a scheduler needs Dask, which is not installed ({error}); install it with: pip install distributed"
        ) from None
    client, missing = None, f"no Dask scheduler answers at {scheduler!r}; start one there with: dask scheduler"
    try:
        client = Client(scheduler, timeout=10, set_as_default=False)
        client.wait_for_workers(1, timeout=30)
    except OSError:
        if client is not None:
            client.close()
            start = f"dask worker {scheduler} --nthreads 1"
            missing = f"the Dask scheduler at {scheduler!r} has no worker; start some with: {start}"
        raise ConnectionError(missing) from None
    return client


# --------------------------------------------------------------------------- in the process that trains

_ALONE = threading.Lock()  # a Dask worker may have several threads, Keras has one state


def _one_run(function, run, parent):
    """Return the run and its row: the setting and seed, the results or the error, and how it was made."""
    with _ALONE:
        _prepare_process(parent)
        start = time.perf_counter()
        results, error = {}, ""
        try:
            if function.__module__.startswith(__package__):
                _load_keras()
            results = _checked_results(function(**run), run)
        except (Exception, SystemExit) as problem:  # whatever it is, it is kept, and the other runs go on
            error = _said(problem)
        seconds = round(time.perf_counter() - start, 2)
        return run, run | results | {"seconds": seconds, FAILED: error} | _made_with()


def _said(problem):
    return " ".join(f"{type(problem).__name__}: {problem}".split())


def _checked_results(results, run):
    taken = (RESERVED | run.keys()) & (results := dict(results)).keys()
    if taken:
        raise ValueError(f"the function must return results under other names than {', '.join(sorted(taken))}")
    return results


@lru_cache(maxsize=1)
def _prepare_process(parent):
    """Once in each process, before TensorFlow is loaded: one thread, last in the queue, and no life of its own."""
    for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[variable] = "1"
    threadpool_limits(1)  # NumPy is loaded already, and has read its variables
    os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"  # several processes share a GPU
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if parent is not None and hasattr(os, "nice"):  # None in a worker of Dask: its queue and its end are not ours
        os.nice(5)
    from joblib.externals.loky import process_executor

    # A worker that has grown by more than this is replaced, and the next one loads TensorFlow and the images anew; by
    # 0.3 GB, as loky has it, one that trains may grow.
    process_executor._MAX_MEMORY_LEAK_SIZE = 2 * 10**9
    if os.getppid() == parent:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


# TensorFlow (2.21) logs that it uses oneDNN before it reads TF_CPP_MIN_LOG_LEVEL, which asks it not to.
_TOO_EARLY = re.compile(rb"I\d{4} |WARNING: All log messages before absl::InitializeLog")


@lru_cache(maxsize=1)
def _load_keras():
    """Import Keras; of what its backend writes on standard error, only such lines of information are left out."""
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0":
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            import keras  # noqa: F401
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            said.seek(0)
            os.write(2, b"".join(line for line in said if not _TOO_EARLY.match(line)))


def _end_with(parent):
    """End this process when the one that gave it work is gone, even if that was killed."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _made_with():
    """Return what a row says about where it was made."""
    found = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "cnnlessons": __version__,
        "commit": _commit(),
        "device": platform.machine(),
    }
    if "keras" not in sys.modules:  # nothing was trained
        return found
    import keras

    from cnnlessons import training

    device = training.device()
    if device.kind != device.name:
        found["device"] = f"{device.kind} {device.name}"
    version = sys.modules[device.backend].__version__
    return found | {"keras": keras.__version__, "backend": f"{device.backend} {version}"}


@cache
def _commit():
    """Return the commit that this package was checked out at, with a "+" if it was changed since; "" without git."""
    git = ["git", "-C", os.path.dirname(__file__)]
    try:
        found = subprocess.run([*git, "describe", "--always"], capture_output=True, text=True, timeout=10)
        # Of the package alone: the table of evidence grows while it is written.
        changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", ".."], capture_output=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() + "+" * (changed.returncode == 1)
