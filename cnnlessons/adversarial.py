"""Images changed on purpose, so that a network misreads them, and what tells a defence from the look of one.

Everything starts from the gradient of the images, which training throws away. It takes either network: a `Sequential`,
or a Keras model, for which Keras is imported then. Images are changed in their own units, and stay between `low` and
`high`, which are 0 and 1 unless others are given: those of standardised images are what 0 and 1 have become. The
weights stay as they are.

A change has a size, epsilon. With ``norm="linf"``, L∞, no number of an image changes by more; with ``norm="l2"``, L2,
the length of the change of an image, the root of its sum of squares, is no larger.

I. Goodfellow, J. Shlens and C. Szegedy, "Explaining and harnessing adversarial examples", arXiv:1412.6572; A. Madry and
others, "Towards deep learning models resistant to adversarial attacks", arXiv:1706.06083; the checks follow A. Athalye,
N. Carlini and D. Wagner, "Obfuscated gradients give a false sense of security", arXiv:1802.00420.

Taught in lesson 13.
"""

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from cnnlessons import ops, shapes
from cnnlessons.network import Sequential, fitting_labels, in_batches

LOSSES, NORMS = ("cross_entropy", "margin"), ("linf", "l2")
_AT_ONCE = 512  # images

# --------------------------------------------------------------------------- the gradient of the images


def input_gradient(model, images, labels, loss="cross_entropy", targets=None):
    """Return how much what the attacker wants grows with each number, (N, H, W, C). Taught in lesson 13.

    Parameters
    ----------
    model : Sequential or keras.Model
        With logits as outputs; used as in prediction.
    images : ndarray of float, shape (N, H, W, C)
    labels : ndarray of int, shape (N,)
        The right classes: what the network answers itself would be another question.
    loss : {"cross_entropy", "margin"}
        What grows: the image's own cross-entropy; or the largest wrong logit minus the right one, whose gradient does
        not fade where softmax is sure.
    targets : ndarray of int, shape (N,), optional
        Classes to be taken for: what grows is minus the target's cross-entropy, or its logit minus the largest other.
    """
    images, aim, sign = _checked(model, images, labels, loss, targets)
    return sign * in_batches(lambda images, aim: _gradient(model, images, aim, loss), images, aim, size=_AT_ONCE)


def _gradient(model, images, aim, loss):
    """Return the gradient of each image's loss, for the class in `aim`, with respect to the image."""
    one_hot = np.arange(model.output_shape[-1]) == aim[:, None]
    if isinstance(model, Sequential):
        wanted = _of_logits(model.forward(images), one_hot, loss)
        return model.backward(wanted.astype(model.dtype)).astype(images.dtype)
    from cnnlessons import keras_bridge

    return keras_bridge.image_gradient(model, images, one_hot, loss == "margin")


def _of_logits(logits, one_hot, loss):
    """Return the gradient of each image's loss with respect to its logits, (N, K)."""
    if loss == "cross_entropy":
        return softmax(logits, axis=1) - one_hot
    rival = np.where(one_hot, -np.inf, logits).argmax(axis=1)
    return (np.arange(logits.shape[1]) == rival[:, None]).astype(float) - one_hot


def margins(model, images, labels, targets=None):
    """Return by how much each image is misread: its largest wrong logit minus the right one, ndarray (N,).

    With `targets`, the target's logit minus the largest other one. Above 0 the attack has succeeded. Taught in lesson
    13.
    """
    images, aim, sign = _checked(model, images, labels, "margin", targets)
    logits = _logits(model, images)
    one_hot = np.arange(logits.shape[1]) == aim[:, None]
    return sign * (np.where(one_hot, -np.inf, logits).max(axis=1) - logits[one_hot])


def accuracy(model, images, labels):
    """Return the share of images whose largest logit is the right one, for either network. Taught in lesson 13."""
    images, labels, _ = _checked(model, images, labels, "margin", None)
    return float(np.mean(_logits(model, images).argmax(axis=1) == labels))


def _logits(model, images):
    return in_batches(model.forward if isinstance(model, Sequential) else model.predict_on_batch, images, size=_AT_ONCE)


# --------------------------------------------------------------------------- changes of a given size


def noise(images, epsilon, *, norm="linf", low=0.0, high=1.0, seed=0):
    """Return images changed by as much, but at random: every number by epsilon, up or down; or in a random direction.

    What an attack has to be compared with. Parameters as in `pgd`. Taught in lesson 13.
    """
    images = ops.floats(images)
    epsilon, (low, high) = _sizes(epsilon, len(images)), _range(images, low, high)
    change = _random(images.shape, epsilon, norm, np.random.default_rng(seed), corner=True).astype(images.dtype)
    return np.clip(images + change, low, high)


def fgsm(model, images, labels, epsilon, **options):
    """Return images changed by one step: every number by epsilon, to the side where the attacker gains.

    The fast gradient sign method. Parameters as in `pgd`, but for `steps` and `rate`. Taught in lesson 13.
    """
    _not_among(options, ("steps", "rate"), "fgsm makes one step as long as epsilon; for others use pgd")
    return pgd(model, images, labels, epsilon, steps=1, rate=epsilon, **options)


def pgd(
    model,
    images,
    labels,
    epsilon,
    *,
    steps=40,
    rate=None,
    restarts=1,
    start="image",
    norm="linf",
    loss="cross_entropy",
    targets=None,
    within=None,
    low=0.0,
    high=1.0,
    seed=0,
):
    """Return images changed by many small steps, each followed by a way back into what is allowed.

    Projected gradient descent. Of several restarts the best result for each image is kept, by its margin. Taught in
    lesson 13.

    Parameters
    ----------
    model, images, labels, loss, targets
        As in `input_gradient`.
    epsilon : float or ndarray, shape (N,)
        How large the change may be, in the images' own units.
    rate : float, optional
        How large a step is; by default 2.5 epsilon / steps, so that any place in reach can be reached from any other.
    start : {"image", "random"}
        Where the first of all `restarts` starts; the others start at random places in reach.
    norm : {"linf", "l2"}
        Of what epsilon is the limit: of the largest change of a number, or of the length of the change of an image.
    within : function, optional
        From changes (N, H, W, C) to those that are allowed, a linear projection, such as on what a stem cannot see.
        Changes are then shortened, not cut off, to fit, so that they stay allowed; to leave the range they would have
        to be cut, so give ``low=-np.inf, high=np.inf``.
    low, high : float
        The range of the images, which is not left: images beyond it are refused.
    """
    images, aim, sign = _checked(model, images, labels, loss, targets)
    low, high = _range(images, low, high)
    shapes.chosen(start, "start", ["image", "random"])
    steps, restarts = shapes.whole_number(steps, "steps", 1), shapes.whole_number(restarts, "restarts", 1)
    sizes, rng = _sizes(epsilon, len(images)), np.random.default_rng(seed)
    rates = 2.5 * sizes / steps if rate is None else _sizes(rate, len(images), "rate")

    def allowed(change, base, size):
        if within is not None:
            change = within(change)
        change = _shortened(change, size, norm, whole=within is not None)
        return np.clip(base + change, low, high).astype(base.dtype) - base

    def climbed(base, aim, size, rate, change):
        change = allowed(change, base, size)
        for _ in range(steps):
            gradient = sign * _gradient(model, base + change, aim, loss)
            change = allowed(change + rate * _direction(gradient, norm), base, size)
        return np.clip(base + change, low, high)

    best, gain = images.copy(), np.full(len(images), -np.inf)
    for restart in range(restarts):
        drawn = _random(images.shape, sizes, norm, rng) * (restart > 0 or start == "random")
        found = in_batches(climbed, images, aim, sizes, rates, drawn.astype(images.dtype), size=_AT_ONCE)
        if restarts == 1:
            return found
        now = margins(model, found, labels, targets)
        better = (now > gain) | (restart == 0)
        best[better], gain[better] = found[better], now[better]
    return best


def smallest_epsilon(model, images, labels, *, largest=None, halvings=8, low=0.0, high=1.0, **options):
    """Return, for each image, the smallest epsilon at which `pgd` succeeds, found by halving: ndarray (N,).

    0 where the image is misread as it is, infinite where `largest`, by default half of the range, is not enough. An
    attack finds an upper limit only: a smaller change may do. The options are those of `pgd`. Taught in lesson 13.
    """
    _not_among(options, ("epsilon",), "smallest_epsilon looks for it; to say where it ends, give largest")
    images, labels, _ = _checked(model, images, labels, LOSSES[0], None)
    largest = _half(images, low, high, "give largest") if largest is None else _one_size(largest, "largest")
    targets, options = options.get("targets"), {"low": low, "high": high} | options
    small, large = np.zeros(len(images)), np.full(len(images), largest)

    def fooled(epsilon):
        return margins(model, pgd(model, images, labels, epsilon, **options), labels, targets) > 0

    at_once, never = margins(model, images, labels, targets) > 0, ~fooled(large)
    for _ in range(shapes.whole_number(halvings, "halvings", 1)):
        middle = (small + large) / 2
        succeeded = fooled(middle)
        small, large = np.where(succeeded, small, middle), np.where(succeeded, middle, large)
    return np.where(at_once, 0, np.where(never, np.inf, large))


def harder(model, epsilon, steps=5, seed=0, **options):
    """Return a function from a batch (images, labels) to images that the present network finds harder.

    To train on these in the place of the batch is adversarial training. With one step, of length epsilon, the change
    starts at the image, with more at a random place in reach, a new one for each batch. The options are those of `pgd`.
    Taught in lesson 13.
    """
    start, rate = ("image", epsilon) if steps == 1 else ("random", None)
    options, rng = {"steps": steps, "rate": rate, "start": start} | options, np.random.default_rng(seed)

    def changed(images, labels):
        return pgd(model, images, labels, epsilon, seed=int(rng.integers(2**31)), **options)

    return changed


# --------------------------------------------------------------------------- is it a defence?


def curve(model, images, labels, epsilons, *, steps=40, seed=0, low=0.0, high=1.0):
    """Return the accuracy at several epsilons as a DataFrame: columns "epsilon", "noise", "fgsm", "pgd".

    Other parameters as in `pgd`. Taught in lesson 13.
    """
    import pandas as pd

    ends = {"low": low, "high": high}

    def row(epsilon):
        one = fgsm(model, images, labels, epsilon, **ends)
        many = pgd(model, images, labels, epsilon, steps=steps, seed=seed, **ends)
        changed = {"noise": noise(images, epsilon, seed=seed, **ends), "fgsm": one, "pgd": many}
        return {"epsilon": epsilon} | {name: accuracy(model, each, labels) for name, each in changed.items()}

    return pd.DataFrame([row(epsilon) for epsilon in _several_sizes(epsilons)])


def withstood(model, images, labels, epsilon, *, steps=40, restarts=2, seed=0, low=0.0, high=1.0):
    """Return which images are read rightly whatever is tried: both losses, from several starts; ndarray (N,) of bool.

    What to count when a network is said to resist. An image that one attack fools is spared the others. Parameters as
    in `pgd`. Taught in lesson 13.
    """
    images, labels, _ = _checked(model, images, labels, LOSSES[0], None)
    sizes, (low, high) = _sizes(epsilon, len(images)).ravel(), _range(images, low, high)
    safe = margins(model, images, labels) <= 0
    for restart, loss in product(range(shapes.whole_number(restarts, "restarts", 1)), LOSSES):
        if (left := np.flatnonzero(safe)).size:
            options = {"start": "random" if restart else "image", "loss": loss, "seed": seed + restart}
            options |= {"steps": steps, "low": low, "high": high}
            changed = pgd(model, images[left], labels[left], sizes[left], **options)
            safe[left] = margins(model, changed, labels[left]) <= 0
    return safe


class Checks(NamedTuple):
    """What tells whether an attack that fails has met a defence, or was weak; accuracies from 0 to 1."""

    zero_gradients: float  #: share of the images whose gradient is exactly 0: the attack never starts
    one_step: float  #: accuracy under one step with the cross-entropy
    many_steps: float  #: under many: more may not help the network
    margin: float  #: under many with the margin: another loss may not do much better
    large: float  #: under many with half of the range for epsilon: all could be one grey, so no more than chance
    transfer: float  #: on images made with another network: blind fire may not hit better; NaN without one
    chance: float  #: the share of the commonest class: whoever answers all images alike gets no more

    @property
    def alarms(self):
        """The names of what is wrong with the attack, as a tuple: with none, the accuracy may be believed so far."""
        wrong = {
            "zero gradients": self.zero_gradients > 0.01,
            "many steps do not help": self.many_steps > self.one_step + 0.02,
            "another loss does better": self.margin < self.many_steps - 0.05,
            "a large epsilon does not win": self.large > max(0.2, self.chance),
            "another network's images do better": self.transfer < self.many_steps - 0.02,
        }
        return tuple(name for name, is_so in wrong.items() if is_so)


def zero_gradients(model, images, labels):
    """Return the share of images whose gradient is exactly 0, where no attack can start. Taught in lesson 13."""
    gradient = input_gradient(model, images, labels)
    return float(np.mean(~gradient.any(axis=(1, 2, 3))))


def checks(model, images, labels, epsilon, other=None, *, steps=40, seed=0, low=0.0, high=1.0):
    """Try what an attack must be able to do, and return the `Checks`; `other` is a network trained likewise.

    Other parameters as in `pgd`. Taught in lesson 13.
    """
    half = _half(ops.floats(images), low, high, "give the images' own range")
    ends = {"low": low, "high": high}

    def under(made_with=model, size=epsilon, **options):
        options = {"steps": steps, "seed": seed} | ends | options
        return accuracy(model, pgd(made_with, images, labels, size, **options), labels)

    one = accuracy(model, fgsm(model, images, labels, epsilon, **ends), labels)
    blind = float("nan") if other is None else under(other)
    zero, chance = zero_gradients(model, images, labels), float(np.bincount(labels).max() / len(images))
    return Checks(zero, one, under(), under(loss="margin"), under(size=half, restarts=2), blind, chance)


# --------------------------------------------------------------------------- sizes and directions


def _direction(gradient, norm):
    if norm == "linf":
        return np.sign(gradient)
    return gradient / np.maximum(_lengths(gradient), np.finfo(gradient.dtype).tiny)


def _lengths(change):
    return np.sqrt(np.square(change).sum(axis=(1, 2, 3), keepdims=True))


def _shortened(change, size, norm, whole=False):
    """Bring changes back to a size: number by number, or, if the length counts or `whole` asks for it, as a whole."""
    if norm == "linf" and not whole:
        return np.clip(change, -size, size)
    now = _lengths(change) if norm == "l2" else np.abs(change).max(axis=(1, 2, 3), keepdims=True)
    return change * np.minimum(1, size / np.maximum(now, np.finfo(change.dtype).tiny))


def _random(shape, sizes, norm, rng, corner=False):
    """Draw changes of at most a size: evenly from the cube or the ball; in a corner of it, or on its surface."""
    shapes.chosen(norm, "norm", list(NORMS))
    if norm == "linf":
        return sizes * (rng.choice([-1.0, 1.0], shape) if corner else rng.uniform(-1, 1, shape))
    drawn = rng.standard_normal(shape)
    share = 1 if corner else rng.random((len(drawn), 1, 1, 1)) ** (1 / drawn[0].size)
    return share * sizes * drawn / _lengths(drawn)


# --------------------------------------------------------------------------- checks


def _range(images, low, high):
    """Return the ends of the range as floats, if the images lie between them but for what is left of rounding."""
    low = shapes.number(low, "low", "a number below high", lambda low: low < np.inf, infinite=True)
    high = shapes.number(high, "high", f"a number above low, {low:g}", lambda high: high > low, infinite=True)
    remedy = "give the low and high that belong to these images, or bring them into the range, for example with "
    ops.floats(images, low, high, "from low to high, {} to {}", f"{remedy}images / 255")
    return low, high


def _half(images, low, high, remedy):
    """Return half of the range, which makes any image grey."""
    low, high = _range(images, low, high)
    if not np.isfinite(high - low):
        raise ValueError(f"low and high must be finite, for half of the range is tried, got {low}, {high}; {remedy}")
    return (high - low) / 2


def _sizes(size, count, name="epsilon"):
    """Return one size for each image: (N, 1, 1, 1)."""
    sizes = ops.whole_array(size, name, "one number an image")
    rule = f"{name} must be a number from 0 up, or one for each of {count} images"
    if sizes.shape not in ((), (count,)):
        raise ValueError(f"{rule}, got an array of shape {sizes.shape}")
    if sizes.dtype.kind not in "fiu":
        raise ValueError(f"{rule}, got {size!r:.40}; convert it first, for example with float({name})")
    bad = np.flatnonzero(~(np.isfinite(sizes) & (sizes >= 0)))
    if bad.size:
        raise ValueError(f"{rule}, got {sizes.ravel()[bad[0]]}{f' for image {bad[0]}' if sizes.ndim else ''}")
    return np.broadcast_to(sizes.astype(float), count).reshape(count, 1, 1, 1)


def _one_size(size, name):
    return shapes.number(size, name, "a number from 0 up", lambda size: size >= 0)


def _several_sizes(epsilons):
    """Return a list of epsilons as floats."""
    if not isinstance(epsilons, Iterable) or isinstance(epsilons, str):
        raise TypeError(f"epsilons must be a list of numbers from 0 up, got {epsilons!r}; for a single one write [0.1]")
    return [_one_size(epsilon, f"epsilons[{place}]") for place, epsilon in enumerate(epsilons)]


def _not_among(options, names, remedy):
    for name in names:
        if name in options:
            raise TypeError(f"{name} must not be given, got {options[name]!r:.40}: {remedy}")


def _classes(model, images):
    """Return for how many classes a network has scores; one that has no weights yet draws them, as in prediction."""
    ours = isinstance(model, Sequential)
    if ours and model.output_shape is None:
        model.build(images.shape[1:])
    elif hasattr(model, "predict_on_batch") and not model.built:
        model.build((None, *images.shape[1:]))
    if not hasattr(model, "output_shape"):
        raise TypeError(f"model must be a Sequential or a Keras model, got a {type(model).__name__}")
    if len(model.output_shape) != (1 if ours else 2):
        raise ValueError(
            f"model must end in one score for each class, got outputs of shape {model.output_shape}; end it with Dense"
        )
    return model.output_shape[-1]


def _checked(model, images, labels, loss, targets):
    """Return the images, the class of each that the attack aims at, and 1, or -1 where it aims for that class."""
    images = ops.floats(images)
    shapes.chosen(loss, "loss", list(LOSSES))
    count, classes = len(images), _classes(model, images)
    labels = fitting_labels(labels, count, classes)
    return (images, labels, 1) if targets is None else (images, fitting_labels(targets, count, classes, "targets"), -1)
