"""Attack lab: change a digit, by an attack or at random, as far as a slider allows, and see what networks answer."""

import html
from typing import NamedTuple

import ipywidgets as widgets
import numpy as np

from cnnlessons import adversarial
from cnnlessons.panels import digit_pad
from cnnlessons.panels._drawings import figure, image, waiting
from cnnlessons.panels._explorer import Button, Choice, Explorer, Number, Whole
from cnnlessons.panels._panel import classed

COUNTED = 60  # test digits on which the attack is tried, too
LOSSES = {"cross-entropy": "cross_entropy", "margin": "margin"}


class Tried(NamedTuple):
    """An image, the same with noise, and attacked; and what a network makes of the three."""

    images: np.ndarray  #: (3, 8, 8, 1)
    readings: tuple[digit_pad.Reading, ...]


def tried(network, image, label, epsilon, steps=40, loss="cross_entropy", seed=0):
    """Change an image (8, 8, 1) by at most epsilon, at random and by an attack, and return what was `Tried`.

    With one step the step is epsilon long. `seed` is that of the noise.
    """
    images = _three(network, image[np.newaxis], np.array([label]), epsilon, steps, loss, seed)[:, 0]
    shares = digit_pad.probabilities(network, images)
    return Tried(images, tuple(digit_pad.Reading(each, None) for each in shares))


def counts(network, images, labels, epsilon, steps=40, loss="cross_entropy", seed=0):
    """Return how many of some images are read rightly: as they are, with noise, attacked."""
    three = _three(network, images, labels, epsilon, steps, loss, seed)
    return [int(np.sum(digit_pad.probabilities(network, each).argmax(axis=1) == labels)) for each in three]


def _three(network, images, labels, epsilon, steps, loss, seed):
    options = {"steps": steps, "loss": loss, "rate": epsilon if steps == 1 else None}
    attacked = adversarial.pgd(network, images, labels, epsilon, **options)
    return np.stack([images, adversarial.noise(images, epsilon, seed=seed), attacked])


def page(found, label, own=False, counted=None, total=COUNTED):
    """Draw what was tried, side by side, and say what came of it; `counted` as from `counts`, or None if not yet."""
    what = "your drawing" if own else f"a {label}"
    figures = "".join(
        figure(title, image(changed, f"{title}, read as {reading.answer}") + digit_pad.bars(reading))
        for title, changed, reading in zip((what, "with noise", "attacked"), found.images, found.readings, strict=True)
    )
    answers = [reading.answer for reading in found.readings]
    fate = (
        "holds" if answers[2] == label else f"is read as {answers[2]} with {found.readings[2].probabilities.max():.0%}"
    )
    truth = "" if answers[0] == label else f" The network reads it as {answers[0]} to begin with."
    said = f"{html.escape(what.capitalize())}: attacked it {fate}; with noise it is read as {answers[1]}.{truth}"
    return f'<p role="status">{said}</p><div class="three">{figures}</div>{_counted(counted, total)}'


def _counted(counted, total):
    if counted is None:
        return waiting("<p>The test digits are tried when the hand rests.</p>")
    clean, noisy, attacked = counted
    return f"<p>Of {total} test digits it reads {clean}; with noise of this size {noisy}; attacked {attacked}.</p>"


# --------------------------------------------------------------------------- the panel


class AttackLab(Explorer):
    """The panel that `attack_lab` makes; its controls and ``panel.pad.strokes`` can be set from code."""

    title, text = "Attack lab", "{network}, epsilon {epsilon:.2f}, {steps} steps, {loss}, on {what}"
    buttons = (Button("next", "Next digit", "The next test digit in the place of a drawing"),)
    goes_on, draws_again, columns, widths, hurries = "digit", "Other noise of the same size", 1, ("80px", "330px"), True

    def __init__(self, networks):
        self._networks, self._test, self.pad = networks, digit_pad.loaded_digits(), classed("pad", digit_pad.Pad())
        self.controls = (
            Choice("network", "Network", tuple(networks)),
            Number("epsilon", "Epsilon", 0.0, 0.5, 0.01, ".2f"),
            Choice("steps", "Steps", (1, 5, 40)),
            Choice("loss", "Loss", LOSSES),
            Whole("digit", "Test digit", 0, len(self._test.test_labels) - 1),
        )
        super().__init__(next(iter(networks)), 0.1, 40, "cross_entropy", 3)
        self.pad.observe(lambda _: self.act(), ["strokes", "emptied"])

    def parts(self):
        beside = widgets.VBox(super().parts())
        return [classed("pad-and-page", widgets.HBox([classed("drawing", self.pad), beside]))]

    def said(self):
        what = "a drawing" if self.pad.strokes else f"test digit {self.digit.value}"
        return super().said() | {"what": what}

    def changed(self, name):
        if name == "digit":
            self.pad.strokes = []

    def show(self, network, epsilon, steps, loss, digit, seed):
        network, own = self._networks[network], bool(self.pad.strokes)
        image, label = self._test.test_images[digit], int(self._test.test_labels[digit])
        if own:
            image = digit_pad.as_image(self.pad.strokes)
            label = digit_pad.read(network, image).answer  # nobody says what it was to be
        options = epsilon, steps, loss, seed
        some = slice(None, None, len(self._test.test_labels) // COUNTED + 1)
        images, labels = self._test.test_images[some], self._test.test_labels[some]
        counted = None if self.hurried else counts(network, images, labels, *options)
        return page(tried(network, image, label, *options), label, own, counted, len(labels))


def attack_lab(networks):
    """Make a panel to attack readers of digits, on test digits and on what you draw, beside noise of the same size.

    Parameters
    ----------
    networks : dict of str to Sequential or keras.Model
        By what they are to be called; such as `digit_pad` takes.

    Notes
    -----
    Taught in lesson 13.
    """
    if not isinstance(networks, dict) or not networks:
        raise TypeError(f"networks must be a dict from name to network, at least one, got {networks!r}")
    return AttackLab({name: digit_pad.as_reader(network) for name, network in networks.items()})
