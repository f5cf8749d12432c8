"""The recorded evidence is complete, paired, of the experiments as they are now, and listed; and what is read there."""

import csv
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from cnnlessons import experiments
from cnnlessons.experiments import rows as rows_file
from cnnlessons.experiments import tuning

README = Path(__file__).parents[1] / "data" / "README.md"
ROW = re.compile(r"^\| `(\w+)\.csv` \| (\w+) \| ([\d,]+) \| ([^|]*) \| (\d+) \| (0|0 to (\d+)) \|$")
RECORDED = [name for name in experiments.EXPERIMENTS if experiments.evidence(name).is_file()]
PLACE = ["dataset", "per_class", "group"]
# What is still being recorded: (experiment, data set, group), None for any. Of these a part of the seeds may be there.
UNDER_WAY = {
    *((name, None, None) for name in ("first_layers", "long", "blocks")),
    *(("bakeoff", None, group) for group in ("few filters", "share of the budget", "three 3×3")),
    ("bakeoff", "mnist", "equal cost"),
    ("bakeoff", "spectrograms", "equal cost"),
}


def under_way(name, dataset, group):
    wanted = (name, dataset, group)
    return any(all(part in (None, each) for part, each in zip(row, wanted, strict=True)) for row in UNDER_WAY)


@pytest.fixture(params=RECORDED)
def name(request):
    return request.param


def recorded(name):
    """Return the rows; those of the stems are one group."""
    rows = experiments.read(name)
    return rows if "group" in rows else rows.assign(group="all")


@pytest.fixture
def rows(name):
    return recorded(name)


def test_the_page_of_the_evidence_says_how_much_of_each_experiment_is_recorded(told_of_experiments):
    assert told_of_experiments.keys() == experiments.EXPERIMENTS.keys()
    for name, experiment in experiments.EXPERIMENTS.items():
        files = [experiments.evidence(name), *([tuning.file(name)] if experiment.tried else [])]
        counts = [f"{len(experiments.read(file)):,}" for file in files if file.is_file()]
        assert told_of_experiments[name][1] == (" + ".join(counts) or "none yet")


def test_no_run_failed_and_none_is_there_twice(rows):
    assert (rows["error"] == "").all()
    assert not rows.duplicated([*PLACE, "setting", "seed"]).any()


def test_every_row_is_a_run_of_the_experiment_as_it_is_now(name):
    known = {rows_file.key(setting) for setting in experiments.grid(name)}
    names = list(experiments.grid(name)[0])
    with experiments.evidence(name).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            assert rows_file.key({column: rows_file.value(row[column]) for column in names}) in known


def test_the_runs_of_a_seed_saw_the_same_images(rows):
    seen = rows.groupby(["dataset", "per_class", "seed"])["data"]
    assert (seen.nunique() == 1).all()
    assert rows["data"].nunique() == len(seen)


def test_every_place_has_all_settings_with_all_its_seeds(name, rows):
    """A pair needs both of its runs."""
    for (dataset, per_class, group), place in rows.groupby(PLACE):
        if under_way(name, dataset, group):
            continue
        grid = [s for s in experiments.grid(name, dataset) if s["per_class"] == per_class]
        settings = [s for s in grid if s.get("group", "all") == group]
        assert len(place) == len(settings) * place["seed"].nunique()


def test_every_place_of_the_experiment_is_recorded_with_all_seeds(name, rows):
    planned = {(s["dataset"], s["per_class"], s.get("group", "all")) for s in experiments.grid(name)}
    planned = {place for place in planned if not under_way(name, place[0], place[2])}
    rows = rows[[not under_way(name, dataset, group) for dataset, group in zip(rows.dataset, rows.group, strict=True)]]
    seeds = {place: sorted(set(found["seed"])) for place, found in rows.groupby(PLACE)}
    assert set(seeds) == planned
    wanted = {len(experiments.experiment(name).seeds_of(setting)) for setting in experiments.grid(name)}
    assert all(found in [list(range(count)) for count in wanted] for found in seeds.values())


def test_the_readme_lists_the_rows():
    listed = [match.groups() for line in README.open(encoding="utf-8") if (match := ROW.match(line.rstrip()))]
    listed = {
        (name, dataset, int(count.replace(",", "")), group, int(settings), int(last or 0) + 1)
        for name, dataset, count, group, settings, _, last in listed
    }
    there = {
        (name, *group, place["setting"].nunique(), place["seed"].nunique())
        for name in RECORDED
        for group, place in recorded(name).groupby(PLACE)
        if not under_way(name, group[0], group[2])
    }
    assert listed == there


def test_the_rows_on_which_rates_were_chosen_are_runs_of_the_experiment_and_none_failed(name):
    known = experiments.experiment(name)
    if not known.tried or not tuning.file(name).is_file():
        pytest.skip("this experiment has one rate for all")
    settings = {rows_file.key(setting) for setting in known.tried()}
    with tuning.file(name).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            assert row["error"] == ""
            assert rows_file.key({column: rows_file.value(row[column]) for column in known.tried()[0]}) in settings


# --------------------------------------------------------------------------- every verdict, by pandas and SciPy alone


def holm(p):
    """Holm's rule as a dict of p-values by what they are of: each times those left, never less than the one before."""
    left, least, found = len(p), 0.0, {}
    for what, value in sorted(p.items(), key=lambda item: item[1]):
        least = max(least, min(1.0, left * value))
        found[what], left = least, left - 1
    return found


def flips(values):
    patterns = (-1) ** (np.arange(2 ** len(values))[:, None] >> np.arange(len(values)) & 1)
    return np.mean(np.abs(patterns @ values) >= abs(values.sum()) - 1e-9)


def drawn_flips(values):
    options = {"permutation_type": "samples", "n_resamples": 9999, "random_state": 0}
    return stats.permutation_test((np.sort(values),), np.mean, **options).pvalue


def exchanged(one, other):
    """The same draws as those of the package: at a border other draws might say otherwise."""
    mixed = np.random.default_rng(0).permuted(np.tile(np.sort([*one, *other]), (9999, 1)), axis=1)
    apart = np.abs(mixed[:, : len(one)].mean(axis=1) - mixed[:, len(one) :].mean(axis=1))
    return (1 + np.sum(apart >= abs(one.mean() - other.mean()) - 1e-9)) / 10_000


def judged(tests):
    """tests: what → (mean, p of t, p of permutations); return what → mark, as one family."""
    both = [holm({what: found[k] for what, found in tests.items()}) for k in (1, 2)]
    sign = {what: "▲" if found[0] > 0 else "▼" for what, found in tests.items()}
    return {what: sign[what] if max(p[what] for p in both) <= 0.05 else "·" for what in tests}


def one_sample(values, permuted=flips):
    if len(values) < 2 or not values.any():
        return values.mean(), 1.0, 1.0
    return values.mean(), stats.ttest_1samp(values, 0).pvalue, permuted(values)


def welch(one, other):
    if min(len(one), len(other)) < 2:
        return 0.0, 1.0, 1.0
    return one.mean() - other.mean(), stats.ttest_ind(one, other, equal_var=False).pvalue, exchanged(one, other)


def recomputed(rows, settings, against, value):
    """Return the marks of the table's cells by setting and column, and the verdicts."""
    wide = rows.pivot(index=["dataset", "per_class", "seed"], columns="setting", values=value)
    pairs = wide[settings].sub(wide[against], axis=0).round(12)
    marks, by_dataset = {}, {}
    for place, here in pairs.groupby(level=[0, 1]):
        tests = {s: one_sample(here[s].dropna().to_numpy()) for s in settings if here[s].notna().any()}
        marks |= {(setting, place): mark for setting, mark in judged(tests).items()}
    for dataset, here in pairs.groupby(level=0):
        places = {setting: here[setting].unstack("seed").dropna(how="all") for setting in settings}
        by_dataset[dataset] = {s: each.mean(skipna=False).dropna().to_numpy() for s, each in places.items()}
    mean = {name: judged({s: one_sample(v) for s, v in here.items() if len(v)}) for name, here in by_dataset.items()}
    names = [name for name in dict.fromkeys(rows.dataset) if name in by_dataset]
    far = {
        (setting, f"{one} − {other}"): welch(by_dataset[one][setting], by_dataset[other][setting])
        for one, other in combinations(names, 2)
        for setting in settings
        if len(by_dataset[one][setting]) and len(by_dataset[other][setting])
    }
    every = {}
    for setting in settings:
        values = [v for name in names if len(v := by_dataset[name][setting])]
        if values and min(map(len, values)) >= 6:  # fewer could resolve nothing alone
            every[setting] = one_sample(np.concatenate(values), drawn_flips)
    together = judged(far | every) if far | every else {}  # one family
    far, every = ({what: together[what] for what in tests} for tests in (far, every))
    verdicts = {}
    for setting in settings:
        said = {mean[name][setting] for name in names if setting in mean[name]}
        apart = {mark for (one, _), mark in far.items() if one == setting}
        word = {"▲": "higher", "▼": "lower", "·": "unresolved"}
        depends = len(said) > 1 or "·" in said
        verdicts[setting] = word[every.get(setting, "·") if depends else said.pop()]
        if depends and apart - {"·"}:
            verdicts[setting] = "it depends"
    return marks, mean, far, verdicts


@pytest.mark.parametrize("value", ["accuracy", "noisy_accuracy", "gap"])
def test_pandas_and_scipy_alone_come_to_every_verdict(name, value):
    rows = recorded(name).assign(gap=lambda table: table.train_accuracy - table.accuracy)
    for _, group in rows.groupby("group"):
        against, *settings = dict.fromkeys(group.setting)
        if not set(group.seed[group.setting == against]) & set(group.seed[group.setting != against]):
            continue  # nothing to compare, or not yet
        found = experiments.compare(group, settings, against, value)
        marks, mean, far, verdicts = recomputed(group, settings, against, value)
        numbers = found.numbers.assign(mark=found.numbers.verdict.map(experiments.MARKS))
        there = {(row.setting, (row.dataset, row.per_class)): row.mark for row in numbers.itertuples()}
        assert there == marks
        across = found.across.assign(mark=found.across.verdict.map(experiments.MARKS))
        there = {(row.setting, row.over): row.mark for row in across.itertuples() if row.kind == "apart"}
        assert there == far
        there = {(row.over, row.setting): row.mark for row in across.itertuples() if row.kind == "mean"}
        assert there == {(name, setting): mark for name, here in mean.items() for setting, mark in here.items()}
        assert found.verdicts.to_dict() == verdicts
        shown = found.table()
        for (setting, place), mark in marks.items():
            assert shown.loc[setting, place][-1] == mark
        said = shown["verdict"].iloc[1:]
        assert dict(zip(said.index, said.to_numpy().ravel(), strict=True)) == verdicts
