"""The recorded evidence is complete, paired, of the experiments as they are now, and listed in data/README.md."""

import csv
import re
from pathlib import Path

import pytest

from cnnlessons import experiments
from cnnlessons.experiments.rows import key

README = Path(__file__).parents[1] / "data" / "README.md"
ROW = re.compile(r"^\| `(\w+)\.csv` \| (\w+) \| ([\d,]+) \| ([^|]*) \| (\d+) \| (0|0 to (\d+)) \|$")
RECORDED = [name for name in experiments.EXPERIMENTS if experiments.evidence(name).is_file()]
PLACE = ["dataset", "per_class", "group"]


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
        grid = [s for s in experiments.grid(name, dataset) if s["per_class"] == per_class]
        settings = [s for s in grid if s.get("group", "all") == group]
        assert len(place) == len(settings) * place["seed"].nunique()


def test_every_place_of_the_experiment_is_recorded_with_all_seeds(name, rows):
    planned = {(s["dataset"], s["per_class"], s.get("group", "all")) for s in experiments.grid(name)}
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
    }
    assert listed == there
