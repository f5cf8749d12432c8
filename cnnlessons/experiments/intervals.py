"""Paired differences, and what the seeds resolve. Taught in lesson 09."""

import numpy as np
import pandas as pd

from cnnlessons import shapes


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
        How many draws of the seeds.

    Returns
    -------
    pandas.DataFrame
        For each combination of `within` and each other setting: "seeds", the number of pairs; "difference", the mean of
        setting minus `against`; "low" and "high", the interval, of which an end may be infinite if the pairs do not
        bound it; "verdict": "higher", "lower" or "unresolved", which it is if the interval holds 0 or there are fewer
        than six pairs.

    Raises
    ------
    ValueError
        If a column or the setting `against` is not there, a run is there twice, or `level` or `resamples` is no such
        number.

    Notes
    -----
    The interval is a bootstrap-t: seeds are drawn with replacement, and the mean of each draw is measured in its own
    standard errors. B. Efron and R. Tibshirani, "An introduction to the bootstrap" (1993), chapter 12. A draw of one
    difference only has no spread, and lies infinitely many standard errors away: few pairs, or tied ones, may have no
    end to one side. Six pairs, because even five differences of the same sign happen by chance once in sixteen times.

    Taught in lesson 09.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level!r}")
    resamples = shapes.whole_number(resamples, "resamples", 100)
    pairs = differences(rows, against, value, name, within)
    within = pairs.index.names[:-1]
    found = [
        dict(zip(within, place, strict=True)) | {name: setting} | _compared(here.to_numpy(), level, resamples)
        for setting in pairs
        for place, here in _by_place(pairs[setting].dropna(), within)
    ]
    return pd.DataFrame(found, columns=[*within, name, *_FOUND])


_FOUND = ("seeds", "difference", "low", "high", "verdict")


def differences(rows, against="learned", value="accuracy", name="setting", within=("dataset", "per_class")):
    """Return how much more every setting has than one of them, seed by seed.

    Parameters
    ----------
    rows, against, value, name, within
        As in `interval`.

    Returns
    -------
    pandas.DataFrame
        A row for each seed, indexed by `within` and "seed", and a column for each other setting: its value minus that
        of `against`; missing where one of the two has none.

    Raises
    ------
    ValueError
        As in `interval`.

    Notes
    -----
    Taught in lesson 09.
    """
    within = _several(within)
    _must_have(rows, [name, value, "seed", *within])
    rows = rows[rows[value].notna()]
    if against not in set(rows[name]):
        known = ", ".join(map(str, dict.fromkeys(rows[name])))
        raise ValueError(f"against must be one of {known}, which have values of {value}, got {against!r}")
    if rows.duplicated([*within, "seed", name]).any():
        raise ValueError(f"rows must have one row for each {', '.join([*within, name, 'seed'])}: others differ in more")
    wide = rows.pivot_table(value, [*within, "seed"], name, sort=False, dropna=False)  # a pair a row
    return wide.drop(columns=against).sub(wide[against], axis=0)


MARKS = {"higher": "▲", "lower": "▼", "unresolved": "·"}


def points(rows, settings, against="learned", value="accuracy", name="setting", within=("dataset", "per_class")):
    """Return what `interval` says as a table to read: differences in points, hundredths, each with its verdict.

    Parameters
    ----------
    rows, against, value, name, within
        As in `interval`.
    settings : sequence of str
        Which to compare, in the order of the table.

    Returns
    -------
    pandas.DataFrame of str
        A column for each combination of `within` that has pairs. First the mean of `against`, in per cent, over all of
        its runs, then a row for each setting: "+1.2 ▲" is 1.2 points more, resolved, "-1.2 ▼" less, resolved, "+1.2 ·"
        unresolved; "–" where it has no pairs.

    Raises
    ------
    ValueError
        As in `interval`, or if a setting has no rows.

    Notes
    -----
    Taught in lesson 09.
    """
    settings, rows = _chosen(rows, settings, against, name)
    within = _several(within)
    if not within:  # one place, called by what is compared
        rows, within = rows.assign(points=value), ["points"]
    found = interval(rows, against, value, name, within)
    found["said"] = [f"{100 * row.difference:+.1f} {MARKS[row.verdict]}" for row in found.itertuples()]
    table = found.set_index([name, *within]).said.unstack(within, sort=False)
    base = rows[rows[name] == against].groupby(within, sort=False)[value].mean().map("{:.1%}".format)
    return pd.concat([base.to_frame(against).T, table.reindex(settings)], join="inner").fillna("–")


def paired(rows, settings, against="learned", value="accuracy", name="setting"):
    """Return the differences of the pairs of one place and their intervals in points, as `plots.intervals` takes them.

    Parameters
    ----------
    rows, settings, against, value, name
        As in `points`, but of a single place.

    Returns
    -------
    dict of str to (ndarray, shape (seeds,), (low, high))
        Settings without pairs are left out.

    Raises
    ------
    ValueError
        As in `points`.

    Notes
    -----
    Taught in lesson 09.
    """
    settings, rows = _chosen(rows, settings, against, name)
    pairs = 100 * differences(rows, against, value, name, within=()).dropna(axis="columns", how="all")
    found = interval(rows[rows[name].isin([against, *pairs])], against, value, name, within=()).set_index(name)
    ends = 100 * found[["low", "high"]]
    return {each: (pairs[each].dropna().to_numpy(), tuple(ends.loc[each])) for each in settings if each in pairs}


def _chosen(rows, settings, against, name):
    """Return the settings but for `against`, and the rows of all of them."""
    settings = [setting for setting in _several(settings) if setting != against]
    _must_have(rows, [name])
    absent = [setting for setting in settings if setting not in set(rows[name])]
    if absent or not settings:
        rule = f"settings must be others than {against!r}, all with rows"
        raise ValueError(f"{rule}; there is none with the {name} {absent[0]!r}" if absent else f"{rule}, got none")
    return settings, rows[rows[name].isin([*settings, against])]


def _several(names):
    return [names] if isinstance(names, str) else list(names)


def _must_have(rows, columns):
    absent = [column for column in columns if column not in rows]
    if absent:
        raise ValueError(f"rows must have the columns name, value, seed and within; there is no {absent[0]!r}")


def _by_place(pairs, within):
    return pairs.groupby(level=within, sort=False, dropna=False) if within else [((), pairs)]


def _compared(pairs, level, resamples):
    low, high = _bootstrap_t(pairs, level, resamples)
    verdict = "unresolved"
    if len(pairs) >= 6 and (low > 0 or high < 0):
        verdict = "higher" if low > 0 else "lower"
    return dict(zip(_FOUND, (len(pairs), pairs.mean(), low, high, verdict), strict=True))


def _bootstrap_t(differences, level, resamples):
    """Return the two ends of the interval for the mean; without an end if there are fewer than two differences."""
    count = len(differences)
    if count < 2:
        return -np.inf, np.inf
    drawn = np.random.default_rng(0).choice(differences, (resamples, count))
    error, errors = (values.std(axis=-1, ddof=1) / np.sqrt(count) for values in (differences, drawn))
    mean = differences.mean()
    off = drawn.mean(axis=1) - mean
    if error <= 1e-9 * np.abs(differences).max():  # to rounding, the same difference every time
        return mean, mean
    flat = errors <= 1e-9 * error  # so is such a draw: it lies infinitely many of its standard errors off, or none
    t = np.where(np.abs(off) <= 1e-9 * error, 0.0, np.copysign(np.inf, off))
    np.divide(off, errors, out=t, where=~flat)
    upper = np.quantile(t, (1 + level) / 2, method="higher")  # a number that was drawn, since some are infinite
    lower = np.quantile(t, (1 - level) / 2, method="lower")
    return mean - upper * error, mean - lower * error
