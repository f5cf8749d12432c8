"""Many trainings, compared: settings × seeds, one row a run, and intervals for the differences.

A *run* is one training: a setting and a seed. The same seed gives every setting the same images in the same order, the
same noise and the same start of all that is not the setting itself, so two settings are compared seed by seed: runs are
*paired*. Rows are kept in a CSV file at once, so that an experiment that is stopped, by whatever, goes on where it was.

The experiments of the course stand at the end of this file; their rows, in data/evidence. ``cnnlessons experiment``
makes them again.

Taught in lesson 09.
"""

# Keras is imported by the functions that train, not here: who reads rows, and the process that only hands out the
# runs, need none of it.

import csv
import hashlib
import io
import itertools
import os
import platform
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from cnnlessons import __version__, atomic, datasets, shapes

EVIDENCE = Path(__file__).parents[1] / "data" / "evidence"
FAILED = "error"  # the column that is empty unless a run failed

# --------------------------------------------------------------------------- running a grid


def run(grid, seeds, jobs=None, store=None, function=None, scheduler=None, progress=True):
    """Run every setting of a grid with every seed, several at once, and return a row for each run.

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
        Each finished run is added to it at once; runs that it holds already are not made again.
    function : callable, optional
        Takes the setting's arguments and ``seed`` and returns a dict of results; `train_stem` by default. Other
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

    Raises
    ------
    TypeError, ValueError
        If the settings have different names, or two are the same, or the store holds something else.
    ImportError
        If a scheduler is given and Dask is not installed.

    Notes
    -----
    Taught in lesson 09.
    """
    grid, seeds = _checked_grid(grid), _checked_seeds(seeds)
    wanted = [setting | {"seed": seed} for seed in seeds for setting in grid]
    table = _Table(store, tuple(wanted[0]))
    missing = [run for run in wanted if not table.holds(run)]
    function = train_stem if function is None else function
    bar = tqdm(total=len(wanted), initial=len(wanted) - len(missing), unit="run", smoothing=0, disable=not progress)
    with bar:
        for row in _finished(function, missing, jobs, scheduler):
            table.add(row)
            failed = sum(bool(row[FAILED]) for row in table.rows)
            bar.set_postfix_str(f"{failed} failed" if failed else "", refresh=False)
            bar.update()
    return table.frame(wanted)


def _checked_grid(grid):
    grid = [dict(setting) for setting in grid]
    if not grid:
        raise ValueError("grid must hold at least one setting, got none")
    for setting in grid:
        if setting.keys() != grid[0].keys() or "seed" in setting:
            raise ValueError(f"each setting must have the names {', '.join(grid[0])}, and no seed, got {setting}")
        for name, value in setting.items():
            if not (value is None or isinstance(value, (str, bool, int, float))):
                raise TypeError(f"{name} must be a string, a number, True, False or None, got {value!r}")
    if len({_key(setting) for setting in grid}) < len(grid):
        raise ValueError("grid must hold each setting once")
    return grid


def _checked_seeds(seeds):
    seeds = range(shapes.whole_number(seeds, "seeds", 1)) if isinstance(seeds, int) else list(seeds)
    return [shapes.whole_number(seed, "seeds", 0) for seed in seeds]


def _finished(function, runs, jobs, scheduler):
    """Yield a row for each run as it is finished, in whatever order."""
    jobs = shapes.whole_number(joblib.cpu_count() if jobs is None else jobs, "jobs", 1)
    left = {_key(run): run for run in runs}
    alone = 0  # runs to make one at a time, to find out which of them ends its process
    while left:
        chosen = list(left.values())[: 1 if alone else None]
        try:
            for run, row in _parallel(function, chosen, jobs, scheduler):
                del left[_key(run)]
                yield row
        except TerminatedWorkerError:  # killed, for its memory perhaps; whatever was in flight is made again
            if len(chosen) == 1:
                del left[_key(chosen[0])]
                yield (
                    chosen[0] | {FAILED: "the process that trained it died, perhaps for want of memory"} | _made_with()
                )
            else:
                alone = 2 * jobs + 1
        alone = max(alone - 1, 0)


def _parallel(function, runs, jobs, scheduler):
    # One job: still another process, so at least two for joblib, of which one at a time is given a run.
    options = {"backend": "loky", "n_jobs": max(2, jobs), "inner_max_num_threads": 1}
    ahead = jobs
    if scheduler is not None:
        options, ahead = {"backend": "dask", "n_jobs": -1, "scheduler_host": scheduler}, "2*n_jobs"
    with joblib.parallel_config(**options):
        work = joblib.Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch=ahead)
        yield from work(joblib.delayed(_one_run)(function, run, os.getpid()) for run in runs)


# --------------------------------------------------------------------------- in the process that trains

_ALONE = threading.Lock()  # a Dask worker may have several threads, Keras has one state


def _one_run(function, run, parent):
    """Return the run and its row: the setting and seed, the results or the error, and how it was made."""
    with _ALONE:
        _prepare_process(parent)
        start = time.perf_counter()
        results, error = {}, ""
        try:
            results = dict(function(**run))
        except Exception as problem:  # whatever it is, it is kept, and the other runs go on
            error = f"{type(problem).__name__}: {problem}"
        seconds = round(time.perf_counter() - start, 2)
        return run, run | results | {"seconds": seconds, FAILED: " ".join(error.split())} | _made_with()


@lru_cache(maxsize=1)
def _prepare_process(parent):
    """Once in each process, before TensorFlow is loaded: one thread, last in the queue, and no life of its own."""
    for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[variable] = "1"
    os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"  # several processes share a GPU
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if hasattr(os, "nice"):
        os.nice(5)
    if os.getppid() == parent:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


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
        "device": platform.machine(),
    }
    if "keras" not in sys.modules:  # nothing was trained
        return found
    import keras

    from cnnlessons import training

    device = training.device()
    if device.kind != device.name:
        found["device"] = f"{device.kind} {device.name}"
    return found | {"keras": keras.__version__, "backend": f"{device.backend} {_version(device.backend)}"}


def _version(backend):
    for name in (backend, f"{backend}-cpu"):
        with suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return ""


# --------------------------------------------------------------------------- the store


def _text(value):
    """What stands in the CSV file: floats so that they are read back as they were."""
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def _key(run):
    return tuple((name, _text(value)) for name, value in sorted(run.items()))


class _Table:
    """The rows of a CSV file, to which rows are added one at a time, each complete or not at all."""

    def __init__(self, path, names):
        self.path, self.names = path and Path(path), names
        self.columns, self.rows = list(names), []
        if self.path and self.path.is_file():
            self._take_over()
        elif self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self.rows_by_key = {self._key_of(row): row for row in self.rows}

    def _take_over(self):
        """Read what is there, without a last line that was cut off and without failed runs, which are made again."""
        text = self.path.read_text(encoding="utf-8")
        complete = text[: text.rfind("\n") + 1]
        reader = csv.DictReader(io.StringIO(complete))
        rows = list(reader)
        if not set(self.names) <= set(reader.fieldnames or self.names):
            absent = ", ".join(sorted(set(self.names) - set(reader.fieldnames)))
            raise ValueError(f"store must be the rows of this experiment; {self.path.name} has no column {absent}")
        self.columns = list(reader.fieldnames or self.columns)
        self.rows = [row for row in rows if not row.get(FAILED)]
        if complete != text or len(self.rows) < len(rows):
            self._write_all()

    def _key_of(self, row):
        return tuple((name, row[name]) for name in sorted(self.names))

    def holds(self, run):
        return _key(run) in self.rows_by_key

    def add(self, row):
        row = {name: _text(value) for name, value in row.items()}
        self.rows.append(row)
        self.rows_by_key[self._key_of(row)] = row
        new = [name for name in row if name not in self.columns]
        if self.path and (new or not self.path.is_file()):
            self.columns += new
            self._write_all()
        elif self.path:
            self._append(row)

    def _append(self, row):
        with self.path.open("ab", buffering=0) as file:  # one write of a whole line
            file.write(_csv(self.columns, [row]))
            os.fsync(file.fileno())

    def _write_all(self):
        with atomic.writing(self.path) as file:
            file.write(_csv(self.columns, self.rows, header=True))

    def frame(self, wanted):
        rows = [self.rows_by_key[_key(run)] for run in wanted]
        return _typed(io.BytesIO(_csv(dict.fromkeys(itertools.chain(self.columns, *rows)), rows, header=True)))


def _csv(columns, rows, header=False):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _typed(file):
    return pd.read_csv(file, dtype={FAILED: str}).fillna({FAILED: ""})


def read(store):
    """Return the rows of an experiment as a table.

    Parameters
    ----------
    store : str or path
        The name of an experiment whose rows are in data/evidence, such as "stems", or a CSV file.

    Returns
    -------
    pandas.DataFrame
        A row a run, as from `run`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.

    Notes
    -----
    Taught in lesson 09.
    """
    path = evidence(store) if store in EXPERIMENTS else Path(store)
    if not path.is_file():
        raise FileNotFoundError(f"there are no rows in {path.name}; make them with: cnnlessons experiment {path.stem}")
    return _typed(path)


def evidence(name):
    """Return where the rows of an experiment of the course are kept. Taught in lesson 09."""
    _settings(name)
    return EVIDENCE / f"{name}.csv"


# --------------------------------------------------------------------------- what the rows say


def interval(
    rows,
    against="learned",
    value="accuracy",
    name="setting",
    within=("dataset", "per_class"),
    level=0.95,
    resamples=9999,
):
    """Compare every setting with one of them, seed by seed, and say what the seeds resolve.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `run` or `read`; runs that failed are left out.
    against : str
        The setting to compare with.
    value : str
        The column that is compared.
    name : str
        The column that says the setting.
    within : sequence of str
        Columns that are the same for the two runs of a pair, apart from "seed"; each combination is compared by itself.
    level : float, between 0 and 1
        How often such intervals hold the true mean difference.
    resamples : int

    Returns
    -------
    pandas.DataFrame
        For each combination of `within` and each other setting: "seeds", the number of pairs; "difference", the mean of
        setting minus `against`; "low" and "high", the interval; "verdict": "higher", "lower" or "unresolved", which it
        is if the interval holds 0 or there are fewer than six pairs.

    Raises
    ------
    ValueError
        If a column or the setting `against` is not there, or `level` is no such number.

    Notes
    -----
    The interval is a bootstrap-t: seeds are drawn with replacement, and the mean of each draw is measured in its own
    standard errors. B. Efron and R. Tibshirani, "An introduction to the bootstrap" (1993), chapter 12. Six pairs,
    because even five differences of the same sign happen by chance once in sixteen times.

    Taught in lesson 09.
    """
    absent = [column for column in (name, value, "seed", *within) if column not in rows]
    if absent:
        raise ValueError(f"rows must have the columns name, value, seed and within; there is no {absent[0]!r}")
    if against not in set(rows[name]):
        raise ValueError(f"against must be one of {', '.join(sorted(set(rows[name])))}, got {against!r}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level!r}")
    rows = rows[rows[value].notna()]
    wide = rows.pivot_table(value, [*within, "seed"], name, sort=False)  # a pair a row
    differences = wide.drop(columns=against).sub(wide[against], axis=0)
    found = []
    for setting in differences:
        for place, pairs in (
            differences[setting].dropna().groupby(level=list(within), sort=False)
            if within
            else [((), differences[setting].dropna())]
        ):
            found.append(
                dict(zip(within, place, strict=True)) | {name: setting} | _compared(pairs.to_numpy(), level, resamples)
            )
    return pd.DataFrame(found)


def _compared(differences, level, resamples):
    low, high = _bootstrap_t(differences, level, resamples)
    verdict = "unresolved"
    if len(differences) >= 6 and (low > 0 or high < 0):
        verdict = "higher" if low > 0 else "lower"
    return {
        "seeds": len(differences),
        "difference": differences.mean(),
        "low": low,
        "high": high,
        "verdict": verdict,
    }


def _bootstrap_t(differences, level, resamples):
    """Return the two ends of the interval for the mean; without an end if there are fewer than two differences."""
    count = len(differences)
    if count < 2:
        return -np.inf, np.inf
    drawn = np.random.default_rng(0).choice(differences, (resamples, count))
    error, errors = (values.std(axis=-1, ddof=1) / np.sqrt(count) for values in (differences, drawn))
    mean, means = differences.mean(), drawn.mean(axis=1)
    usable = errors > 0  # not a draw of the same seed every time
    if error == 0 or not usable.any():
        return mean, mean
    t = (means[usable] - mean) / errors[usable]
    upper, lower = np.quantile(t, [(1 + level) / 2, (1 - level) / 2])
    return mean - upper * error, mean - lower * error


def verify(store, count=2, jobs=None, seed=None, scheduler=None, function=None):
    """Run some rows of a store again, drawn at random, and compare the accuracy.

    Parameters
    ----------
    store : str or path
        As in `read`.
    count : int
        How many.
    jobs, scheduler, function
        As in `run`.
    seed : int, optional
        Of the choice.

    Returns
    -------
    pandas.DataFrame
        A row for each: the setting, "seed", "recorded", "again", "difference".

    Notes
    -----
    Taught in lesson 09.
    """
    rows = read(store)
    rows = rows[rows[FAILED] == ""]
    rng = np.random.default_rng(seed)
    chosen = rows.iloc[np.sort(rng.choice(len(rows), min(count, len(rows)), replace=False))]
    names = list(rows.columns[: rows.columns.get_loc("seed")])
    runs = [{name: _plain(row[name]) for name in [*names, "seed"]} for _, row in chosen.iterrows()]
    work = _finished(train_stem if function is None else function, runs, jobs, scheduler)
    again = {_key({name: row[name] for name in runs[0]}): row for row in work}
    compared = chosen[[*names, "seed"]].assign(
        recorded=chosen["accuracy"],
        again=[again[_key(run)].get("accuracy", np.nan) for run in runs],
        error=[again[_key(run)][FAILED] for run in runs],
    )
    return compared.assign(difference=compared["again"] - compared["recorded"])


def _plain(value):
    """Turn what pandas reads into what a setting holds; an empty field is None."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and np.isnan(value) else value


# --------------------------------------------------------------------------- the experiments of the course


def train_stem(
    *,
    stem,
    bank,
    share,
    frozen,
    dataset,
    per_class,
    epochs,
    seed,
    setting="",
    filters=32,
    size=5,
    width=32,
    batch_size=32,
    learning_rate=0.003,
    test_per_class=200,
    test_noise=0.05,
):
    """Train a classifier with one kind of stem, and measure it: a run of the experiment "stems".

    Parameters
    ----------
    stem : str
        A function of `stems`: "learned", "fixed", "split", "pass_through", "edge_biased" or "basis".
    bank : str
        Where its fixed kernel comes from or its trained one starts, see `stems`; "components" are the principal
        components of the training images.
    share : float or None
        For "split" and "edge_biased".
    frozen : bool
        Whether the stem is frozen for the first half of the epochs.
    dataset, per_class, test_per_class
        See `datasets.load`.
    epochs : int
        The first half, rounded up, at `learning_rate`, the rest at a fifth of it.
    seed : int
        Of the images drawn, their order, the noise and all starting weights.
    setting : str
        What the row is called; changes nothing.
    filters, size : int
        Of the stem.
    width : int
        Of the body, see `models.classifier`.
    batch_size : int
    learning_rate : float
    test_noise : float
        Standard deviation of the noise that is added to the test images, 0 to 1, for "noisy_accuracy".

    Returns
    -------
    dict
        "accuracy" on the test images, "noisy_accuracy", "train_accuracy" (on at most 2,000 of the training images);
        "drift", how far the trained filters of the stem have moved in the end (`training.drift`), on average,
        "drift_by_epoch" and "drift_by_filter"; "parameters" that are trained; "data", the checksum of all images.

    Notes
    -----
    Taught in lesson 09.
    """
    import keras

    from cnnlessons import models, stems, training

    keras.utils.clear_session()
    training.prepare(seed, precision="float32")
    data, noise, checksum = _data(dataset, per_class, test_per_class, test_noise, seed)
    kernel = stems.principal_components(data.train_images, filters, size) if bank == "components" else bank
    options = {"filters": filters, "size": size, "seed": seed} | ({} if share is None else {"share": share})
    options |= {"start": kernel} if stem == "learned" else {"bank": kernel}
    made = getattr(stems, stem)(**options)
    model = models.classifier(made, data.train_images.shape[1:], len(data.class_names), width, seed)
    convolutions = stems.convolutions(model)
    drift = training.Drift([layer for layer in convolutions if layer.trainable] or convolutions)
    training.fit_in_two_phases(
        model,
        data.train_images,
        data.train_labels,
        epochs,
        -(-epochs // 2),
        frozen=["stem"] if frozen else [],
        rates=(learning_rate, learning_rate / 5),
        callbacks=[drift],
        batch_size=batch_size,
        seed=seed,
        progress=False,
    )
    return _measured(model, data, noise) | {
        "drift": round(float(drift.by_epoch[-1].mean()), 4),
        "drift_by_epoch": _numbers(moved.mean() for moved in drift.by_epoch),
        "drift_by_filter": _numbers(drift.by_epoch[-1]),
        "parameters": sum(int(np.prod(weight.shape)) for weight in model.trainable_weights),
        "data": checksum,
    }


def _measured(model, data, noise):
    some = slice(None, None, -(-len(data.train_images) // 2000))
    parts = {
        "accuracy": (data.test_images, data.test_labels),
        "noisy_accuracy": (data.test_images + noise, data.test_labels),
        "train_accuracy": (data.train_images[some], data.train_labels[some]),
    }
    return {
        name: float(np.mean(model.predict(images, batch_size=200, verbose=0).argmax(axis=1) == labels))
        for name, (images, labels) in parts.items()
    }


def _numbers(values):
    return " ".join(f"{value:.3f}" for value in values)


def _data(dataset, per_class, test_per_class, test_noise, seed):
    """Return standardised images, noise for the test images on the same scale, and the checksum of the images.

    Without the mean taken off, a filter that sums to nearly zero answers most to how far from zero it is, and the
    averages that batch normalisation keeps for testing do not follow it.
    """
    load = _loaded.__wrapped__ if dataset == "cifar10" else _loaded  # crops take long to cut: kept for the next run
    data, checksum = load(dataset, per_class, test_per_class, seed)
    mean, scale = data.train_images.mean(axis=(0, 1, 2)), data.train_images.std()
    images = {part: (getattr(data, part) - mean) / scale for part in ("train_images", "test_images")}
    noise = np.random.default_rng([seed, 1]).normal(scale=test_noise / scale, size=data.test_images.shape)
    return replace(data, **images), noise.astype(np.float32), checksum


@lru_cache(maxsize=1)
def _loaded(dataset, per_class, test_per_class, seed):
    data = datasets.load(dataset, per_class=per_class, test_per_class=test_per_class, seed=seed)
    digest = hashlib.sha256()
    for images, labels in ((data.train_images, data.train_labels), (data.test_images, data.test_labels)):
        digest.update(np.round(255 * images).astype(np.uint8).tobytes() + labels.astype(np.uint8).tobytes())
    return data, f"sha256 {digest.hexdigest()[:16]}"


# Stems of 32 filters, 5×5: what the row is called, the function of `stems`, bank, share, frozen at first.
_STEMS = (
    ("learned", "learned", "random", None, False),
    ("fixed derivatives", "fixed", "derivatives", None, False),
    ("fixed lines and curves", "fixed", "lines+curves", None, False),
    ("fixed Gabor", "fixed", "gabor", None, False),
    ("fixed DCT", "fixed", "dct", None, False),
    ("fixed random", "fixed", "random", None, False),
    ("1/4 Gabor", "split", "gabor", 0.25, False),
    ("1/2 Gabor", "split", "gabor", 0.5, False),
    ("3/4 Gabor", "split", "gabor", 0.75, False),
    ("Gabor and channels", "pass_through", "gabor", None, False),
    ("mixed derivatives", "basis", "derivatives", None, False),
    ("Gabor start", "learned", "gabor", None, False),
    ("Gabor start, frozen first", "learned", "gabor", None, True),
    ("edge-biased start", "edge_biased", "derivatives", 0.5, False),
)

# Data set, images a class, epochs. Most of the time goes into images seen, about 800 a second and core, and 9 s of each
# run into building and testing: all runs, 14 settings × 10 seeds, take three to four hours on two cores. Few images are
# seen more often than many, or nothing would be learned from them.
_DATA = (
    ("photo_patches", 25, 24),
    ("photo_patches", 100, 12),
    ("photo_patches", 400, 5),
    ("cifar10", 100, 12),
    ("cifar10", 1000, 3),
    ("cifar10", 2000, 2),
)

_ALL_RUNS = {
    "filters": 32,
    "size": 5,
    "width": 32,
    "batch_size": 32,
    "learning_rate": 0.003,
    "test_per_class": 200,
    "test_noise": 0.05,
}

EXPERIMENTS = {
    "stems": [
        dict(zip(("setting", "stem", "bank", "share", "frozen"), named, strict=True))
        | dict(zip(("dataset", "per_class", "epochs"), data, strict=True))
        | _ALL_RUNS
        for data in _DATA
        for named in _STEMS
    ]
}
SEEDS = 10


def grid(name, dataset=None, epochs=None):
    """Return the settings of an experiment of the course, for `run`.

    Parameters
    ----------
    name : str
        "stems".
    dataset : str, optional
        Only those on this data set.
    epochs : int, optional
        Instead of those of the experiment.

    Returns
    -------
    list of dict

    Raises
    ------
    ValueError
        If there is no such experiment, or it does not use that data set.

    Notes
    -----
    Taught in lesson 09.
    """
    settings = _settings(name)
    chosen = [dict(setting) for setting in settings if dataset in (None, setting["dataset"])]
    if not chosen:
        used = dict.fromkeys(setting["dataset"] for setting in settings)
        raise ValueError(f"dataset must be one of {', '.join(used)}, got {dataset!r}")
    changed = {} if epochs is None else {"epochs": shapes.whole_number(epochs, "epochs", 1)}
    return [setting | changed for setting in chosen]


def _settings(name):
    if name not in EXPERIMENTS:
        raise ValueError(f"there is no experiment {name!r}; the names are: {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]
