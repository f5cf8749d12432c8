"""The experiment "first_layers": first layers learned from three starts, handcrafted, frozen or mixed.

A *place* is a data set with a number of images; there each contestant is trained at a rate that was chosen for it, see
`tuning`. Taught in lesson 09.
"""

import numpy as np

from cnnlessons.experiments import classification, kept, tuning


def train_first_layer(*, stem, bank, length, share, filters, frozen, body, train_noise, size=5, width=32, **run):
    """Train a classifier with one kind of first layer, and measure it: a run of "first_layers". Taught in lesson 09.

    `stem` is a function of `stems` ("learned", "fixed", "split", "pass_through", "edge_biased" or "basis"); `bank`,
    `length`, `share`, `filters` and `size` are its arguments. `bank` may also be "components", the principal components
    of the training images; "another seed" or "another data set": kernels that "learned, Glorot" learned here from the
    seed before, or at another place from the same one. `frozen` is for the first third of the epochs. `body` and
    `width` are those of `models.classifier`, the rest is that of `classification.InThirds`.

    "drift" is how far the trained filters have moved in the end, on average; "parameters" are those that are trained.
    """
    from cnnlessons import models, stems

    run = classification.InThirds(**run)
    place = {"dataset": run.dataset, "per_class": run.per_class, "epochs": run.epochs}
    kernel = _kernel(bank, run.data.train_images, filters, size, place, run.seed)
    made = classification.stem(stem, kernel, length=length, share=share, filters=filters, size=size, seed=run.seed)
    model = models.classifier(made, *run.shape, width, run.seed, body=body)
    found, _ = run.train_and_watch(model, frozen, train_noise=train_noise)
    if (run.setting, run.group) == (_SOURCE, "headline"):
        kept.write(_key(place, run.rate, run.seed), {"kernel": stems.convolutions(model)[0].get_weights()[0]})
    return found | {"parameters": classification.trained_parameters(model), "data": run.checksum}


# --------------------------------------------------------------------------- kernels that were learned elsewhere

_SOURCE = "learned, Glorot"


def _kernel(bank, images, filters, size, place, seed):
    """Return what `bank` stands for: a name that `stems` knows, or a kernel."""
    if bank == "components":
        from cnnlessons import stems

        return stems.principal_components(images, filters, size)
    if bank == "another seed":
        return _learned(place, (seed - 1) % 10)
    if bank == "another data set":
        return _learned(_OTHER[place["dataset"]], seed)
    return bank


def _learned(place, seed):
    """Return the kernel, each filter of norm 1, that `_SOURCE` learned at a place; made there if it is not kept yet."""
    wanted = {"setting": _SOURCE, "group": "headline", "dataset": place["dataset"], "per_class": place["per_class"]}
    source = next((each for each in settings() if wanted.items() <= each.items()), None)
    if source is None:
        raise ValueError(f"the rate of {_SOURCE!r} is not chosen yet for {place['per_class']} of {place['dataset']}")
    path = kept.file(_key(place, source["rate"], seed))
    if not path.is_file():
        train_first_layer(**source | place, seed=seed)  # for as many epochs as those that ask for it
        classification.begin(seed)
    with np.load(path) as file:
        kernel = file["kernel"]
    return kernel / np.sqrt(np.square(kernel).sum((0, 1, 2)))


def _key(place, rate, seed):
    return "_".join(["first_layer", *map(str, place.values()), str(rate), str(seed)])


# --------------------------------------------------------------------------- what is trained, where, and at which rate

# What the row is called, the function of `stems`, bank, length, share, filters, frozen at first, body, noise in
# training, and whose rate it takes (None: its own).
_NAMES = ("setting", "stem", "bank", "length", "share", "filters", "frozen", "body", "train_noise", "rate")
_WORD = {"glorot": "Glorot", "he": "He", "small": "small"}


def _one(setting, stem, bank, length=None, share=None, filters=32, frozen=False, body="plain", noise=0.0, rate=None):
    return dict(zip(_NAMES, (setting, stem, bank, length, share, filters, frozen, body, noise, rate), strict=True))


def _from_start(length):
    """Return what is trained from one length of the filters, the first two at a rate of their own."""
    word, at_learned, at_start = _WORD[length], f"learned, {_WORD[length]}", f"Gabor start, {_WORD[length]}"
    return [
        _one(at_learned, "learned", "random", length),
        _one(at_start, "learned", "gabor", length),
        _one(f"Gabor start frozen first, {word}", "learned", "gabor", length, frozen=True, rate=at_start),
        _one(f"1/2 Gabor, {word}", "split", "gabor", length, 0.5, rate=at_learned),
    ]


def _fixed(name, bank, rate="fixed Gabor", **options):
    return _one(f"fixed {name}", "fixed", bank, rate=rate, **options)


HEADLINE = [
    *_from_start("glorot"),
    *_from_start("he"),
    *_from_start("small"),
    _fixed("Gabor", "gabor", None),
    _one("Gabor and channels", "pass_through", "gabor", rate="fixed Gabor"),
    _fixed("random colours", "random colours"),
    _one("learned, Glorot, noise in training", "learned", "random", "glorot", noise=0.05, rate=_SOURCE),
    _fixed("Gabor, noise in training", "gabor", noise=0.05),
    _fixed("DCT", "dct", None),
]

CONTROLS = [
    _fixed("random", "random", None),
    _fixed("grey Gabor", "grey gabor"),
    _fixed("derivatives", "derivatives"),
    _fixed("lines and curves", "lines+curves"),
    _fixed("components", "components"),
    _fixed("another seed's", "another seed"),
    _fixed("another data set's", "another data set"),
    _one("DCT as a basis", "basis", "dct", "glorot", rate=None),
    _one("edge-biased, small", "edge_biased", "derivatives", "small", 0.5, rate="learned, small"),
    _one("1/4 Gabor, Glorot", "split", "gabor", "glorot", 0.25, rate=_SOURCE),
    _one("3/4 Gabor, Glorot", "split", "gabor", "glorot", 0.75, rate=_SOURCE),
    _one("32 learned and 4 Gabor", "split", "gabor", "glorot", 4 / 36, 36, rate=_SOURCE),
    _one("32 learned and 8 Gabor", "split", "gabor", "glorot", 8 / 40, 40, rate=_SOURCE),
    _one("36 learned", "learned", "random", "glorot", filters=36, rate=_SOURCE),
    _one("40 learned", "learned", "random", "glorot", filters=40, rate=_SOURCE),
    _one("learned, dense on top", "learned", "random", "glorot", body="dense"),
    _one("fixed Gabor, dense on top", "fixed", "gabor", body="dense", rate="learned, dense on top"),
]

# The headline at all of CIFAR-10, with half as many epochs again, and with another body.
_FEW = (
    *("learned, Glorot", "learned, He", "learned, small", "Gabor start, Glorot", "Gabor start frozen first, Glorot"),
    *("1/2 Gabor, Glorot", "fixed Gabor", "Gabor and channels", "fixed random colours"),
)

PLACES = [
    dict(zip(("dataset", "per_class", "test_per_class", "epochs", "flips"), place, strict=True))
    for place in (
        ("photo_patches", 25, 200, 48, False),
        ("photo_patches", 400, 200, 12, False),
        ("cifar10", 1000, 500, 12, True),
        ("mnist", 200, 200, 12, False),
        ("spectrograms", 400, 100, 12, False),
        ("cifar10", 5000, 500, 6, True),
    )
]
_OTHER = {
    "photo_patches": {"dataset": "cifar10", "per_class": 1000, "epochs": 12},
    "cifar10": {"dataset": "photo_patches", "per_class": 400, "epochs": 12},
    "mnist": {"dataset": "spectrograms", "per_class": 400, "epochs": 12},
    "spectrograms": {"dataset": "mnist", "per_class": 200, "epochs": 12},
}

_COMMON = {"size": 5} | tuning.COMMON


_IN_COLOUR = ("fixed derivatives", "fixed components")  # there are fewer than 32 of them in one channel


def _contestants(place):
    if place["per_class"] == 5000:
        return [each for each in HEADLINE if each["setting"] in _FEW]
    left_out = _IN_COLOUR if place["dataset"] in ("mnist", "spectrograms") else ()
    return [each for each in HEADLINE + CONTROLS if each["setting"] not in left_out]


def tried():
    """Return the settings on which rates are chosen: every contestant with a rate of its own, at every place."""
    settings = [each | place | _COMMON for place in PLACES for each in _contestants(place) if each["rate"] is None]
    return tuning.tried(settings, "first_layers")


def settings():
    """Return the settings of "first_layers" at the places whose rates are chosen: the headline first."""
    usual, largest = PLACES[:-1], PLACES[-1:]
    few = [each for each in HEADLINE if each["setting"] in _FEW]
    groups = [("headline", HEADLINE, usual, 1, "plain"), ("longer", few, usual, 1.5, "plain")]
    groups += [("all images", few, largest, 1, "plain"), ("all images, longer", few, largest, 1.5, "plain")]
    groups += [("controls", CONTROLS, usual, 1, None), ("second body", few, usual[1:2], 1, "residual")]
    found = []
    for group, contestants, places, longer, body in groups:
        for place in places:
            here = [each for each in contestants if each in _contestants(place)]
            changed = {"group": group, "validation": 0, "epochs": round(longer * place["epochs"])}
            found += [each | place | changed | ({"body": body} if body else {}) | _COMMON for each in here]
    return tuning.with_rates(found, "first_layers", lambda setting: setting["rate"] or setting["setting"])
