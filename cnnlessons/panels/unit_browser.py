"""Unit browser: what excites a unit of a recorded network, and what excites its untrained twin."""

import html
from functools import cache, lru_cache
from statistics import mode
from typing import NamedTuple

import numpy as np

from cnnlessons import datasets, introspection, recorded
from cnnlessons.introspection import Unit
from cnnlessons.panels._drawings import coloured, figure, image, legend, photograph, signed_scale
from cnnlessons.panels._explorer import Button, Choice, Explorer, Flag, Whole, check

SIDE = 96  # pixels of the photograph
OWN = "your own"
NETWORKS = {"photographs": "photo_patches", "digits": "digits", "lines": "lines"}
LAYERS = {"first": "batchnorm_1", "second": "batchnorm_5", "third": "batchnorm_9"}  # each just before its ReLU
TWIN = Flag("twin", "Untrained twin", ("untrained", "trained"))


def controls(filters, own=False):
    """Return the controls, for a layer with so many units."""
    return (
        Choice("network", "Network", NETWORKS),
        Choice("layer", "Layer", LAYERS),
        Whole("unit", "Unit", 0, filters - 1, live=False),
        Choice("photograph", "Photo", (*((OWN,) if own else ()), *datasets.photographs()), listed=True),
        TWIN,
    )


# --------------------------------------------------------------------------- numbers


def place_of(layer):
    """Return which layer of its network this is, from 0: its name ends with that."""
    return int(layer.split("_")[1])


def photo_of(name, own):
    """Return one of the course's photographs, or the reader's own, as the panel shows it."""
    return own if name == OWN else photograph(name, size=SIDE)


class Setting(NamedTuple):
    """A unit of a network, and what it looks at, in the order of the controls."""

    network: str = "photo_patches"
    layer: str = "batchnorm_5"
    unit: int = 0
    photograph: str = "chelsea"
    twin: bool = False


class Found(NamedTuple):
    """What `find` found; pictures have brightness from 0 to 1."""

    patches: np.ndarray  # (9, h, w, C), the strongest first
    values: np.ndarray  # (9,)
    labels: list  # of the nine images, in words
    made: np.ndarray  # (h, w, C): what a unit in the middle of the map sees of the picture made for it
    excited: float  # how strongly the unit answers to that
    map: np.ndarray  # (h', w'), of the photograph


@cache
def images_of(network):
    """Return test images of a network, and the name of each one's class."""
    few = {"per_class": 1, "test_per_class": 15} if network == "photo_patches" else {}
    data = datasets.load(network, **few)
    return data.test_images[:150], [data.class_names[label] for label in data.test_labels[:150]]


@cache
def network_of(network, twin):
    """Return a recorded network, or the same with weights drawn anew."""
    trained = recorded.trained_network(network)
    return introspection.randomised(trained, images_of(network)[0]) if twin else trained


@lru_cache(maxsize=64)
def excites(setting):
    """Return the top patches of a unit, and what `introspection.maximise` makes for it; no photograph is asked for."""
    net, (images, _) = network_of(setting.network, setting.twin), images_of(setting.network)
    unit, rng = Unit(setting.layer, setting.unit), np.random.default_rng(0)
    looks = {"centre": float(images.mean()), "rms": float(images.std()), "blur": 0.5}
    start = looks["centre"] + rng.normal(size=images[:1].shape)
    return introspection.top_patches(net, unit, images), introspection.maximise(net, unit, start, 40, **looks)


def map_of(setting, photo):
    """Return a unit's map (h, w) of a photograph (H, W, 3): a convolution does not mind how large an image is."""
    net = network_of(setting.network, setting.twin)
    maps = photo[None] if net.input_shape[2] == 3 else photo.mean(axis=2, keepdims=True)[None]
    maps = maps.astype(np.float32)
    for layer in net.layers[: place_of(setting.layer) + 1]:
        maps = layer.forward(maps)
    return maps[0, :, :, setting.unit]


def find(setting, photo=None):
    """Find all that the page shows; `photo` (H, W, 3) stands in for one of the course's photographs."""
    net, (images, classes) = network_of(setting.network, setting.twin), images_of(setting.network)
    *sides, filters = net.output_shapes[place_of(setting.layer)]
    check(controls(filters, photo is not None), setting)
    best, made = excites(setting._replace(photograph=""))
    top, left, height, width = introspection.window(net, setting.layer, tuple(side // 2 for side in sides))
    photo = photo_of(setting.photograph, photo)
    return Found(
        patches=best.cut(images),
        values=best.values,
        labels=[classes[index] for index in best.indices],
        made=made.images[0, top : top + height, left : left + width],
        excited=float(made.values[0]),
        map=map_of(setting, photo if photo.ndim == 3 else np.stack([photo] * 3, axis=2)),
    )


# --------------------------------------------------------------------------- words and pictures


def verdict(found):
    """Say how alike the nine are, and how much stronger the made picture is."""
    common = mode(found.labels)  # of two as common, the one of the stronger patch
    text = f"{found.labels.count(common)} of the 9 are of one class, {html.escape(common)}. "
    return f"{text}The made picture excites the unit {found.excited / max(found.values[0], 1e-9):.1f} times as much."


def page(setting, found, photo):
    """Draw the nine strongest patches, the made picture, the photograph and its map."""
    patches = "".join(
        f'<figure>{image(patch, label)}<div class="below">{value:.1f}</div></figure>'
        for patch, value, label in zip(found.patches, found.values, found.labels, strict=True)
    )
    scale = signed_scale(found.map)
    size = "×".join(map(str, found.patches.shape[1:3]))
    below = legend(scale, "before the ReLU, which cuts what is blue")
    figures = (
        figure(f"Its nine strongest patches, {size} pixels", f'<div class="nine">{patches}</div>'),
        figure("What excites it most", image(found.made, "Made picture")),
        figure("Photograph", image(photo, "Photograph")),
        figure("Its map", image(coloured(found.map, scale), "Map of the photograph") + below),
    )
    said = f"{'Untrained' if setting.twin else 'Trained'}: {verdict(found)}"
    return f'<div class="said">{said}</div><div class="units">{"".join(figures)}</div>'


# --------------------------------------------------------------------------- the panel


class UnitBrowser(Explorer):
    """The panel that `unit_browser` makes; its controls are attributes and can be set from code."""

    title, text = "Unit browser", "unit {unit} of {layer}, {network}, {twin}, on photograph {photograph}"
    buttons, goes_on = (Button("next", "Next unit", "One unit forward", icon="chevron-right"),), "unit"

    def __init__(self, own, *start):
        self._own, self.controls = own, controls(64, own is not None)
        super().__init__(*start)

    def show(self, *values):
        setting = Setting(*values)
        return page(setting, find(setting, self._own), photo_of(setting.photograph, self._own))

    def fit(self):
        """Offer as many units as the layer has."""
        net = network_of(self.network.value, False)
        self.unit.end_at(net.output_shapes[place_of(self.layer.value)][2] - 1)


def unit_browser(network="photo_patches", layer="batchnorm_5", unit=0, photo="chelsea", twin=False):
    """Make a panel that shows what excites a unit of a recorded network, and what excites its untrained twin.

    Parameters
    ----------
    network : {"photo_patches", "digits", "lines"}
    layer : {"batchnorm_1", "batchnorm_5", "batchnorm_9"}
    unit : int
        A channel of the layer.
    photo : str, Path or bytes
        One of ``datasets.photographs()``, or a picture file of your own.
    twin : bool
        Whether the network has random weights.

    Notes
    -----
    Taught in lesson 12.
    """
    own = None if photo in datasets.photographs() else datasets.photograph(photo, size=SIDE)
    setting = Setting(network, layer, unit, photo if own is None else OWN, twin)
    check((*controls(1)[:2], TWIN), (network, layer, twin))
    find(setting, own)  # refuses what there is not
    return UnitBrowser(own, *setting)
