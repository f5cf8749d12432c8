"""The experiments of the course by name: their settings, where their rows are kept, and runs made again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from cnnlessons import shapes
from cnnlessons.experiments import bakeoff, blocks, cue, first_layers, handcrafted, robust, tuning
from cnnlessons.experiments.rows import FAILED, key, parsed, read_csv, value
from cnnlessons.experiments.running import finished

SEEDS = 10
COMMAND = "python3 course.py run cnnlessons experiment"


@dataclass(frozen=True)
class Experiment:
    """An experiment of the course."""

    function: Callable[..., dict]  #: makes a run, see `run`
    listed: list[dict] | Callable[[], list[dict]]  #: its keyword arguments, without the seed
    seeds_of: Callable[[dict], Sequence[int]] = lambda setting: range(SEEDS)  #: those that are wanted of a setting
    tried: Callable[[], list[dict]] | None = None  #: settings on which the others' rates are chosen, see `tuning`

    @property
    def settings(self):
        return self.listed() if callable(self.listed) else self.listed


def _tuned(name, function, contestants):
    """Return an experiment in which each contestant has a rate of its own."""
    listed, tried = partial(tuning.planned, name, contestants), partial(tuning.tried, contestants, name)
    return Experiment(function, listed, tried=tried)


EXPERIMENTS = {
    "stems": Experiment(handcrafted.train_stem, handcrafted.SETTINGS),
    "bakeoff": Experiment(bakeoff.train_contestant, bakeoff.SETTINGS),
    "long": _tuned("long", bakeoff.train_long, bakeoff.LONG),
    "first_layers": Experiment(first_layers.train_first_layer, first_layers.settings, tried=first_layers.tried),
    "blocks": _tuned("blocks", blocks.train_blocks, blocks.CONTESTANTS),
    "robust": Experiment(robust.train_robust, robust.SETTINGS, lambda setting: range(6)),
    "cue": Experiment(cue.train_cue, cue.SETTINGS),
}


def grid(name, dataset=None, epochs=None):
    """Return the settings of one of `EXPERIMENTS`, a list of dict, for `run`. Taught in lesson 09.

    Only those on `dataset`, if that is given; with `epochs` instead of the experiment's, if they are.
    """
    settings = experiment(name).settings
    if not settings:
        remedy = f"do it with: {COMMAND} {name}"
        raise ValueError(f"the rates of {name} are not chosen yet; {remedy}")
    for column, asked in (("dataset", dataset), ("epochs", epochs)):
        if asked is not None and column not in settings[0]:
            raise ValueError(f"{column} must be None for {name}, whose settings have none, got {asked!r}: leave it out")
    if dataset is not None:
        shapes.chosen(dataset, "dataset", list(dict.fromkeys(setting["dataset"] for setting in settings)))
    changed = {} if epochs is None else {"epochs": shapes.whole_number(epochs, "epochs", 1)}
    return [setting | changed for setting in settings if dataset in (None, setting.get("dataset"))]


def experiment(name):
    """Return the `Experiment` of that name. Taught in lessons 09 and 11."""
    if name not in EXPERIMENTS:
        raise ValueError(f"there is no experiment {name!r}; the names are: {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]


def read(store):
    """Return the rows of an experiment as a table, a row a run, as from `run`. Taught in lesson 09.

    `store` is the name of an experiment whose rows are in data/evidence, such as "stems", or a CSV file.
    """
    return read_csv(_rows_of(store).read_bytes())


def _rows_of(store):
    """Return the CSV file, which is there."""
    path = evidence(store) if store in EXPERIMENTS else Path(store).expanduser()
    if not path.is_file():
        remedy = f"name another file, or one of the course's experiments: {', '.join(EXPERIMENTS)}"
        if store in EXPERIMENTS:
            remedy = f"make them with: {COMMAND} {store}"
        raise FileNotFoundError(f"there are no rows in {path.name}; {remedy}")
    return path


def evidence(name):
    """Return where the rows of an experiment of the course are kept. Taught in lesson 09."""
    experiment(name)
    return tuning.EVIDENCE / f"{name}.csv"


def verify(store, count=2, jobs=None, seed=None, scheduler=None, function=None):
    """Run `count` rows of a store again, drawn at random by `seed`, and compare the accuracy.

    The other arguments are those of `read` and `run`; the function is that of the course's experiment of this name or,
    for a file, of the only one whose settings have these names. The table has a row for each: the setting, "seed",
    "recorded", "again", "error" (empty unless the run failed) and "difference". Taught in lesson 09.
    """
    path, count = _rows_of(store), shapes.whole_number(count, "count", 1)
    content = path.read_bytes()
    rows = _comparable(read_csv(content), path.name)
    count = min(count, len(rows))
    chosen = rows.loc[np.sort(np.random.default_rng(seed).choice(rows.index, count, replace=False))]
    columns, texts, _ = parsed(content, path.name)
    names = columns[: columns.index("seed") + 1]
    runs = [{name: value(texts[place][name]) for name in names} for place in chosen.index]
    if function is None:
        function = EXPERIMENTS[store].function if store in EXPERIMENTS else _function_for(names[:-1])
    again = {key({name: row[name] for name in names}): row for row in finished(function, runs, jobs, scheduler)}
    again = [again[key(run)] for run in runs]
    compared = chosen[names].assign(
        recorded=chosen["accuracy"],
        again=[row.get("accuracy", np.nan) for row in again],
        error=[row[FAILED] for row in again],
    )
    return compared.assign(difference=compared["again"] - compared["recorded"])


def _comparable(rows, name):
    """Return the rows of finished runs, of which there are some, with an accuracy."""
    absent = [column for column in ("seed", FAILED) if column not in rows]
    if absent:
        raise ValueError(f"store must hold rows as from run; {name} has no column {absent[0]!r}")
    rows = rows[rows[FAILED] == ""]
    if rows.empty:
        raise ValueError(f"store must hold at least one finished run; {name} holds none")
    if "accuracy" not in rows:
        raise ValueError(
            f'store must have a column "accuracy", which is compared; those of {name} are {", ".join(rows)}: let the '
            "function return it, a share from 0 to 1"
        )
    return rows


def _function_for(names):
    settings = {name: (known.settings or known.tried())[0] for name, known in EXPERIMENTS.items()}
    found = [name for name, setting in settings.items() if setting.keys() == {*names}]
    functions = {EXPERIMENTS[name].function for name in found}
    if len(functions) > 1:
        raise ValueError(
            f"these may be rows of {' or of '.join(found)}, which have the same settings: pass the function"
        )
    if not functions:
        raise ValueError(
            f"these are rows of none of the course's experiments, {', '.join(EXPERIMENTS)}: pass the function"
        )
    return functions.pop()
