"""The recorded evidence is complete, paired, of the experiments as they are now, and listed in data/README.md."""

import csv
import re
from pathlib import Path

import pytest

from cnnlessons import experiments
from cnnlessons.experiments import tuning
from cnnlessons.experiments.rows import key

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


def test_no_run_failed_and_none_is_there_twice(rows):
    assert (rows["error"] == "").all()
    assert not rows.duplicated([*PLACE, "setting", "seed"]).any()


def test_every_row_is_a_run_of_the_experiment_as_it_is_now(name):
    known = {key(setting) for setting in experiments.grid(name)}
    names = sorted(experiments.grid(name)[0])
    with experiments.evidence(name).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            assert tuple((column, row[column]) for column in names) in known


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
    assert all(found == list(range(experiments.SEEDS)) for found in seeds.values())


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
    settings = {key(setting) for setting in known.tried()}
    with tuning.file(name).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            assert row["error"] == ""
            assert tuple((column, row[column]) for column in sorted(known.tried()[0])) in settings
