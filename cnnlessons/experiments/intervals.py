"""What the seeds resolve: Student's t, flipped signs, Holm's rule, and when "it depends". Taught in lesson 09."""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from cnnlessons import shapes
from cnnlessons.experiments.rows import FAILED, plain

MARKS = {"higher": "▲", "lower": "▼", "unresolved": "·"}
_TESTS = ["p_t", "p_flips"]
_NUMBERS = ["seeds", "difference", "low", "high", *_TESTS]
_ONLY = "place"  # what a place is called if no column says it
_OWN = {*_NUMBERS, "kind", "over", "family", "seed", "verdict", "cell"}  # columns that a comparison writes


class Interval(NamedTuple):
    """A mean over seeds, and between what the mean of very many of them lies."""

    mean: float
    low: float
    high: float


def interval(values, bounds=(-np.inf, np.inf), level=0.95, redrawn=0.0):
    """Return the `Interval` of the mean over seeds, by Student's t. Taught in lesson 04.

    Parameters
    ----------
    values : array_like, shape (seeds,)
    bounds : pair of float
        Between what all such values lie, such as 0 and 1 for shares, −1 and 1 for their differences: the interval ends
        there. A single value says no more than that.
    level : float, between 0 and 1
        How often such intervals hold the true mean.
    redrawn : float
        If each value comes from another draw of the same images, how many were judged for each that was learned from.
        Such values are alike, and the interval is longer: C. Nadeau and Y. Bengio, "Inference for the generalization
        error", Machine Learning 52 (2003).
    """
    values, count = np.asarray(values, float), np.size(values)
    shapes.number(level, "level", "between 0 and 1", lambda level: 0 < level < 1)
    if np.shape(bounds) != (2,) or not bounds[0] < bounds[1]:
        raise ValueError(f"bounds must be two numbers, the lower first, got {bounds!r}")
    if values.ndim != 1 or not count:
        raise ValueError(f"values must have one axis, a number for each seed, got the shape {values.shape}")
    slack = 1e-6 * np.abs(values).max()  # of float32
    beyond = values[~np.isfinite(values) | (values < bounds[0] - slack) | (values > bounds[1] + slack)]
    if len(beyond):
        rule = f"values must be finite, from {bounds[0]:g} to {bounds[1]:g}"
        raise ValueError(f"{rule}, got {beyond[0]:g}: leave out seeds without a value, or give other bounds")
    reach = stats.t.ppf((1 + level) / 2, count - 1) * stats.sem(values) if count > 1 else np.inf
    reach *= np.sqrt(1 + count * shapes.number(redrawn, "redrawn", "0 or more", lambda redrawn: redrawn >= 0))
    ends = np.clip([values.mean() - reach, values.mean() + reach], *bounds)
    return Interval(*map(float, (values.mean(), *ends)))


def holm(p):
    """Return the p-values of a family of tests after Holm's rule.

    That is each times the number of those that are not smaller, or what a smaller one became, if that is more.
    Whoever believes what is then at most 0.05 is wrong about any of a family in at most one family of twenty. S. Holm,
    "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
    Taught in lesson 09.
    """
    p = np.asarray(p, float)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p must be a row of numbers from 0 to 1, got {p.tolist()}")
    order = np.argsort(p)
    grown = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(grown, 1)[np.argsort(order)]


def compare(
    rows,
    settings=None,
    against="learned",
    value="accuracy",
    name="setting",
    within=("dataset", "per_class"),
    families="column",
    same_seeds=False,
    level=0.95,
):
    """Return the `Comparison` of settings with one of them, seed by seed: what the seeds resolve, and where it depends.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `run` or `read`, with a column "seed"; runs that failed are left out.
    settings : sequence of str, or dict of str to (setting, against) or (setting, against, value), optional
        Which to compare, in the order of the table; all others if it is not given. Or statements, by what they are
        called, each with what it compares.
    against : str
        The setting to compare with.
    value : str
        The column that is compared. If all that is compared of it lies between −1 and 1 it is taken for shares, and
        shown in points.
    name : str
        The column that says the setting.
    within : sequence of str
        Columns that are the same for the two runs of a pair: the *place*. The first says the data set, or whatever it
        may depend on; the places of a data set are averaged, seed by seed.
    families : {"column", "table"}
        Among which verdicts Holm's rule is applied: those of a place (or data set), or of all places. What is said of
        all data sets together, or of their being apart, has a family of its own.
    same_seeds : bool
        Whether a seed is the same draw in all data sets (if these are lengths of training, say), so that they are
        paired, too. If not, how far they are apart is tested by Welch's t and by exchanging seeds between them.
    level : float, between 0 and 1
        How often such intervals hold the true mean difference. Tests count up to 1 − level.

    Raises
    ------
    ValueError
        If there is no pair, or `name` or `within` is a column that the comparison writes itself, such as "kind".

    Notes
    -----
    Each comparison has its interval, by Student's t, and two p-values: that of t, and the share of the 2ⁿ ways to set
    the signs of n differences in which the mean is as far from zero. If n is above 13, 9,999 ways are drawn, and the
    smaller tail is counted twice: no p-value is below 2/10,000. A verdict needs both, after Holm's rule. n pairs of one
    sign have the p-value 2/2ⁿ: five resolve nothing, ten at most 25 verdicts of a family.

    Holm's rule holds for one family: a table of several places has a wrong mark somewhere more often than once in
    twenty. A verdict over several data sets is of one family: where no setting differs from the one it is compared
    with, about one such column in twenty has a wrong one.

    Taught in lesson 09.
    """
    shapes.chosen(families, "families", ("column", "table"))
    within = _several(within)
    if not within:  # a single one, called by what is compared
        if name == _ONLY:
            raise ValueError(f"name must not be {_ONLY!r} if within is empty; rename it, with rows.rename(columns=…)")
        rows, within = rows.assign(**{_ONLY: value}), [_ONLY]
    taken = ({name, *within} & _OWN) | ({value} & {"seed"})
    if taken:
        raise ValueError(
            f"name, within and value must not be columns that the comparison writes itself, got {min(taken)!r}; "
            "rename it first, with rows.rename(columns=…)"
        )
    statements, pairs, compared, base = _statements(rows, settings, against, value, name), {}, {}, None
    for label, (one, other, column) in statements.items():
        here = _chosen(rows, one, other, column, name, within)
        pairs[label] = _differences(here, one, other, column, name, within)
        compared.setdefault(column, []).append(here[column])
        if not isinstance(settings, dict):
            means = here[here[name] == other].groupby(within)[column].mean()
            base = other, dict(zip(means.reset_index()[within].itertuples(index=False, name=None), means, strict=True))
    bounds = {column: _bounds(pd.concat(parts)) for column, parts in compared.items()}
    bounds = {label: bounds[column] for label, (*_, column) in statements.items()}
    pairs = pd.concat(pairs, names=[name]).reset_index()
    if not len(pairs):
        raise ValueError(f"rows must have a pair, two runs of one seed and of one {', '.join(within)}; there is none")
    found = [
        dict(zip([name, *within], key, strict=True)) | _tested(here.to_numpy(), bounds[key[0]], level)
        for key, here in pairs.groupby([name, *within], sort=False).difference
    ]
    numbers = _judged(pd.DataFrame(found), within if families == "column" else [], level)
    return Comparison(numbers, pairs, base, bounds, name, within, families, same_seeds, level)


@dataclass(frozen=True)
class Comparison:
    """What `compare` found. Shares are kept as they are, and shown in points, hundredths."""

    #: for each setting and place with pairs: "seeds", how many; "difference", their mean; "low" and "high", its
    #: interval; "p_t" and "p_flips", after Holm's rule; "verdict", which is "higher", "lower" or "unresolved"
    numbers: pd.DataFrame
    pairs: pd.DataFrame  #: the difference of each pair
    _base: tuple | None
    _bounds: dict
    _name: str
    _within: list
    _families: str
    _same_seeds: bool
    _level: float

    @cached_property
    def across(self):
        """The numbers of one value a seed, the mean over the places of a data set.

        For each data set ("kind": "mean"), for how far each two are apart ("apart"), and for all of them together
        ("all"), if each could be resolved alone. These two kinds are one family; the means of a data set are another.
        """
        found = [
            {self._name: label, "kind": kind, "over": over} | numbers
            for label, here in self.pairs.groupby(self._name, sort=False)
            for kind, over, numbers in self._of_datasets(here, self._bounds[label])
        ]
        found = pd.DataFrame(found, columns=[self._name, "kind", "over", *_NUMBERS])
        of_one = found.kind == "mean"
        family = found.over.where(of_one & (self._families == "column"), found.kind.where(of_one, "several"))
        return _judged(found.assign(family=family), [of_one, "family"], self._level).drop(columns="family")

    @property
    def verdicts(self):
        """What all data sets say of a setting; "it depends", if two are apart; else what they say together."""
        found = {label: _said(here) for label, here in self.across.groupby(self._name)}
        return pd.Series({label: found.get(label, "unresolved") for label in self._bounds})

    def table(self, ends=False):
        """Return the table to read, of str: "+1.2 ▲" is more, "-1.2 ▼" less, "+1.2 ·" unresolved, "–" no pairs.

        A row for each setting, below the means of the one they are compared with. A column for each place, for the
        mean of a data set's places, for how far two data sets are apart (those that are most clearly so, if there are
        more), for the number of pairs (and how many it takes to resolve anything, if they are too few), and for the
        verdict. With `ends`, intervals are shown, too.
        """
        numbers, across = (self._with_cells(part, ends) for part in (self.numbers, self.across))
        columns = {}
        for dataset, here in numbers.groupby(self._within[0], sort=False):
            places = {place: there.cell for place, there in here.groupby(self._within, sort=False)}
            columns |= places
            if len(places) > 1:
                columns[dataset, "mean"] = across.cell[(across.kind == "mean") & (across.over == dataset)]
        columns |= _apart(across[across.kind == "apart"])
        columns["pairs",] = numbers.groupby(level=0).seeds.apply(self._counted)
        columns["verdict",] = self.verdicts
        table = pd.concat(list(columns.values()), axis=1, keys=range(len(columns)))
        table = table.reindex(list(self._bounds)).astype(object).fillna("–").rename_axis(index=None)
        if self._base:
            table = pd.concat([self._base_row(list(columns)), table])
        depth = len(self._within)
        keys = [(*key, *[""] * (depth - len(key))) for key in columns]
        return table.set_axis(pd.MultiIndex.from_tuples(keys) if depth > 1 else [key for (key,) in keys], axis=1)

    def drawn(self, *place):
        """Return pairs, interval, and whether it is resolved, of each setting, shares in points, for `plots.intervals`.

        At one place, or at all whose first columns are those given.
        """
        numbers, found = self.numbers, {}
        for column, here in zip(self._within, place, strict=False):
            known = list(dict.fromkeys(numbers[column]))
            if here not in known:
                raise ValueError(f"place must be of {', '.join(map(repr, known))}, got {here!r}")
            numbers = numbers[numbers[column] == here]
        alone = len(numbers[self._within].drop_duplicates()) == 1
        pairs = self.pairs.groupby([self._name, *self._within]).difference
        for row in numbers.to_dict("records"):
            label, *here = (row[column] for column in (self._name, *self._within))
            unit, _ = _unit(self._bounds[label])
            shown = label if alone else f"{label}, {' '.join(map(str, here))}"
            ends = unit * row["low"], unit * row["high"]
            found[shown] = unit * pairs.get_group((label, *here)).to_numpy(), ends, row["verdict"] != "unresolved"
        return found

    def _of_datasets(self, pairs, bounds):
        """Yield kind, data sets and numbers of the differences of one setting."""
        means = pairs.set_index([*self._within, "seed"]).difference.unstack("seed")
        means = means.groupby(level=0).agg(lambda column: column.mean(skipna=False))  # of seeds with every place
        means = _rounded(means, pairs.difference, 10)
        seeds = {dataset: means.loc[dataset].dropna() for dataset in dict.fromkeys(pairs[self._within[0]])}
        seeds = {dataset: values for dataset, values in seeds.items() if len(values)}
        for dataset, values in seeds.items():
            yield "mean", dataset, _tested(values.to_numpy(), bounds, self._level)
        wider = tuple(np.multiply(2, bounds))
        for one, other in combinations(seeds, 2):
            over, apart = f"{one} − {other}", _rounded((seeds[one] - seeds[other]).dropna(), pairs.difference, 10)
            if not self._same_seeds:
                both = (seeds[each].to_numpy() for each in (one, other))
                yield "apart", over, _tested_apart(*both, wider, self._level)
            elif len(apart):
                yield "apart", over, _tested(apart.to_numpy(), wider, self._level)
        if self._same_seeds:
            together = means.mean(skipna=False).dropna()
        else:  # a data set with hardly any pairs would not be heard among the others
            together = (
                means.stack().dropna() if min(map(len, seeds.values()), default=0) >= _needed(self._level) else ()
            )
        if len(together):
            yield "all", "all", _tested(together.to_numpy(), bounds, self._level)

    def _with_cells(self, numbers, ends):
        cells = []
        for row in numbers.itertuples():
            unit, form = _unit(self._bounds[row[1]])
            reach = f" ({unit * row.low:{form}} to {unit * row.high:{form}})" if ends else ""
            cells.append(f"{unit * row.difference:{form}}{reach} {MARKS[row.verdict]}")
        return numbers.assign(cell=cells).set_index(self._name)

    def _counted(self, seeds):
        sizes = self.numbers.groupby(self._within).size() if self._families == "column" else [len(self.numbers)]
        needed = _needed(self._level, max(sizes))
        few = f" of {needed}" if max(seeds) < needed else ""
        return "–".join(map(str, sorted({min(seeds), max(seeds)}))) + few

    def _base_row(self, keys):
        """Return the means of what is compared with, a row above the table."""
        against, means = self._base
        form = "{:.1%}" if _unit(next(iter(self._bounds.values())))[0] == 100 else "{:.3g}"
        row = []
        for key in keys:
            below = [place for place in keys if place[0] == key[0]] if "mean" in key[1:] else [key]
            here = [means[place] for place in below if place in means]
            row.append(form.format(np.mean(here)) if here else "")
        return pd.DataFrame([row], [against])


def _needed(level, tests=1):
    """Return how many pairs resolve anything: all of one sign, they have the p-value 2 / 2ⁿ, times the tests."""
    return int(np.ceil(np.log2(2 * tests / (1 - level) - 1e-9)))


def _several(names):
    return [names] if isinstance(names, str) else list(names)


def _statements(rows, settings, against, value, name):
    """Return what is compared, by what it is called: a setting, the one that it is compared with, and a column."""
    if isinstance(settings, dict):
        if not settings or not all(isinstance(each, tuple) and len(each) in (2, 3) for each in settings.values()):
            raise ValueError(f"settings must have a tuple (setting, against) for each statement, got {settings!r}")
        return {label: (*each, value)[:3] for label, each in settings.items()}
    _must_have(rows, [name])
    if settings is None:
        settings = rows[name].unique()
    elif not np.iterable(settings):
        raise TypeError(f"settings must be names, or a dict of statements, got {settings!r}")
    others = [each for each in _several(settings) if each != against]
    if not others:
        raise ValueError(f"settings must be others than {against!r}, got none")
    return {each: (each, against, value) for each in others}


def _must_have(rows, columns):
    absent = [column for column in columns if column not in rows]
    if absent:
        raise ValueError(f"rows must have the columns name, value, seed and within; there is no {absent[0]!r}")


def _chosen(rows, one, other, value, name, within):
    """Return the rows of two settings, but for failed runs; where a column of the place is empty, it says "–"."""
    _must_have(rows, [name, value, "seed", *within])
    if FAILED in rows:
        rows = rows[rows[FAILED].fillna("") == ""]
    rows = rows[rows[value].notna()]
    for argument, setting in {"settings": one, "against": other}.items():
        if setting not in set(rows[name]):
            known = ", ".join(map(repr, rows[name].unique()))
            raise ValueError(f"{argument} must be of {known}, which have values of {value}, got {setting!r}")
    rows = rows[rows[name].isin([one, other])]
    numbers = pd.to_numeric(rows[value], errors="coerce").astype(float)
    bad = rows[value][~np.isfinite(numbers)]
    if len(bad):
        raise ValueError(
            f"value must be a column of finite numbers; among those of {value!r} is {plain(bad.iloc[0])!r}"
        )
    _must_be_one(rows, [*(column for column in within if column != _ONLY or rows[column].nunique() > 1), name, "seed"])
    places = {column: rows[column].astype(object).where(rows[column].notna(), "–") for column in within}
    return rows.assign(**places | {value: numbers})


def _must_be_one(rows, columns):
    """Make sure that there is a row for each combination of values, or say in what else the first two differ."""
    if rows.seed.isna().any():
        raise ValueError("rows must have a seed each; there is one without")
    again = rows[rows.duplicated(columns, keep=False)]
    if len(again):
        first = again[columns].iloc[0]
        alike = rows[(rows[columns] == first).all(axis=1)]
        which = ", ".join(f"{column} {value}" for column, value in first.items())
        others = [column for column in rows if column not in columns and alike[column].nunique(dropna=False) > 1]
        raise ValueError(
            f"rows must have one row for each {', '.join(columns)}; there are {len(alike)} of {which}, which differ in "
            f"{', '.join(others) or 'nothing'}; choose some of them, or name what tells them apart in within"
        )


def _differences(rows, one, other, value, name, within):
    """Return how much more one setting has than the other, a number for each place and seed that have both."""
    wide = rows.pivot_table(value, [*within, "seed"], name, sort=False)
    return _rounded((wide[one] - wide[other]).dropna(), wide).rename("difference")


def _rounded(values, of, digits=12):
    """Return values that came from others without what is left of rounding, so that ties are ties, and nothing is 0."""
    unit = np.nanmax(np.abs(of.to_numpy())) or 1.0
    return (values / unit).round(digits) * unit


def _bounds(values):
    """Return between what the differences lie: of shares, of differences of shares, or of any numbers."""
    if values.abs().max() > 1:
        return -np.inf, np.inf
    return (-1.0, 1.0) if values.min() >= 0 else (-2.0, 2.0)


def _unit(bounds):
    return (100, "+.1f") if np.isfinite(bounds[0]) else (1, "+.3g")


def _tested(pairs, bounds, level):
    """Return mean, interval and both p-values of the differences of pairs."""
    p_t = p_flips = 1.0
    if len(pairs) > 1 and pairs.any():
        p_t = stats.ttest_1samp(pairs, 0).pvalue if np.ptp(pairs) else 0.0
        order = np.sort(pairs)  # so that the order of the seeds does not matter where flips are drawn
        options = {"permutation_type": "samples", "n_resamples": 9999, "random_state": 0}  # all, if there are fewer
        p_flips = float(stats.permutation_test((order,), np.mean, **options).pvalue)
    return dict(zip(_NUMBERS, (len(pairs), *interval(pairs, bounds, level), p_t, p_flips), strict=True))


def _tested_apart(one, other, bounds, level):
    """Return the same for how far the means of two groups are apart that are no pairs: Welch's t, seeds exchanged."""
    count, apart = min(len(one), len(other)), one.mean() - other.mean()
    if count < 2:
        return dict(zip(_NUMBERS, (count, apart, *bounds, 1.0, 1.0), strict=True))
    ends, p_t = (apart, apart), float(apart == 0)
    if np.ptp(one) or np.ptp(other):
        welch = stats.ttest_ind(one, other, equal_var=False)
        ends, p_t = np.clip(welch.confidence_interval(level), *bounds), welch.pvalue
    seeds = np.sort(np.concatenate([one, other]))
    mixed = np.random.default_rng(0).permuted(np.tile(seeds, (9999, 1)), axis=1)
    drawn = mixed[:, : len(one)].mean(axis=1) - mixed[:, len(one) :].mean(axis=1)
    p_flips = (1 + np.sum(np.abs(drawn) >= abs(apart) - 1e-9 * np.abs(seeds).max())) / 10_000
    return dict(zip(_NUMBERS, (count, apart, *ends, p_t, p_flips), strict=True))


def _judged(numbers, family, level):
    """Apply Holm's rule to both tests within each family; add the verdict, which needs both."""
    for test in _TESTS:
        numbers[test] = numbers.groupby(family)[test].transform(holm) if family else holm(numbers[test])
    resolved = (numbers[_TESTS] <= 1 - level).all(axis=1)
    said = np.where(numbers.difference > 0, "higher", "lower")
    return numbers.assign(verdict=np.where(resolved, said, "unresolved"))


def _said(across):
    """Return the verdict over all data sets of one setting."""
    verdicts = {kind: set(here) for kind, here in across.groupby("kind").verdict}
    each = verdicts["mean"]
    if len(each) == 1 and "unresolved" not in each:
        return each.pop()
    return "it depends" if verdicts.get("apart", set()) - {"unresolved"} else verdicts.get("all", {"unresolved"}).pop()


def _apart(across):
    """Return the column that says how far two data sets are apart, or which two are so most clearly, by its title."""
    if across.over.nunique() < 2:
        return {(over,): here.cell for over, here in across.groupby("over")}
    most = across.sort_values("p_t", kind="stable").groupby(level=0).head(1)
    return {("most apart",): most.over + ": " + most.cell}
