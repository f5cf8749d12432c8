"""Paired differences, and what the seeds resolve. Taught in lesson 09."""

import numpy as np
import pandas as pd


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
        If a column or the setting `against` is not there, a run is there twice, or `level` is no such number.

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
    if rows.duplicated([*within, "seed", name]).any():
        raise ValueError(f"rows must have one row for each {name}, seed and {', '.join(within)}: others differ in more")
    wide = rows.pivot_table(value, [*within, "seed"], name, sort=False, dropna=False)  # a pair a row
    differences = wide.drop(columns=against).sub(wide[against], axis=0)
    found = [
        dict(zip(within, place, strict=True)) | {name: setting} | _compared(pairs.to_numpy(), level, resamples)
        for setting in differences
        for place, pairs in _by_place(differences[setting].dropna(), within)
    ]
    return pd.DataFrame(found)


def _by_place(pairs, within):
    return pairs.groupby(level=list(within), sort=False, dropna=False) if within else [((), pairs)]


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
    usable = errors > 1e-9 * error  # not, to rounding, a draw of the same difference every time
    if error == 0 or not usable.any():
        return mean, mean
    t = (means[usable] - mean) / errors[usable]
    upper, lower = np.quantile(t, [(1 + level) / 2, (1 - level) / 2])
    return mean - upper * error, mean - lower * error
