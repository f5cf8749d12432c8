"""What excites a unit: the patches that it answers to most, and an image made to excite it."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from cnnlessons import shapes
from cnnlessons.introspection.maps import gradient, places_of
from cnnlessons.introspection.networks import Unit, activations, checked_unit, opened, window


class TopPatches(NamedTuple):
    """What a unit answers to most, the strongest first."""

    indices: np.ndarray  #: (count,) of int: which images
    places: np.ndarray  #: (count, 2) of int: where in the feature map
    windows: list  #: of (top, left, height, width): the pixels that it sees there
    values: np.ndarray  #: (count,): how strongly it answers

    def cut(self, images):
        """Return the patches, cut out of the images, each of them with as many pixels as the largest of the windows."""
        sizes = [max(window[axis] for window in self.windows) for axis in (2, 3)]
        found = []
        for index, (top, left, _, _) in zip(self.indices, self.windows, strict=True):
            top, left = (min(at, n - size) for at, n, size in zip((top, left), images.shape[1:3], sizes, strict=True))
            found.append(images[index, top : top + sizes[0], left : left + sizes[1]])
        return np.stack(found)


def top_patches(model, unit, images, count=9):
    """Find the images that a unit answers to most, each at its strongest place.

    They come as `TopPatches`. Look at those of an untrained network beside them, see `randomised`. Taught in lesson 12.
    """
    net = opened(model)
    layer, channel, _ = checked_unit(net, unit)
    count = min(shapes.whole_number(count, "count", 1), len(images))
    outputs = activations(model, images, [layer])[layer]
    outputs = outputs.reshape(len(outputs), *([1, 1] if outputs.ndim == 2 else outputs.shape[1:3]), -1)
    rows, columns = places_of(outputs, unit)
    values = outputs[np.arange(len(outputs)), rows, columns, channel]
    best = np.argsort(-values, kind="stable")[:count]
    places = np.stack([rows, columns], axis=1)[best]
    windows = [window(model, layer, tuple(map(int, place))) for place in places]
    return TopPatches(best, places, windows, values[best])


class Maximised(NamedTuple):
    """What `maximise` returns: images made to excite a unit."""

    images: np.ndarray  #: (N, H, W, C)
    values: np.ndarray  #: (N,): how strongly it answers
    moved: np.ndarray  #: (N,) of bool: whether there was a gradient to follow at the start


def maximise(model, unit, start, steps=60, rate=0.3, rms=1.0, centre=0.0, blur=0.0, jitter=0, seed=0):
    """Climb from some images to images that a unit answers to more strongly, with as much contrast as they may have.

    D. Erhan et al., "Visualizing higher-layer features of a deep network" (2009); C. Olah et al., "Feature
    visualization" (2017). It shows what this network answers to, not what a class looks like. Taught in lesson 12.

    Parameters
    ----------
    model : network.Sequential or keras.Model
    unit : Unit
        Not behind a ReLU: where that is closed there is no way up. Without a place, the middle of the map is meant.
    start : ndarray, shape (N, H, W, C)
        Such as noise around `centre`; each is climbed from by itself.
    rate : float
        Length of a step, as a share of what the image may have.
    rms, centre : float
        After each step every image is scaled so that its root mean square about `centre` is `rms`. Take those of the
        images that the network knows.
    blur : float
        Standard deviation in pixels of the blur of each step: without it what is found is mostly grain.
    jitter, seed : int
        How many pixels the image is moved at random before each step, and back after it.
    """
    net = opened(model)
    layer, channel, place = checked_unit(net, unit)
    _refuse_relu(net, layer)
    if len(net.outputs[layer]) == 3 and place is None:
        unit = Unit(layer, channel, tuple(side // 2 for side in net.outputs[layer][:2]))
    rng, found, moved = np.random.default_rng(shapes.whole_number(seed, "seed", 0)), np.array(start, float), None
    for _ in range(shapes.whole_number(steps, "steps", 1)):
        shift = tuple(rng.integers(-jitter, jitter, 2, endpoint=True))
        step = gradient(model, np.roll(found, shift, (1, 2)), unit)
        step = np.roll(step, (-shift[0], -shift[1]), (1, 2)).astype(float)
        moved = _lengths(step)[:, 0, 0, 0] > 0 if moved is None else moved
        step = ndimage.gaussian_filter(step, (0, blur, blur, 0)) if blur else step
        found = found - centre + rate * rms * step / np.maximum(_lengths(step), 1e-12)
        found = centre + rms * found / np.maximum(_lengths(found), 1e-12)
    outputs = activations(model, found, [layer])[layer]
    values = outputs[:, channel] if outputs.ndim == 2 else outputs[:, unit.place[0], unit.place[1], channel]
    return Maximised(found, values, moved)


def _lengths(images):
    return np.sqrt((images**2).mean(axis=(1, 2, 3), keepdims=True))


def _refuse_relu(net, layer):
    """Say which layer to take where a ReLU or a pool behind one is asked for."""
    name = layer
    while not net.is_relu(name):
        if net.has_weights(name) or (name := net.before(name)[0]) is None:
            return
    raise ValueError(
        f"unit must not lie behind a ReLU: where that is closed, as in most starts, there is nothing to follow; "
        f"take the layer before {name!r} instead of {layer!r}"
    )
