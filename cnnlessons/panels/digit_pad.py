"""Digit pad: draw a digit, and see what a network of lesson 04 sees of it, and what it answers."""

import html
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import anywidget
import ipywidgets as widgets
import numpy as np
from scipy.spatial import KDTree
from scipy.special import softmax
from traitlets import Int, List

from cnnlessons import datasets, ops, plots
from cnnlessons.layers import Conv2D
from cnnlessons.network import Sequential
from cnnlessons.panels._drawings import Scale, figure, image, levels, signed_scale
from cnnlessons.panels._panel import Page, Panel, classed

SHAPE = (8, 8, 1)  # of one image of `datasets.load("digits")`
MOST_MAPS, SHOWN = 32, 8  # feature maps and hard test digits for which there is room

# --------------------------------------------------------------------------- from strokes to an image

# The digits of the data set went through the normalisation of NIST's form reader (M. Garris and others, NISTIR 5469,
# 1994), and so must a drawing. In 32 × 32 black or white pixels it is stretched to the full height and to 20 columns,
# its lines are made thinner or thicker until there is a certain amount of ink, and it is sheared until the left ends
# of its first and its last rows stand above each other. Then the ink in each 4 × 4 pixels is counted.
_SIDE, _WIDTH = 32, 20
_INK = 313  # black pixels: the mean of the training images
_MOST_STRETCH = 2  # of one direction against the other, or a 1 without a flag would become a block
_CENTRES = np.argwhere(np.ones((_SIDE, _SIDE))) + 0.5  # (1024, 2)


def as_image(strokes):
    """Return a drawing in the form of the digits that the network learned from.

    Parameters
    ----------
    strokes : sequence of array_like, each of shape (N, 2)
        The points of each line, (row, column), both from 0, top and left, to 1.

    Returns
    -------
    ndarray, shape (8, 8, 1), of float32 in [0, 1]
        In steps of 1/16, as the training images; zeros if nothing is drawn.

    Raises
    ------
    TypeError, ValueError
        If a stroke has another shape, or numbers that are not finite.
    """
    strokes = [_checked_stroke(stroke, number) for number, stroke in enumerate(strokes)]
    if not strokes:
        return np.zeros(SHAPE, np.float32)
    step = np.ptp(np.concatenate(strokes), axis=0).max() / 100
    points = np.concatenate([_dense(stroke, step) for stroke in strokes])
    ink = _upright(_inked(points - (points.min(0) + points.max(0)) / 2))  # (32, 32) of bool
    return ink.reshape(8, 4, 8, 4).mean((1, 3), dtype=np.float32)[..., np.newaxis]


def _checked_stroke(stroke, number):
    stroke = ops.finite(stroke, f"strokes[{number}]", "(N, 2)")
    if stroke.ndim != 2 or stroke.shape[1] != 2 or not len(stroke):
        raise ValueError(
            "strokes must be a list of lines, each of points (row, column) in an array of shape (N, 2), got shape "
            f"{stroke.shape} in strokes[{number}]; a single line is [line]"
        )
    return stroke


def _dense(stroke, step):
    """Put points between those of a line, `step` or less apart."""
    counts = np.ceil(np.abs(np.diff(stroke, axis=0)).max(1) / (step or 1)).astype(int)
    between = [
        start + np.arange(count)[:, np.newaxis] / count * (end - start)
        for (start, end), count in zip(pairwise(stroke), counts, strict=True)
        if count
    ]
    return np.concatenate([*between, stroke[-1:]])


def _inked(points):
    """Return the pixels near to points, which lie around (0, 0), once they fill the frame: (32, 32) of bool."""
    extent, pen = np.ptp(points, axis=0), 4.0
    for _ in range(3):  # the thicker the pen, the smaller the room for the points, and the more ink a pixel of pen
        scale = np.array([_SIDE - pen, _WIDTH - pen]).clip(1) / extent.clip(1e-6)
        away = KDTree(points * np.minimum(scale, _MOST_STRETCH * scale[::-1]) + _SIDE / 2).query(_CENTRES)[0]
        pen = 2 * np.partition(away, _INK)[_INK]
    return (away < pen / 2).reshape(_SIDE, _SIDE)


def _upright(ink):
    """Shift the rows so that the left ends of the first two and the last two with ink stand above each other."""
    # NIST looked at one row, in which a bar that is not quite level has its left end anywhere.
    rows = np.flatnonzero(ink.any(1))
    first, last = rows[[0, -1]]
    ends = ink[first : first + 2].any(0).argmax(), ink[last - 1 : last + 1].any(0).argmax()
    lean = (ends[0] - ends[1]) / max(1, last - first - 1)  # columns a row
    shifts = np.rint(lean * (np.arange(_SIDE) - (first + last) / 2)).astype(int)
    wide = np.pad(ink, ((0, 0), (_SIDE, _SIDE)))
    return np.array([np.roll(row, shift) for row, shift in zip(wide, shifts, strict=True)])[:, _SIDE:-_SIDE]


# --------------------------------------------------------------------------- from an image to an answer


class Reading(NamedTuple):
    """What a network makes of one image."""

    probabilities: np.ndarray  #: (10,), softmax of the scores
    maps: np.ndarray | None  #: (H, W, F), outputs of the first convolution; None if there is none

    @property
    def answer(self):
        """The most probable digit."""
        return int(self.probabilities.argmax())


def read(network, image):
    """Return a network's `Reading` of an image (8, 8, 1)."""
    require_reader(network)
    image = ops.finite(image, "image", "(8, 8, 1)")
    if image.shape != SHAPE:
        raise ValueError(f"image must have shape (8, 8, 1), as `as_image` makes it, got {image.shape}")
    return Reading(probabilities(network, image[np.newaxis])[0], _first_maps(network, image[np.newaxis]))


def require_reader(network):
    """Make sure that a network takes the images of the digits and has ten scores, or say what is to be done."""
    if not isinstance(network, Sequential):
        raise TypeError(
            "network must be a cnnlessons.network.Sequential, or a Keras model of layers that it has too, "
            f"got a {type(network).__name__}"
        )
    if network.input_shape is None:
        remedy = "train it, or write Sequential(layers, (8, 8, 1))"
        raise ValueError(f"network must be built, got one without weights; {remedy}")
    if network.input_shape != SHAPE:
        raise ValueError(
            f"network must take images of shape (8, 8, 1), which the drawing is made into, got {network.input_shape}; "
            'build it for them and train it on datasets.load("digits")'
        )
    if network.output_shape != (10,):
        raise ValueError(
            f"network must have ten scores an image, one for each digit, got shape {network.output_shape}; "
            "let it end in Flatten() and Dense(10)"
        )


def hardest(shares, labels):
    """Return the indices of labelled images, from the one whose right digit was the least probable; shares (N, 10)."""
    return np.argsort(shares[np.arange(len(labels)), labels], kind="stable")


def probabilities(network, images):
    """Return the softmax of a network's scores: (N, 8, 8, 1) -> (N, 10)."""
    scores = network.predict(images)
    if not np.isfinite(scores).all():
        remedy = "it has diverged; build and train it anew"
        raise ValueError(f"network must have finite scores, got NaN or infinity: {remedy}")
    return softmax(scores, axis=1)


def _first_maps(network, images):
    for layer in network.layers:
        if np.ndim(images) != 4:
            return None
        images = layer.forward(images.astype(network.dtype, copy=False), False)
        if isinstance(layer, Conv2D):
            return images[0]
    return None


# --------------------------------------------------------------------------- what is written


def verdict(reading, told=""):
    """Say the answer large, how probable it is, and what comes next, as HTML."""
    if reading is None:
        return '<b class="digit waiting">?</b><p>Nothing is drawn yet.</p>'
    second, first = np.argsort(reading.probabilities, kind="stable")[-2:]
    share, rest = reading.probabilities[first], reading.probabilities[second]
    lines = [
        "not sure:" if share < 0.5 else "",
        f"{share:.1%}" if share < 0.9995 else "over 99.9%",
        f"next {_a(second)}, {rest:.1%}" if rest >= 0.0005 else "",
        html.escape(told),
    ]
    return f'<b class="digit">{first}</b><p>{"<br>".join(filter(None, lines))}</p>'


def bars(reading):
    """Draw the ten probabilities as a table with bars."""
    shares = np.zeros(10) if reading is None else reading.probabilities
    rows = "".join(
        f'<tr{" class=first" if reading and digit == reading.answer else ""}><th scope="row">{digit}</th>'
        f'<td class="bar"><i style="width: {share:.1%}"></i></td><td>{f"{share:.0%}" if reading else ""}</td></tr>'
        for digit, share in enumerate(shares)
    )
    return f"<table><caption>with probability</caption>{rows}</table>"


def strip(images, labels, probabilities, present=None):
    """Draw test digits with what they were read as; mistakes between the `present` answer and another are framed."""
    figures, any_framed = [], False
    for digit, label, shares in zip(images, labels.tolist(), probabilities, strict=True):
        answer = int(shares.argmax())
        framed = answer != label and present in (label, answer)
        any_framed |= framed
        said = f"{label} as {answer}" if answer != label else f"{label}, {shares[label]:.0%}"
        picture = image(digit, f"{_a(label)}, read as {_a(answer)}")
        figures.append(f"<figure{' class=framed' if framed else ''}>{picture}<figcaption>{said}</figcaption></figure>")
    note = f"Framed: mistakes between {_a(present)} and another digit." if any_framed else ""
    return f'<div class="strip">{"".join(figures)}</div><p class="note">{note}</p>'


# --------------------------------------------------------------------------- the panel


class Pad(anywidget.AnyWidget):
    """A field to draw on by mouse, finger and keyboard, with buttons; its `strokes` are what `as_image` takes."""

    strokes = List().tag(sync=True, echo_update=False)  # the echo of what was drawn would overtake the next stroke
    emptied = Int().tag(sync=True)  # how often what was empty was cleared: there may be a test digit in its place

    _esm = Path(__file__).with_name("digit_pad.js")


def _a(digit):
    return f"{'an' if digit == 8 else 'a'} {digit}"


class DigitPad(Panel):
    """The panel that `digit_pad` makes; ``panel.pad.strokes`` can be set from code."""

    title, text = "Digit pad", "{what}"

    def __init__(self, network):
        self.network, self._test = network, loaded_digits()
        self._shares = probabilities(network, self._test.test_images)  # (N, 10)
        self._order = hardest(self._shares, self._test.test_labels)
        self._hard, self.reading = None, None  # the place in the order of the test digit that is shown
        self.pad = classed("pad", Pad())
        self.test = widgets.Button(description="A hard test digit", tooltip="The next test digit that it finds hard")
        self.page = self._make_page()
        left = classed("drawing", widgets.VBox([self.pad, self.test, self.problem]))
        super().__init__([classed("pad-and-page", widgets.HBox([left, self.page]))])
        self.pad.observe(lambda _: self.act(self._drawn), ["strokes", "emptied"])
        self.on(self.test, self._next_test)
        self.act()

    def said(self):
        if self.reading is None:
            return {"what": "nothing drawn"}
        what = f"{self._truth} of the test" if self._truth else "a drawing"
        return {"what": f"{what}, read as {_a(self.reading.answer)}"}

    @property
    def _truth(self):
        """What the test digit that is shown is in truth; "" for a drawing."""
        return "" if self._hard is None else _a(self._test.test_labels[self._order[self._hard]])

    # ----- what it does

    def _drawn(self):
        self._hard = None

    def _next_test(self):
        self._hard = 0 if self._hard is None else (self._hard + 1) % len(self._order)
        self.pad.strokes = []

    def draw(self):
        drawn = self._hard is None
        shown = as_image(self.pad.strokes) if drawn else self._test.test_images[self._order[self._hard]]
        blank = not shown.any()
        self.reading = None if blank else read(self.network, shown)
        pictures = {"seen": (levels(shown[:, :, 0], Scale(0.0, 1.0, plots.PHOTOGRAPH)), plots.PHOTOGRAPH)}
        if self._maps:
            maps = np.zeros(self._maps) if blank else self.reading.maps
            places = levels(maps, signed_scale(maps))
            pictures |= {f"map{i}": (places[:, :, i], plots.SIGNED) for i in range(min(maps.shape[2], MOST_MAPS))}
        some = self._order[:SHOWN]
        hard = self._test.test_images[some], self._test.test_labels[some], self._shares[some]
        present = None if blank else self.reading.answer
        told = verdict(self.reading, "" if drawn else f"in truth {self._truth}")
        self.page.paint(pictures, {"answer": told, "bars": bars(self.reading), "hard": strip(*hard, present)})

    # ----- what it is made of

    def _make_page(self):
        maps = read(self.network, np.zeros(SHAPE)).maps
        self._maps = None if maps is None else maps.shape
        page = Page(self._html(), {name: plots.colour_table(name) for name in (plots.PHOTOGRAPH, plots.SIGNED)})
        page.words = {"seen": "The 8 by 8 pixels that the network sees"}
        if self._maps:
            page.words |= {"maps": "What each filter of the first layer answers at each pixel"}
        return page

    def _html(self):
        labels = self._test.test_labels
        wrong = np.count_nonzero(self._shares.argmax(1) != labels)
        doubt = "; is it trained?" if wrong > len(labels) / 2 else ""
        seen, answer = '<canvas data-name="seen"></canvas>', '<div data-name="answer" role="status"></div>'
        return (
            f'<div class="reads">{figure("The network sees", seen)}{figure("and answers", answer)}'
            f'<div data-name="bars"></div></div>{self._html_of_maps()}<figure class="hard"><figcaption>'
            f"The test digits that it finds hardest: {wrong} of {len(labels)} are read wrongly{doubt}</figcaption>"
            '<div data-name="hard"></div></figure>'
        )

    def _html_of_maps(self):
        if not self._maps:
            return '<p class="note">The network has no convolution, so there are no maps to show.</p>'
        count = self._maps[2]
        some = f", the first {MOST_MAPS} of {count}" if count > MOST_MAPS else f", {count} filters"
        canvases = "".join(f'<canvas data-name="map{i}"></canvas>' for i in range(min(count, MOST_MAPS)))
        return (
            f'<figure class="maps"><figcaption>First layer{some}: blue negative, white 0, red positive</figcaption>'
            f'<div data-name="maps">{canvases}</div></figure>'
        )


@cache
def loaded_digits():
    """Return the data set of the digits, loaded once."""
    return datasets.load("digits")


def digit_pad(network):
    """Make a panel to draw a digit on with mouse, finger or keys; the network answers while you draw.

    Parameters
    ----------
    network : Sequential or keras.Model
        Trained on ``datasets.load("digits")``: it takes images (8, 8, 1) and has ten scores. A Keras model is carried
        over to NumPy first, by `keras_bridge.from_keras`. Of a network that is trained further the panel shows the
        new answers at the next stroke, but the hard test digits of when it was made.

    Notes
    -----
    Taught in lesson 04.
    """
    return DigitPad(as_reader(network))


def as_reader(network):
    """Return a reader of digits as a NumPy network, or say what is to be done."""
    if type(network).__module__.startswith("keras."):
        from cnnlessons.keras_bridge import from_keras  # lesson 04 runs where TensorFlow is not installed

        network = from_keras(network)
    require_reader(network)
    return network
