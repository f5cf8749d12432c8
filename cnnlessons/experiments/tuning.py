"""A learning rate for each contestant, chosen on images held out of the training part, with seeds kept for that.

Taught in lesson 09.
"""

from functools import cache
from pathlib import Path

import pandas as pd

EVIDENCE = Path(__file__).parents[2] / "data" / "evidence"
RATES = (0.001, 0.003, 0.01)
HIGHER = 0.03
PER_CLASS = 5000  # training images of each class of CIFAR-10
COMMON = {"width": 32, "batch_size": 32, "test_noise": 0.05}


def tried(settings, name):
    """Return the settings with each of `RATES`; images are held out, beside those for training if there are enough.

    With `HIGHER` too where the highest of `RATES` was the best: nobody is held below a rate that would suit it.
    """
    found = [_at(setting, rate) for setting in settings for rate in RATES]
    means = _means(file(name))
    return found + [_at(setting, HIGHER) for setting in settings if _best(means.get(_place(setting))) == RATES[-1]]


def _at(setting, rate):
    return setting | {"group": "rates", "rate": rate, "test_per_class": 1} | _held_out(setting["per_class"])


def _place(setting):
    return setting["dataset"], _held_out(setting["per_class"])["per_class"], setting["setting"]


def _held_out(per_class):
    held = min(max(50, per_class // 5), PER_CLASS // 10)
    return {"validation": held, "per_class": min(per_class, PER_CLASS - held)}


def seeds(setting):
    """Return the seeds on which rates are chosen: fewer where a run takes long and many images are held out."""
    return range(100, 103 if setting["per_class"] < 100 else 102 if setting["per_class"] < PER_CLASS * 9 // 10 else 101)


def file(name):
    """Return where the rows are kept on which the rates of an experiment were chosen."""
    return EVIDENCE / f"{name}_rates.csv"


def chosen(path):
    """Return the rate with the best mean accuracy on the images held out, by (dataset, per_class of `tried`, setting).

    A contestant is left out until every rate that is to be tried has its seeds.
    """
    means = _means(path)
    best = {place: rate for place, mean in means.items() if (rate := _best(mean)) is not None}
    complete = [place for place, rate in best.items() if rate != RATES[-1] or HIGHER in means[place]]
    return {place: max(means[place], key=means[place].get) for place in complete}


@cache
def _means(path):
    """Return rate → mean accuracy, of the rates that have all their seeds, by place as `chosen` has it."""
    if not path.is_file():
        return {}
    rows = pd.read_csv(path, keep_default_na=False)
    names, found = ["dataset", "per_class", "setting"], {}
    for (*place, rate), tries in rows[rows.error == ""].groupby([*names, "rate"]):
        if len(tries) == len(seeds(dict(zip(names, place, strict=True)))):
            found.setdefault(tuple(place), {})[float(rate)] = tries.accuracy.mean()
    return found


def _best(means):
    """Return the best of `RATES`, or None until all have their seeds."""
    return max(RATES, key=means.get) if means and set(RATES) <= set(means) else None


def read_anew():
    """Forget what was read: rows have been added."""
    _means.cache_clear()


def with_rates(settings, name, families):
    """Return the settings with their rates, without those that have none yet; `families` names whose rate one takes."""
    rates = chosen(file(name))
    given = [rates.get(_place(each | {"setting": families(each)})) for each in settings]
    return [each | {"rate": rate} for each, rate in zip(settings, given, strict=True) if rate is not None]


def planned(name, contestants):
    """Return the settings of an experiment where each has its own rate: as they are, and for half as long again."""
    found = [each | {"group": name, "validation": 0} for each in contestants]
    longer = [each | {"group": "longer", "epochs": each["epochs"] * 3 // 2} for each in found]
    return with_rates(found + longer, name, lambda setting: setting["setting"])
