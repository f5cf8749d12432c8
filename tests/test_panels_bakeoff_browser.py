"""Bake-off browser: what it counts, draws and says is what the rows hold, whatever is missing in them."""

import re
from importlib import import_module
from itertools import product

import numpy as np
import pandas as pd
import pytest

from cnnlessons import experiments, panels

browser = import_module("cnnlessons.panels.bakeoff_browser")  # the package's attribute is the function
SEEDS = {"photo_patches": 8, "cifar10": 3}
GAINS = {"small": 0.0, "large": 0.05, "alike": 0.0, "rare": 0.02}


def made_up():
    """Rows in which "large" is better by 5 points, "alike" by none, and "rare" has one seed, on one data set."""
    rng, rows = np.random.default_rng(0), []
    for (dataset, seeds), (place, (setting, gain)) in product(SEEDS.items(), enumerate(GAINS.items())):
        for seed in range(seeds):
            if setting == "rare" and (seed or dataset == "cifar10"):
                continue
            right = 0.5 + 0.1 * seed / seeds + gain + rng.normal(0, 0.005)
            row = {
                "dataset": dataset,
                "setting": setting,
                "seed": seed,
                "error": "",
                "accuracy": right,
                "group": "ours",
            }
            row |= {"noisy_accuracy": right - 0.2, "train_accuracy": right + 0.2}
            row |= {column: 1000 * (place + 1) for column in browser.COUNTS.values()}
            rows.append(row | {column: 10 - seed for column in browser.TIMES.values()})
    failed = dict.fromkeys(rows[0]) | {"dataset": "photo_patches", "setting": "failed", "seed": 0, "error": "Error: no"}
    return pd.DataFrame([*rows, failed])


@pytest.fixture
def rows():
    return made_up()


def bold(text):
    return re.findall(r"<b>(.*?)</b>", text)


# --------------------------------------------------------------------------- numbers


def test_a_pair_is_two_runs_of_one_seed(rows):
    shuffled = rows.sample(frac=1, random_state=0)
    compared = browser.compare(shuffled, "photo_patches", "large", "small")
    assert compared.seeds.tolist() == list(range(8))
    for seed, (one, other) in zip(compared.seeds, compared.values, strict=True):
        here = rows[(rows.dataset == "photo_patches") & (rows.seed == seed)].set_index("setting").accuracy
        assert (one, other) == pytest.approx((100 * here["large"], 100 * here["small"]))


def test_the_interval_is_that_of_the_experiments(rows):
    compared = browser.compare(rows, "photo_patches", "large", "small")
    found = experiments.compare(rows, "large", "small", within=("dataset",)).numbers
    (row,) = found[found.dataset == "photo_patches"].itertuples()
    assert (compared.low, compared.high) == pytest.approx((100 * row.low, 100 * row.high))
    assert compared.verdict == row.verdict == "higher"


def test_the_other_way_round_is_the_same_with_the_other_sign(rows):
    there = browser.compare(rows, "photo_patches", "large", "small")
    back = browser.compare(rows, "photo_patches", "small", "large")
    assert (back.low, back.high, back.verdict) == (pytest.approx(-there.high), pytest.approx(-there.low), "lower")
    np.testing.assert_array_equal(back.values, there.values[:, ::-1])


def test_a_run_that_failed_takes_no_part(rows):
    assert "failed" not in browser.contestants(browser._checked(rows), "photo_patches")
    rows.loc[(rows.setting == "large") & (rows.seed == 2), "error"] = "MemoryError"
    assert browser.compare(rows, "photo_patches", "large", "small").seeds.tolist() == [0, 1, 3, 4, 5, 6, 7]


def test_each_measure_is_another_column(rows):
    means = {m: browser.compare(rows, "cifar10", "large", "small", m).values.mean() for m in browser.MEASURES}
    assert means["noisy test images"] == pytest.approx(means["test images"] - 20)
    assert means["training images"] == pytest.approx(means["test images"] + 20)


# --------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("dataset", "one", "other", "said"),
    [
        ("photo_patches", "large", "small", "Higher"),
        ("photo_patches", "small", "large", "Lower"),
        ("photo_patches", "alike", "small", "Unresolved"),
        ("cifar10", "large", "small", "Unresolved"),  # three pairs, all of one sign
        ("photo_patches", "rare", "small", "Unresolved"),  # one pair
    ],
)
def test_the_verdict_says_what_is_resolved(rows, dataset, one, other, said):
    compared = browser.compare(rows, dataset, one, other)
    text = browser.verdict(compared, one, other)
    assert bold(text)[-1] == said
    assert bold(text)[2] == f"{np.subtract(*compared.values.T).mean():+.1f}".replace("-", "−")
    assert ("fewer than six" in text) == (len(compared.seeds) < 6)
    assert ("interval" in text.split("</p>")[0]) == (len(compared.seeds) >= 6)


def test_without_a_common_seed_there_is_no_verdict(rows):
    rows.loc[rows.setting == "rare", "seed"] = 99
    compared = browser.compare(rows, "photo_patches", "rare", "small")
    assert len(compared.seeds) == 0
    assert bold(browser.verdict(compared, "rare", "small")) == ["No pairs"]
    assert "<svg" not in browser.page(rows, "photo_patches", "rare", "small")


def test_a_contestant_is_not_compared_with_itself(rows):
    assert "same contestant twice" in browser.page(rows, "cifar10", "small", "small")


def test_the_facts_are_those_of_the_rows(rows):
    found = browser.facts(rows, "photo_patches", "large")
    assert [found[name] for name in browser.COUNTS] == ["2,000"] * len(browser.COUNTS)
    assert [found[name] for name in browser.TIMES] == ["3.0"] * len(browser.TIMES)  # the least of eight seeds
    mean = rows[(rows.dataset == "photo_patches") & (rows.setting == "large")].accuracy.mean()
    assert found["Right on test images"] == f"{mean:.1%}"
    assert (found["Seeds"], found["Contest"]) == ("8", "ours")


# --------------------------------------------------------------------------- pictures


def test_each_pair_is_a_dot_at_its_difference(rows):
    compared = browser.compare(rows, "photo_patches", "large", "small")
    chart = browser._chart(compared, "large", "small")
    places = np.array([float(x) for x in re.findall(r'<circle cx="([\d.]+)"', chart)])
    differences = np.subtract(*compared.values.T)
    zero = float(re.search(r'<line x1="([\d.]+)"', chart)[1])
    scale = (places - zero) / differences
    np.testing.assert_allclose(scale, scale[0], rtol=0.02)
    left, right = (float(x) for x in re.search(r'class="interval" x1="([\d.]+)" x2="([\d.]+)"', chart).groups())
    np.testing.assert_allclose([left, right], zero + scale[0] * np.array([compared.low, compared.high]), atol=1)


@pytest.mark.parametrize(("last", "said"), [(-0.05, "Higher"), (-49.0, "Unresolved")])
def test_an_interval_ends_within_the_picture(rows, last, said):
    here = (rows.dataset == "photo_patches") & rows.setting.isin(["large", "small"])
    rows.loc[here & (rows.setting == "small"), "accuracy"] = 0.5
    rows.loc[here & (rows.setting == "large"), "accuracy"] = 0.505
    rows.loc[here & (rows.setting == "large") & (rows.seed == 7), "accuracy"] = 0.5 + last / 100
    compared = browser.compare(rows, "photo_patches", "large", "small")
    page = browser.page(rows, "photo_patches", "large", "small")
    left, right = (float(x) for x in re.search(r'class="interval" x1="([-\d.]+)" x2="([-\d.]+)"', page).groups())
    assert browser._FRAME.left <= left < right <= browser._FRAME.wide
    assert (compared.low < 0 < compared.high) == (said == "Unresolved")
    assert f"<b>{said}</b>" in page


def test_every_choice_gives_a_page(rows):
    for dataset, one, other, measure in product(SEEDS, ("small", "large"), ("alike", "small"), browser.MEASURES):
        page = browser.page(rows, dataset, one, other, measure)
        assert not re.search(r"\bnan\b|\binf\b", page)
        assert one in page
    few = browser.compare(rows, "cifar10", "large", "small")
    assert 'class="interval"' not in browser._chart(few, "large", "small")


# --------------------------------------------------------------------------- panel


def test_every_control_redraws_the_page(rows):
    panel = panels.bakeoff_browser(rows, one="large", other="small")
    assert panel.page.value == browser.page(rows, "photo_patches", "large", "small")
    for name, value in {"one": "alike", "other": "large", "measure": "training images", "dataset": "cifar10"}.items():
        before = panel.page.value
        getattr(panel, name).value = value
        assert panel.page.value != before
    assert panel.page.value == browser.page(rows, "cifar10", "alike", "large", "training images")
    assert repr(panel) == "Bake-off browser: alike against large, training images of cifar10"
    panel.swap.click()
    assert panel.page.value == browser.page(rows, "cifar10", "large", "alike", "training images")


def test_another_data_set_keeps_the_contestants_that_it_has(rows):
    panel = panels.bakeoff_browser(rows, one="rare", other="large")
    panel.dataset.value = "cifar10"
    assert "rare" not in panel.one.options
    assert (panel.one.value, panel.other.value) == ("small", "large")


def test_contestants_that_are_not_there_are_replaced_by_the_first(rows):
    panel = panels.bakeoff_browser(rows)
    assert (panel.one.value, panel.other.value) == ("small", "large")
    alone = panels.bakeoff_browser(rows[rows.setting == "small"])
    assert "same contestant twice" in alone.page.value


def test_an_error_is_shown_and_raised(rows, monkeypatch):
    panel = panels.bakeoff_browser(rows)
    monkeypatch.setattr(browser, "page", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        panel.measure.value = "training images"
    assert "could not draw this (ZeroDivisionError)" in panel.problem.value


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"dataset": "imagenet"}, "dataset must be one of photo_patches, cifar10, got 'imagenet'"),
        ({"one": "huge"}, "one must be one of small, large, alike, rare, got 'huge'"),
        ({"other": "huge"}, "other must be one of small, large, alike, rare, got 'huge'"),
        ({"measure": "luck"}, "measure must be one of test images, noisy test images, training images, got 'luck'"),
    ],
)
def test_what_is_not_in_the_rows_is_refused(rows, arguments, words):
    chosen = {"dataset": "photo_patches", "one": "large", "other": "small"} | arguments
    with pytest.raises(ValueError, match=words):
        browser.compare(rows, **chosen)


def test_rows_that_are_no_bake_off_are_refused(rows):
    with pytest.raises(TypeError, match="must be a table as from experiments"):
        panels.bakeoff_browser([1, 2])
    with pytest.raises(ValueError, match="there is no column 'forward_ms'"):
        panels.bakeoff_browser(rows.drop(columns="forward_ms"))
    with pytest.raises(ValueError, match="at least one run that did not fail"):
        panels.bakeoff_browser(rows[rows.error != ""])
    with pytest.raises(ValueError, match="dataset must be one of"):
        panels.bakeoff_browser(rows, dataset="imagenet")
