"""Bake-off browser: two first layers side by side, what they cost, and what their pairs of runs say."""

import html
from typing import NamedTuple

import numpy as np

from cnnlessons import shapes
from cnnlessons.panels._charts import Frame, svg_text
from cnnlessons.panels._explorer import Button, Choice, Explorer

MEASURES = {
    "test images": "accuracy",
    "noisy test images": "noisy_accuracy",
    "training images": "train_accuracy",
}
COUNTS = {
    "Stem: weights": "stem_parameters",
    "Stem: multiply-adds": "stem_multiply_adds",
    "Stem: activations": "stem_activations",
    "Stem: sees, pixels in a row": "receptive_field",
    "Network: multiply-adds": "multiply_adds",
}
TIMES = {"Forward, ms": "forward_ms", "Training, ms": "training_ms"}
_NEEDED = ("dataset", "group", "setting", "seed", "error", *MEASURES.values(), *COUNTS.values(), *TIMES.values())

# --------------------------------------------------------------------------- numbers


class Compared(NamedTuple):
    """Two contestants on one data set."""

    seeds: np.ndarray  # of the pairs
    values: np.ndarray  # (pairs, 2), per cent: the one, the other
    low: float  # of the interval of the mean difference, in points
    high: float
    verdict: str  # "higher", "lower", "unresolved"; "" without pairs


def compare(rows, dataset, one, other, measure="test images"):
    """Compare two contestants pair by pair, as `experiments.compare` does; runs that failed are left out."""
    from cnnlessons import experiments  # here, since it takes a second to load and the other panels need none of it

    rows = _chosen(rows, dataset, measure, one=one, other=other)
    value = MEASURES[measure]
    here = rows[(rows.dataset == dataset) & rows.setting.isin([one, other])]
    wide = here.pivot_table(value, "seed", "setting").reindex(columns=[one, other])
    pairs = wide.dropna()
    values = 100 * pairs.to_numpy().reshape(-1, 2)
    if one == other or not len(pairs):
        return Compared(pairs.index.to_numpy(), values, -np.inf, np.inf, "")
    (found,) = experiments.compare(here, one, other, value, within=()).numbers.itertuples()
    return Compared(pairs.index.to_numpy(), values, 100 * found.low, 100 * found.high, found.verdict)


def datasets_in(rows):
    """Return the data sets that have rows, in their order."""
    return tuple(dict.fromkeys(rows.dataset))


def contestants(rows, dataset):
    """Return the settings that have rows on a data set, in their order."""
    return tuple(dict.fromkeys(rows[rows.dataset == dataset].setting))


def _present(names, offered):
    """Return the names of two contestants; the first and the second that there are for those that there are not."""
    return [name if name in offered else offered[min(place, len(offered) - 1)] for place, name in enumerate(names)]


def _chosen(rows, dataset, measure, **settings):
    """Return the rows that did not fail, if the data set, the measure and the contestants are there."""
    rows = _checked(rows)
    shapes.chosen(dataset, "dataset", datasets_in(rows))
    shapes.chosen(measure, "measure", tuple(MEASURES))
    for name, setting in settings.items():
        shapes.chosen(setting, name, contestants(rows, dataset))
    return rows


def _checked(rows):
    import pandas as pd

    if not isinstance(rows, pd.DataFrame):
        raise TypeError(f"rows must be a table as from experiments.read, got {type(rows).__name__}")
    absent = [name for name in _NEEDED if name not in rows]
    if absent:
        raise ValueError(f"rows must be those of the bake-off; there is no column {absent[0]!r}")
    rows = rows[rows.error.isna() | (rows.error == "")]
    if rows.empty:
        raise ValueError("rows must hold at least one run that did not fail; there is none")
    return rows


# --------------------------------------------------------------------------- words


def verdict(compared, one, other):
    """Say in plain sentences, as HTML, what the pairs of the contestants called `one` and `other` say."""
    one, other, count = html.escape(one), html.escape(other), len(compared.seeds)
    if one == other:
        return "<p>This is the same contestant twice: choose another one.</p>"
    if not count:
        return f"<p><b>No pairs</b>: no seed has a run of both {one} and {other}.</p>"
    difference = np.subtract(*compared.values.T).mean()
    pairs = f"{count} pair{'s' * (count > 1)}"
    said = f"<b>{one}</b> less <b>{other}</b>: <b>{_minus(f'{difference:+.1f}')}</b> points"
    if count < 6:
        return f"<p>{said}.</p><p><b>Unresolved</b>: {pairs}, and fewer than six settle nothing.</p>"
    why = f"Student's t and flipped signs resolve {pairs}."
    if compared.verdict == "unresolved":
        why = f"not both tests resolve {pairs}. That does not make them equal."
    interval = _minus(f"{compared.low:+.1f} to {compared.high:+.1f}")
    return f"<p>{said}, 95 % interval {interval}.</p><p><b>{compared.verdict.capitalize()}</b>: {why}</p>"


def _minus(text):
    """Write true minus signs."""
    return text.replace("-", "−")


def facts(rows, dataset, setting, measure="test images"):
    """Return what a contestant costs and how well it does, name → text: the least times, the mean accuracy."""
    rows = _chosen(rows, dataset, measure, setting=setting)
    here = rows[(rows.dataset == dataset) & (rows.setting == setting)]
    counted = {"Contest": html.escape(str(here.group.iloc[0]))}
    counted |= {name: f"{int(here[column].iloc[0]):,}" for name, column in COUNTS.items()}
    timed = {name: f"{here[column].min():.1f}" for name, column in TIMES.items()}
    mean = here[MEASURES[measure]].mean()
    return counted | timed | {f"Right on {measure}": f"{mean:.1%}", "Seeds": str(here.seed.nunique())}


# --------------------------------------------------------------------------- pictures

_FRAME, _ROW = Frame(wide=460, left=64, below=44), 22


def page(rows, dataset, one, other, measure="test images"):
    """Draw what two contestants cost, every pair, the interval and the verdict."""
    compared = compare(rows, dataset, one, other, measure)
    columns = [facts(rows, dataset, setting, measure) for setting in (one, other)]
    listed = "".join(
        f"<tr><th>{name}</th><td>{columns[0][name]}</td><td>{columns[1][name]}</td></tr>" for name in columns[0]
    )
    heads = "".join(f"<th>{html.escape(setting)}</th>" for setting in (one, other))
    return (
        '<div class="pages bakeoff">'
        f"<table><thead><tr><td></td>{heads}</tr></thead><tbody>{listed}</tbody></table>"
        f"<div>{_chart(compared, one, other)}"
        f'<div class="verdict">{verdict(compared, one, other)}</div></div></div>'
    )


def _chart(compared, one, other):
    """Draw a dot for each pair's difference, and the interval of their mean below them."""
    if one == other or not len(compared.seeds):
        return ""
    differences = np.subtract(*compared.values.T)
    ends = np.array([compared.low, compared.high] if len(differences) >= 6 else [])  # fewer would say too much
    seen = np.abs(differences).max()
    reach = 1.1 * max(1.0, seen, *np.abs(ends))
    bottom = (len(differences) + 2) * _ROW

    def across(points):
        return _FRAME.across((1 + points / reach) / 2)

    parts = [f'<line x1="{across(0):.1f}" x2="{across(0):.1f}" y1="0" y2="{bottom}" class="zero"/>']
    for row, (seed, difference) in enumerate(zip(compared.seeds, differences, strict=True)):
        down = (row + 0.6) * _ROW
        said = f"<title>seed {seed}: {difference:+.2f}</title>"
        parts.append(f'<circle cx="{across(difference):.1f}" cy="{down:.1f}" r="6" class="pair">{said}</circle>')
        parts.append(svg_text(2, down + 5, "start", f"seed {seed}"))
    if len(ends):
        left, right = (f"{across(value):.1f}" for value in ends)
        down = f"{bottom - 0.7 * _ROW:.1f}"
        parts.append(f'<line class="interval" x1="{left}" x2="{right}" y1="{down}" y2="{down}"/>')
    step = next(step for step in (0.5, 1, 2, 5, 10, 20, 50, 100) if reach / step < 4)  # at most 330 points
    for tick in np.arange(-np.floor(reach / step), np.floor(reach / step) + 1) * step:
        parts.append(svg_text(across(tick), bottom + 16, "middle", _minus(f"{tick:+g}") if tick else "0"))
    parts.append(svg_text(across(0), bottom + 36, "middle", "points more than the other"))
    frame = _FRAME._replace(high=bottom + _FRAME.below)
    return frame.svg("The difference of every pair, and the interval of their mean", *parts)


# --------------------------------------------------------------------------- the panel


class BakeoffBrowser(Explorer):
    """The panel that `bakeoff_browser` makes; its controls are attributes and can be set from code."""

    title, text = "Bake-off browser", "{one} against {other}, {measure} of {dataset}"
    buttons, widths = (Button("swap", "Swap", "The other way round", "exchange"),), ("66px", "400px")

    def __init__(self, rows, dataset, one, other):
        self.rows, offered = rows, contestants(rows, dataset)
        self.controls = (
            Choice("dataset", "Data set", datasets_in(rows), listed=True),
            Choice("one", "One", offered, listed=True),
            Choice("measure", "Right on", tuple(MEASURES), listed=True),
            Choice("other", "Other", offered, listed=True),
        )
        super().__init__(dataset, one, "test images", other)

    def fit(self):
        """Offer the contestants of the data set, and keep the chosen ones where it has them."""
        offered = contestants(self.rows, self.dataset.value)
        kept = _present((self.one.value, self.other.value), offered)
        for control, value in zip((self.one, self.other), kept, strict=True):
            if control.options != offered:
                control.options, control.value = offered, value

    def show(self, dataset, one, measure, other):
        return page(self.rows, dataset, one, other, measure)

    def exchange(self):
        """Compare the other way round."""
        self.one.value, self.other.value = self.other.value, self.one.value


def bakeoff_browser(rows=None, dataset=None, one="3×3 twice, ReLU, 32 filters", other="7×7, 32 filters"):
    """Make a panel that compares two first layers of the bake-off: costs, every pair of runs, interval and verdict.

    Parameters
    ----------
    rows : pandas.DataFrame, optional
        Of your own bake-off, as from ``experiments.run``; by default the recorded ones.
    dataset : str, optional
        By default the first in the rows.
    one, other : str
        Contestants, values of the column "setting"; where the data set has no such one, its first and second.

    Raises
    ------
    TypeError, ValueError
        If the rows are not those of a bake-off, or do not hold the data set.
    FileNotFoundError
        If no rows are given and none are recorded.

    Notes
    -----
    Taught in lesson 11.
    """
    from cnnlessons import experiments

    rows = _checked(experiments.read("bakeoff") if rows is None else rows)
    dataset = shapes.chosen(datasets_in(rows)[0] if dataset is None else dataset, "dataset", datasets_in(rows))
    return BakeoffBrowser(rows, dataset, *_present((one, other), contestants(rows, dataset)))
