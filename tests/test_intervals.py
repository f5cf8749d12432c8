"""Intervals and verdicts: they hold what they say, need both tests, and "it depends" only where data sets differ."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from cnnlessons import experiments
from cnnlessons.experiments import intervals

UNBOUNDED = (-np.inf, np.inf)
COUNTS = st.lists(st.integers(-20, 20), min_size=2, max_size=9)


def runs(differences, dataset="x", setting="other", seeds=None, **columns):
    """Pairs of runs with these differences, a seed each."""
    seeds = range(len(differences)) if seeds is None else seeds
    base = 0.3 + 0.1 * np.random.default_rng(0).random(len(differences))
    learned = pd.DataFrame({"setting": "learned", "seed": seeds, "accuracy": base, "dataset": dataset, **columns})
    return pd.concat([learned, learned.assign(setting=setting, accuracy=base + differences)])


def steady(mean, count=10, step=0.001):
    return mean + step * (np.arange(count) - (count - 1) / 2)


def compare(rows, **options):
    return experiments.compare(rows, **({"within": "dataset"} | options))


def numbers(differences, **options):
    (found,) = compare(runs(np.asarray(differences)), **options).numbers.to_dict("records")
    return found


# --------------------------------------------------------------------------- one mean


@given(COUNTS)
def test_an_interval_is_that_of_student(counts):
    found = experiments.interval(counts)
    count = len(counts)
    reach = stats.t.ppf(0.975, count - 1) * np.std(counts, ddof=1) / np.sqrt(count)
    assert found == pytest.approx((np.mean(counts), np.mean(counts) - reach, np.mean(counts) + reach))


@given(COUNTS, st.integers(-9, 9), st.sampled_from([-2.0, 0.01, 3.0]), st.randoms(use_true_random=False))
def test_unit_zero_and_order_move_an_interval_with_its_values(counts, shift, scale, random):
    mean, *ends = experiments.interval(counts)
    shuffled = random.sample(counts, len(counts))
    moved = experiments.interval(shift + scale * np.array(shuffled))
    assert moved.mean == pytest.approx(shift + scale * mean)
    assert sorted(moved[1:]) == pytest.approx(sorted(shift + scale * np.array(ends)), abs=1e-9)


def test_of_100_intervals_about_95_hold_the_mean():
    rng = np.random.default_rng(0)
    for draw, least in ((lambda: rng.normal(0.3, 1, 10), 0.935), (lambda: rng.exponential(0.3, 10), 0.87)):
        ends = np.array([experiments.interval(draw()) for _ in range(1500)])
        held = np.mean((ends[:, 1] <= 0.3) & (ends[:, 2] >= 0.3))
        assert least <= held <= 0.965  # lopsided draws: fewer, as is known of Student's t


def test_a_higher_level_reaches_further():
    narrow, wide = (experiments.interval([0.0, 1, 3], level=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.mean == wide.mean < narrow.high < wide.high


def test_an_interval_of_shares_holds_shares_only():
    assert experiments.interval([1, 1, 0.9, 0.2], bounds=(0, 1)).high == 1
    assert experiments.interval([0.5], bounds=(0, 1)) == (0.5, 0, 1)
    assert experiments.interval([0.5]) == (0.5, -np.inf, np.inf)
    assert experiments.interval([0.5, 0.5, 0.5]) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("values", "options", "said"),
    [
        ([], {}, r"values must have one axis, a number for each seed, got the shape \(0,\)"),
        ([[1, 2]], {}, r"got the shape \(1, 2\)"),
        (0.5, {}, r"got the shape \(\)"),
        ([1, np.nan], {}, "values must be finite, from -inf to inf, got nan: leave out seeds without a value"),
        ([1, 2], {"bounds": (0, 1)}, "values must be finite, from 0 to 1, got 2"),
        ([1, 2], {"level": 95}, "level must be between 0 and 1, got 95"),
    ],
)
def test_an_interval_that_cannot_be_says_why(values, options, said):
    with pytest.raises(ValueError, match=said):
        experiments.interval(values, **options)


# --------------------------------------------------------------------------- tests and families


@given(COUNTS)
@example([1, 1, 1, 1, 1, -1])
@example([3, -3])
def test_flipped_signs_are_all_of_them(counts):
    differences = np.array(counts, float)
    flipped = [abs(np.dot(signs, differences)) for signs in product((1, -1), repeat=len(counts))]
    found = intervals._tested(differences, UNBOUNDED, 0.95)
    assert found["p_flips"] == pytest.approx(np.mean(np.array(flipped) >= abs(differences.sum()) - 1e-9))
    if np.ptp(differences):
        assert found["p_t"] == pytest.approx(stats.ttest_rel(differences, 0 * differences).pvalue)


@given(COUNTS, st.sampled_from([0.01, 1 / 3, 7.0]))
def test_the_unit_of_the_differences_does_not_matter_to_the_tests(counts, unit):
    one, other = (intervals._tested(scale * np.array(counts, float), UNBOUNDED, 0.95) for scale in (1, unit))
    assert [other["p_t"], other["p_flips"]] == pytest.approx([one["p_t"], one["p_flips"]], abs=1e-9)


@pytest.mark.parametrize(("count", "draws"), [(6, 400), (10, 200)])
@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, count: rng.normal(0, 1, count),
        lambda rng, count: rng.exponential(1, count) - 1,
        lambda rng, count: rng.choice([-1.0, 1.0], count),  # as where the test images are few
        lambda rng, count: rng.choice([-1.0, 0.0, 1.0], count),
    ],
    ids=["normal", "lopsided", "two values", "three values"],
)
def test_of_settings_that_do_not_differ_few_are_resolved(draw, count, draws):
    rng = np.random.default_rng(0)
    found = [intervals._tested(draw(rng, count), UNBOUNDED, 0.95) for _ in range(draws)]
    wrong = np.mean([max(each["p_t"], each["p_flips"]) <= 0.05 for each in found])
    assert wrong <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / draws)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holms_rule_is_monotone_and_between_none_and_bonferronis(p):
    found = experiments.holm(p)
    count, order = len(p), np.argsort(p, kind="stable")
    assert (np.array(p) <= found).all()
    assert (found <= np.minimum(1, count * np.array(p))).all()
    assert (np.diff(found[order]) >= 0).all()
    by_hand = [min(1, max((count - j) * p[order[j]] for j in range(i + 1))) for i in range(count)]
    np.testing.assert_allclose(found[order], by_hand)
    np.testing.assert_array_equal(experiments.holm(p[::-1]), found[::-1])


@pytest.mark.parametrize("p", [[0.5, 1.1], [np.nan], [[0.1]]])
def test_what_is_no_probability_is_refused(p):
    with pytest.raises(ValueError, match="p must be a row of numbers from 0 to 1, got"):
        experiments.holm(p)


@pytest.mark.parametrize(("count", "said"), [(25, "higher"), (26, "unresolved")])
def test_ten_pairs_resolve_at_most_25_verdicts_of_a_family(count, said):
    rows = pd.concat([runs(steady(0.1), dataset) for dataset in range(count)])
    assert set(compare(rows, families="table").numbers.verdict) == {said}
    assert set(compare(rows, families="column").numbers.verdict) == {"higher"}


# --------------------------------------------------------------------------- pairs


@settings(max_examples=25)
@given(st.lists(st.floats(-0.25, 0.25), min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_a_comparison_is_that_of_pandas_and_scipy_whatever_the_order_of_the_rows(differences, random):
    rows = runs(np.round(differences, 3))
    found = compare(rows).numbers
    wide = rows.pivot(index="seed", columns="setting", values="accuracy")
    if np.ptp(np.round(differences, 3)):
        test = stats.ttest_rel(wide["other"], wide["learned"])
        assert found.difference.item() == pytest.approx((wide["other"] - wide["learned"]).mean())
        assert found.p_t.item() == pytest.approx(test.pvalue, abs=1e-6)
        ends = np.clip(test.confidence_interval(), -1, 1)
        assert (found.low.item(), found.high.item()) == pytest.approx(tuple(ends))
    others = rows.iloc[random.sample(range(len(rows)), len(rows))].assign(seed=lambda table: 100 - 3 * table.seed)
    numeric = ["seeds", "difference", "low", "high", "p_t", "p_flips"]
    np.testing.assert_allclose(compare(others).numbers[numeric], found[numeric], atol=1e-9)


def test_a_verdict_needs_both_tests():
    assert numbers(steady(0.1, 6))["verdict"] == "higher"
    assert numbers(steady(-0.1, 6))["verdict"] == "lower"
    assert numbers(steady(0.1, 5))["verdict"] == "unresolved"  # by t alone it would be
    far = numbers([0.001, 0.002, 0.001, 0.003, 0.002, 0.3])  # all of one sign, one far away
    assert (far["p_flips"], far["verdict"]) == (pytest.approx(2 / 64), "unresolved")


@pytest.mark.parametrize(
    ("differences", "ends", "verdict"),
    [
        ([0.25] * 6, (0.25, 0.25), "higher"),  # the same every time
        ([0.25] * 5, (0.25, 0.25), "unresolved"),
        ([0.0] * 10, (0.0, 0.0), "unresolved"),
        ([0.25], (-1, 1), "unresolved"),
    ],
)
def test_pairs_that_do_not_scatter_say_what_they_can(differences, ends, verdict):
    found = numbers(differences)
    assert ((found["low"], found["high"]), found["verdict"]) == (pytest.approx(ends), verdict)
    assert found["seeds"] == len(differences)


def test_rounding_makes_no_difference():
    """0.1 + 0.2 is not 0.3; that is no difference of two settings, nor is the mean of 0.3, −0.1 and −0.2."""
    rows = pd.DataFrame({"setting": ["learned", "other"] * 8, "seed": np.arange(16) // 2, "dataset": "x"})
    found = compare(rows.assign(accuracy=[0.3, 0.1 + 0.2] * 8)).numbers
    assert (found.difference.item(), found.verdict.item()) == (0, "unresolved")
    rows = pd.concat([runs(np.full(8, each), per_class=each) for each in (0.3, -0.1, -0.2)])
    assert compare(rows, within=("dataset", "per_class")).across.difference.tolist() == [0, 0]


def test_runs_without_a_pair_or_a_number_are_left_out():
    rows = runs(steady(0.1)).reset_index(drop=True).assign(error="")
    rows.loc[rows.seed.eq(3) & rows.setting.eq("other"), "error"] = "MemoryError"
    rows.loc[rows.seed.eq(4) & rows.setting.eq("learned"), ["error", "accuracy"]] = "ValueError", np.nan
    found = compare(rows[1:]).numbers
    assert found.seeds.item() == 7
    assert found.difference.item() == pytest.approx(np.delete(steady(0.1), [0, 3, 4]).mean())


def test_each_place_is_compared_by_its_own_pairs():
    here, there = runs(steady(0.1, 9), "here"), runs(steady(-0.1, 7), "there", seeds=range(3, 10))
    alone = runs(steady(0.1), "alone").query("setting == 'other'")
    third = runs(steady(0.2), "there", "third").query("setting == 'third'")
    rows = pd.concat([here, there, alone, third]).sample(frac=1, random_state=0)
    found = compare(rows, settings=["other", "third"]).numbers.set_index(["setting", "dataset"])
    assert found.seeds.to_dict() == {("other", "here"): 9, ("other", "there"): 7, ("third", "there"): 7}
    assert found.verdict.to_dict() == {
        ("other", "here"): "higher",
        ("other", "there"): "lower",
        ("third", "there"): "higher",
    }


def test_an_empty_field_is_a_place_as_any_other():
    rows = pd.concat([runs(steady(0.1), share=None), runs(steady(-0.1), share=0.5)])
    found = experiments.compare(rows, within="share").numbers
    assert dict(zip(found["share"], found["verdict"], strict=True)) == {"–": "higher", 0.5: "lower"}


# --------------------------------------------------------------------------- it depends


def verdict(**datasets):
    """Return the verdict over data sets whose pairs differ so."""
    found = compare(pd.concat([runs(np.asarray(differences), name) for name, differences in datasets.items()]))
    return found.verdicts["other"]


NOISY = steady(0.01, step=0.006)  # the same mean as the quiet one, not resolved by itself


def test_it_depends_only_where_data_sets_are_resolved_to_be_apart():
    quiet = steady(0.01)
    assert compare(runs(NOISY)).verdicts["other"] == "unresolved"
    assert verdict(quiet=quiet, noisy=NOISY) == "higher"  # one star and none are no difference
    assert verdict(quiet=quiet, none=steady(0.0)) == "it depends"
    assert verdict(quiet=quiet, other_way=-quiet) == "it depends"
    assert verdict(little=quiet, much=9 * quiet) == "higher"  # how much depends, which way does not
    assert verdict(one=NOISY - 0.01, other=NOISY[::-1] - 0.01) == "unresolved"
    assert verdict(one=quiet, other=quiet, third=-quiet) == "it depends"


def test_how_far_data_sets_are_apart_is_welchs_t():
    one, other = steady(0.05, 9), steady(0.02, 7, step=0.003)
    rows = pd.concat([runs(one, "one"), runs(other, "other")])
    apart = compare(rows).across.query("kind == 'apart'").iloc[0]
    test = stats.ttest_ind(one, other, equal_var=False)
    assert (apart.over, apart.seeds, apart.verdict) == ("one − other", 7, "higher")
    assert (apart.p_t, apart.difference) == pytest.approx((test.pvalue, 0.03))
    assert (apart.low, apart.high) == pytest.approx(tuple(test.confidence_interval()))


def test_seeds_that_are_the_same_in_all_data_sets_are_pairs_there_too():
    base = np.random.default_rng(1).normal(0, 0.05, 10)
    rows = pd.concat([runs(base, "short"), runs(base + steady(0.01), "long")])
    paired, unpaired = (compare(rows, same_seeds=same).across.set_index("kind").loc["apart"] for same in (True, False))
    assert (paired.verdict, unpaired.verdict) == ("lower", "unresolved")
    assert paired.difference == pytest.approx(unpaired.difference)
    assert paired.p_t == pytest.approx(2 * stats.ttest_1samp(steady(0.01), 0).pvalue)  # one of two in its family
    elsewhere = pd.concat([runs(base, "short"), runs(base, "long", seeds=range(10, 20))])
    assert compare(elsewhere, same_seeds=True).across.kind.tolist() == ["mean", "mean"]


def test_what_a_verdict_over_several_data_sets_is_made_of_is_one_family():
    # With a family for how far they are apart, and one for all together, one table of ten in which nothing differs had
    # a wrong verdict.
    rng = np.random.default_rng(1)
    rows = pd.concat([runs(rng.normal(0.01, 0.02, 8), name) for name in ("x", "y")])
    one, other = (here.difference.to_numpy() for _, here in compare(rows).pairs.groupby("dataset"))
    alone = [stats.ttest_ind(one, other, equal_var=False).pvalue, stats.ttest_1samp([*one, *other], 0).pvalue]
    found = compare(rows).across.set_index("kind").p_t
    assert found[["apart", "all"]].to_numpy() == pytest.approx(experiments.holm(alone))
    assert found["mean"].to_numpy() == pytest.approx([stats.ttest_1samp(each, 0).pvalue for each in (one, other)])


def test_a_data_set_with_hardly_any_pairs_is_not_overruled():
    strong = runs(steady(0.09, 8))
    assert compare(pd.concat([strong, runs(steady(-0.05, 1), "y")])).verdicts["other"] == "unresolved"
    assert compare(pd.concat([strong, runs(steady(-0.05, 6), "y")])).verdicts["other"] == "it depends"


def test_a_verdict_does_not_stand_beside_cells_that_do_not_give_it():
    differences = steady(0.01, 8, 0.00425)  # alone resolved, as one of two it is not
    rows = pd.concat([runs(differences, dataset) for dataset in ("x", "y")])
    for families, verdict in (("column", "higher"), ("table", "unresolved")):
        found = compare(rows, families=families)
        assert set(found.numbers.verdict) == {verdict}
        assert set(found.across.verdict[found.across.kind == "mean"]) == {verdict}


def test_a_column_has_one_unit():
    rows = pd.concat([runs(steady(0.1), value) for value in ("x",)])
    rows = pd.concat([rows, rows[rows.setting == "other"].assign(setting="large", accuracy=1.5)])
    assert [text.split()[0] for text in compare(rows).table()["x"].iloc[1:]] == ["+0.1", "+1.14"]


def test_data_sets_that_do_not_differ_are_seldom_apart():
    rng = np.random.default_rng(0)
    found = [intervals._tested_apart(*rng.normal(0, [[1], [3]], (2, 6)), UNBOUNDED, 0.95) for _ in range(200)]
    assert np.mean([max(each["p_t"], each["p_flips"]) <= 0.05 for each in found]) <= 0.05 + 0.046


@pytest.mark.parametrize(
    ("one", "other", "p", "ends"),
    [
        ([0.1], [0.2, 0.3], 1.0, (-2, 2)),
        ([0.25] * 3, [0.125] * 3, 0.0, (0.125, 0.125)),
        ([0.25] * 3, [0.25] * 3, 1.0, (0.0, 0.0)),
    ],
)
def test_data_sets_that_do_not_scatter_say_what_they_can(one, other, p, ends):
    found = intervals._tested_apart(np.array(one), np.array(other), (-2, 2), 0.95)
    assert (found["p_t"], (found["low"], found["high"])) == (p, pytest.approx(ends))
    assert found["p_flips"] >= 0.1  # three seeds each: twice one of twenty ways


def test_the_places_of_a_data_set_are_averaged_seed_by_seed():
    rows = pd.concat([runs(steady(0.1, 8), per_class=10), runs(2 * steady(0.3, 10)[::-1], per_class=20)])
    found = compare(rows, within=("dataset", "per_class"))
    mean = found.across.query("kind == 'mean'").iloc[0]
    together = (steady(0.1, 8) + 2 * steady(0.3, 10)[::-1][:8]) / 2  # two seeds lack a place
    assert (mean.seeds, mean.difference) == (8, pytest.approx(together.mean()))
    assert mean.p_t == pytest.approx(stats.ttest_1samp(together, 0).pvalue)


def test_without_a_seed_that_has_every_place_the_data_set_says_nothing():
    rows = pd.concat([runs(steady(0.1), per_class=10), runs(steady(0.1), per_class=20, seeds=range(10, 20))])
    found = compare(rows, within=("dataset", "per_class"))
    assert found.numbers.verdict.tolist() == ["higher", "higher"]
    assert found.verdicts.to_dict() == {"other": "unresolved"}
    assert found.table().loc["other", ("x", "mean")] == "–"


# --------------------------------------------------------------------------- what a lesson shows


def lesson():
    """Two settings at three places of two data sets."""
    rows = []
    for dataset, per_class, better, worse in (("y", 10, 0.1, -0.1), ("y", 20, 0.2, -0.1), ("x", 10, 0.3, 0.1)):
        there = runs(steady(better, 8), dataset, "better", per_class=per_class)
        rows += [there, runs(steady(worse, 8), dataset, "worse", per_class=per_class).query("setting == 'worse'")]
    return pd.concat(rows)


def test_the_table_shows_every_verdict():
    rows = lesson()
    rows["accuracy"] += 0.25 - rows.seed.map(rows[rows.setting == "learned"].groupby("seed").accuracy.first())
    rows.loc[rows.setting.eq("better") & rows.dataset.eq("x"), "accuracy"] = 0.25 + np.array([9, -8] * 4) / 100
    rows = rows[~(rows.setting.eq("worse") & rows.dataset.eq("x"))]
    found = experiments.compare(rows, ["worse", "learned", "better"])
    table = found.table()
    assert list(table.index) == ["learned", "worse", "better"]  # what is compared with is the first, and once
    assert list(table.columns[:4]) == [("y", 10), ("y", 20), ("y", "mean"), ("x", 10)]
    assert list(table.columns.get_level_values(0)[4:]) == ["y − x", "pairs", "verdict"]
    assert table.loc["learned"].tolist() == ["25.0%"] * 4 + [""] * 3
    assert table.loc["worse"].tolist()[3:] == ["–", "–", "8", "lower"]
    assert [cell[-1] for cell in table.loc["better"][:5]] == ["▲", "▲", "▲", "·", "▲"]
    assert table.loc["better", ("verdict", "")] == "it depends"
    row = found.numbers.iloc[0]
    said = f"{100 * row.difference:+.1f} ({100 * row.low:+.1f} to {100 * row.high:+.1f}) ▼"
    assert found.table(ends=True).loc["worse", ("y", 10)] == said


def test_statements_have_each_what_they_compare():
    rows = lesson().assign(loss=lambda table: 10 - 9 * table.accuracy)
    found = experiments.compare(
        rows, {"up": ("better", "learned"), "down": ("learned", "better"), "cost": ("better", "worse", "loss")}
    )
    table = found.table()
    assert table.index.tolist() == ["up", "down", "cost"]
    assert found.verdicts.to_dict() == {"up": "higher", "down": "lower", "cost": "lower"}
    assert table.loc["up", ("y", 10)] == "+10.0 ▲"
    assert table.loc["cost", ("y", 10)] == "-1.8 ▼"  # no shares, so no points
    ends = found.numbers.set_index(["setting", "dataset", "per_class"])[["low", "high"]]
    np.testing.assert_allclose(ends.loc["up"], -ends.loc["down"].iloc[:, ::-1])


def test_of_several_data_sets_the_table_names_those_most_apart():
    datasets = {"one": steady(0.1), "two": steady(0.102), "far": steady(0.3)}
    table = compare(pd.concat([runs(each, name) for name, each in datasets.items()])).table()
    assert list(table) == ["one", "two", "far", "most apart", "pairs", "verdict"]
    assert table.loc["other", "most apart"].endswith(" − far: -20.0 ▼")
    assert table.loc["other", "verdict"] == "higher"


def test_the_table_says_how_many_pairs_it_takes_if_they_are_too_few():
    few = compare(pd.concat([runs(steady(0.1, 3)), runs(steady(0.2, 5), "y")])).table()
    assert few.loc["other", "pairs"] == "3–5 of 6"
    rows, within = pd.concat([runs(steady(0.1), per_class=count) for count in range(26)]), ("dataset", "per_class")
    assert compare(rows, within=within, families="table").table().loc["other", ("pairs", "")] == "10 of 11"
    assert compare(rows, within=within).table().loc["other", ("pairs", "")] == "10"


def test_without_data_sets_there_is_one_column():
    table = compare(lesson().query("per_class == 20"), within=()).table()
    assert list(table) == ["accuracy", "pairs", "verdict"]
    assert table["accuracy"].tolist()[1:] == ["+20.0 ▲", "-10.0 ▼"]


def test_other_columns_may_be_called_otherwise():
    rows = lesson().query("per_class == 10").rename(columns={"setting": "contestant", "dataset": "place"})
    found = experiments.compare(rows, name="contestant", within="place")
    assert found.verdicts.to_dict() == {"better": "higher", "worse": "it depends"}


def test_what_is_drawn_are_the_pairs_and_the_interval_in_points():
    found = experiments.compare(lesson())
    here = found.drawn("x")
    assert list(here) == ["better", "worse"]
    pairs, (low, high), resolved = here["better"]
    assert resolved
    np.testing.assert_allclose(pairs, 100 * steady(0.3, 8))
    assert (low, high) == pytest.approx(experiments.interval(100 * steady(0.3, 8))[1:])
    assert list(found.drawn("y")) == ["better, y 10", "better, y 20", "worse, y 10", "worse, y 20"]
    assert list(found.drawn("y", 20)) == ["better", "worse"]
    assert len(found.drawn()) == 6
    with pytest.raises(ValueError, match="place must be of 'y', 'x', got 'nowhere'"):
        found.drawn("nowhere")


@pytest.mark.parametrize(("scale", "shift", "end"), [(1, 0, 1), (1, -0.5, 2), (1, 1, np.inf), (100, 0, np.inf)])
def test_differences_of_shares_are_at_most_1(scale, shift, end):
    values = shift + scale * np.array([0.0, 1.0, 1.0, 0.2])
    rows = pd.DataFrame({"setting": ["learned", "other"] * 2, "seed": [0, 0, 1, 1], "accuracy": values, "dataset": "x"})
    found = compare(rows).numbers.iloc[0]
    reach = scale * stats.t.ppf(0.975, 1) * 0.9
    assert (found.low, found.high) == pytest.approx((max(-end, 0.1 * scale - reach), min(end, 0.1 * scale + reach)))


@pytest.mark.parametrize(
    ("chosen", "options", "said"),
    [
        ("best", {}, "settings must be of 'learned', 'better', 'worse', which have values of accuracy, got 'best'"),
        ("worse", {"against": "best"}, "against must be of 'learned', 'better', 'worse', .* got 'best'"),
        ("learned", {}, "settings must be others than 'learned', got none"),
        ({}, {}, r"settings must have a tuple \(setting, against\) for each statement, got {}"),
        ({"up": "better"}, {}, r"settings must have a tuple .* got {'up': 'better'}"),
        ("worse", {"name": "stem"}, "there is no 'stem'"),
        ("worse", {"value": "loss"}, "there is no 'loss'"),
        ("worse", {"within": "place"}, "rows must have the columns name, value, seed and within; there is no 'place'"),
        ("worse", {"value": "dataset"}, "value must be a column of finite numbers; among those of 'dataset' is 'y'"),
        ("worse", {"within": "dataset"}, "rows must have one row for .* seed 0, which differ in per_class; choose"),
        ("worse", {"value": "seed"}, "columns that the comparison writes itself, got 'seed'"),
        ("worse", {"name": "place", "within": ()}, "name must not be 'place' if within is empty"),
        ("worse", {"families": "all"}, "families must be one of column, table, got 'all'"),
        ("worse", {"level": 95}, "level must be between 0 and 1"),
    ],
)
def test_a_comparison_that_cannot_be_says_why(chosen, options, said):
    with pytest.raises(ValueError, match=said):
        experiments.compare(lesson(), chosen, **options)


def test_rows_that_say_too_little_are_refused():
    rows = runs(steady(0.1))
    with pytest.raises(ValueError, match="value must be a column of finite numbers; among those of 'accuracy' is inf"):
        compare(rows.assign(accuracy=np.inf))
    with pytest.raises(ValueError, match="rows must have a pair, two runs of one seed and of one dataset; there is"):
        compare(rows.assign(seed=range(20)))
    with pytest.raises(ValueError, match="rows must have a seed each; there is one without"):
        compare(rows.assign(seed=np.nan))
    rows.loc[rows.setting == "learned", "accuracy"] = np.nan
    with pytest.raises(ValueError, match="against must be of 'other', which have values of accuracy, got 'learned'"):
        compare(rows)


@pytest.mark.parametrize("column", ["kind", "over", "difference", "verdict", "seed"])
def test_a_column_that_the_comparison_writes_itself_is_told(column):
    rows = runs(steady(0.02))
    with pytest.raises(ValueError, match=rf"columns that the comparison writes itself, got '{column}'; rename it"):
        compare(rows.rename(columns={"setting": column}), name=column)
    with pytest.raises(ValueError, match=f"got '{column}'"):
        compare(rows.rename(columns={"dataset": column}), within=("setting", column))
