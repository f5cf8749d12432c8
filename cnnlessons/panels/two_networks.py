"""Two networks side by side: the same image, the same layer, both maps and how far they are apart."""

import html

import numpy as np

from cnnlessons import gradcheck, plots
from cnnlessons.panels._drawings import Scale, coloured, signed_scale
from cnnlessons.panels._explorer import Button, Choice, Explorer, Whole

# --------------------------------------------------------------------------- numbers and pictures


def map_of(activations, channel):
    """Return one channel of a layer's output for one image as a 2-D map; the outputs of a dense layer are one row."""
    return activations[0, :, :, channel] if activations.ndim == 4 else activations


def channels(activations):
    """Return how many maps a layer's output has: C, or 1 for a dense layer."""
    return activations.shape[3] if activations.ndim == 4 else 1


def page(image, left, right, layer, channel=0, names=("NumPy", "Keras")):
    """Draw an image, one map of each network in colours, and say how far the whole layer's outputs are apart.

    `left` and `right` are each network's activations for that image alone, by the name of the layer.
    """
    pair = [_layer(activations, layer, name) for activations, name in zip((left, right), names, strict=True)]
    if pair[0].shape != pair[1].shape:
        raise ValueError(f"outputs of {layer!r} must have one shape, got {pair[0].shape} and {pair[1].shape}")
    if not 0 <= channel < channels(pair[0]):
        raise ValueError(f"channel must be from 0 to {channels(pair[0]) - 1} in {layer!r}, got {channel}")
    maps = [map_of(activations, channel) for activations in pair]
    scale = signed_scale(maps)
    drawn = "".join(_figure(title, _cells(values, scale)) for title, values in zip(names, maps, strict=True))
    gray = np.asarray(image, float).mean(axis=-1)
    return (
        f'<div class="two">{_figure("the image", _cells(gray, Scale(0.0, 1.0, plots.PHOTOGRAPH)))}{drawn}</div>'
        f"<p>{html.escape(sentence(*pair, layer))}</p>"
    )


def sentence(left, right, layer):
    """Say how far two outputs of one layer are apart."""
    error = gradcheck.relative_error(left, right)
    if error == 0:
        return f"{layer}: all {left.size:,} numbers are equal to the last bit."
    return f"{layer}: of {left.size:,} numbers, the largest difference is {error:.0e} of the largest number."


def _layer(activations, layer, name):
    if layer not in activations:
        raise ValueError(f"{name} has no layer {layer!r}; its layers are: {', '.join(activations)}")
    return np.asarray(activations[layer])


def _cells(values, scale):
    """Return small squares of colour, one a number, which shows when the mouse rests there."""
    table = coloured(values, scale)  # (H, W, 3)
    squares = "".join(
        f'<i title="{number:.3g}" style="background: rgb({r},{g},{b})"></i>'
        for number, (r, g, b) in zip(values.ravel(), table.reshape(-1, 3).tolist(), strict=True)
    )
    return f'<div class="cells" style="grid-template-columns: repeat({values.shape[1]}, 1fr)">{squares}</div>'


def _figure(title, cells):
    return f"<figure>{cells}<figcaption>{html.escape(title)}</figcaption></figure>"


# --------------------------------------------------------------------------- the panel


class TwoNetworks(Explorer):
    """The panel that `two_networks` makes; its controls are attributes and can be set from code."""

    title, text = "Two networks", "{names}, layer {layer}, map {channel}"
    buttons, goes_on = (Button("next", "Next image", "One step forward"),), "image"
    columns, place, widths = 3, 1, ("60px", "300px")

    def __init__(self, networks, images):
        self._networks, self._images, self._ran = networks, images, None
        self._run(0)
        layer_names = tuple(name for name in self._left if name in self._right)
        self.controls = (
            Whole("image", "Image", 0, len(images) - 1, live=False),
            Choice("layer", "Layer", layer_names, listed=True),
            Whole("channel", "Map", 0, channels(self._left[layer_names[0]]) - 1),
        )
        super().__init__(0, layer_names[0], 0)

    def said(self):
        return super().said() | {"names": " and ".join(self._networks)}

    def _run(self, index):
        if index != self._ran:
            self._left, self._right = (network(self._images[index : index + 1]) for network in self._networks.values())
            self._ran = index

    def fit(self):
        """Offer as many maps as the layer has."""
        self._run(self.image.value)
        self.channel.end_at(channels(self._left[self.layer.value]) - 1)

    def show(self, image, layer, channel):
        return page(self._images[image], self._left, self._right, layer, channel, tuple(self._networks))


def two_networks(networks, images):
    """Show one image in two networks, layer by layer and map by map.

    Parameters
    ----------
    networks : dict of str to function
        Two of them. Each takes images (1, H, W, C) and returns its activations by the name of the layer; at least one
        name is in both.
    images : ndarray, shape (N, H, W, C)

    Notes
    -----
    Taught in lesson 07.
    """
    if not isinstance(networks, dict) or len(networks) != 2 or not all(map(callable, networks.values())):
        raise ValueError(f'networks must be two functions by name, got {networks}; write {{"ours": f, "theirs": g}}')
    images = np.asarray(images)
    if images.ndim != 4 or not len(images):
        raise ValueError(f"images must have shape (N, H, W, C), got {images.shape}; for one image write image[None]")
    left, right = (network(images[:1]) for network in networks.values())
    if not set(left) & set(right):
        raise ValueError(f"networks must have a layer name in common, got {', '.join(left)} and {', '.join(right)}")
    return TwoNetworks(dict(networks), images)
