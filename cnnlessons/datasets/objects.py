"""A drawn world whose parts and objects are known, and marks that give a class away. Taught in lessons 12 and 14."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from cnnlessons import ops, shapes
from cnnlessons.datasets.records import Dataset, check_noise

_STROKES = {
    "corner": ("#....", "#....", "#....", "#....", "#####"),
    "T": ("#####", "..#..", "..#..", "..#..", "..#.."),
    "cross": ("..#..", "..#..", "#####", "..#..", "..#.."),
    "H": ("#...#", "#...#", "#####", "#...#", "#...#"),
}
PARTS = tuple(_STROKES)
_DRAWN = np.array([[[pixel == "#" for pixel in row] for row in rows] for rows in _STROKES.values()])  # (4, 5, 5)
_OBJECTS = tuple(combinations(range(len(PARTS)), 2))
_SIDE, _HALF = 20, 10


@dataclass(frozen=True, eq=False)
class Objects(Dataset):
    """Images of objects, with the parts that each of them has."""

    train_parts: np.ndarray = None  #: (N, 4) of bool, in the order of `PARTS`
    test_parts: np.ndarray = None  #: (N, 4) of bool


def parts(count=1500, shortcut=0.0, noise=0.06, seed=0):
    """Return drawings of objects, each of two parts; the class is the object.

    The parts are a corner, a T, a cross and an H of strokes, 5 pixels high and wide; the six objects
    are their pairs. They lie somewhere in different quarters of the image, and the paper has one of six brightnesses.

    Parameters
    ----------
    count : int
        Images in all, at least 30; a fifth of them are test images. The classes are equally frequent.
    shortcut : float, 0 to 1
        Share of the training images in which the paper's brightness is that of the object, so that nobody needs to
        look at the parts. In the others and in all test images it tells nothing.
    noise : float
        Standard deviation of the Gaussian noise.
    seed : int

    Returns
    -------
    Objects
        Images (N, 20, 20, 1), and which parts each of them has.
    """
    shapes.whole_number(count, "count", 30)
    shapes.number(shortcut, "shortcut", "a share from 0 to 1", lambda share: 0 <= share <= 1)
    check_noise(noise)
    rng = np.random.default_rng(shapes.whole_number(seed, "seed", 0))
    images, labels, has = zip(
        _drawn(count - count // 5, shortcut, noise, rng), _drawn(count // 5, 0.0, noise, rng), strict=True
    )
    names = tuple(f"{PARTS[one]} and {PARTS[other]}" for one, other in _OBJECTS)
    source = f"drawn here, shortcut {shortcut}, noise {noise}, seed {seed}"
    return Objects(images[0], labels[0], images[1], labels[1], names, source, train_parts=has[0], test_parts=has[1])


def _drawn(count, shortcut, noise, rng):
    """Return images, labels and parts."""
    labels = rng.permutation(np.arange(count) % len(_OBJECTS))
    told = rng.random(count) < shortcut
    paper = np.where(told, labels, rng.integers(len(_OBJECTS), size=count))
    images = np.tile((0.1 + 0.06 * paper)[:, None, None], (1, _SIDE, _SIDE))
    for image, label in zip(images, labels, strict=True):
        quarters = rng.choice(4, 2, replace=False)
        for part, quarter in zip(rng.permutation(_OBJECTS[label]), quarters, strict=True):
            top, left = np.array(divmod(quarter, 2)) * _HALF + rng.integers(_HALF - 4, size=2)
            image[top : top + 5, left : left + 5] += 0.4 * _DRAWN[part]
    images += rng.normal(scale=noise, size=images.shape)
    has = np.array([[part in _OBJECTS[label] for part in range(len(PARTS))] for label in labels])
    return np.clip(images, 0, 1)[..., None].astype(np.float32), labels, has


def marked(images, classes, seed=0, kind="checkerboard", side=4, count=10):
    """Return copies of colour images with a small mark that gives each one's class away, and where it is.

    Parameters
    ----------
    images : ndarray of float, shape (N, H, W, 3)
        From 0 to 1.
    classes : int or ndarray of int (N,)
        Each class has a colour of its own, as bright as its opposite.
    seed : int
        Of the places.
    kind : {"checkerboard", "colour"}
        Squares of one pixel in the colour and in its opposite, or the colour alone.
    side : int
        Of the mark, in pixels.
    count : int
        Of classes, which share out the circle of colours.

    Returns
    -------
    marked : ndarray, shape (N, H, W, 3)
    places : ndarray of bool, shape (N, H, W)
        Where the mark lies. The mean of red, green and blue there is that of the image, at half its contrast.
    """
    images, classes = _checked(images, 3, classes, count)
    shapes.chosen(kind, "kind", ["checkerboard", "colour"])
    number, (height, width) = len(images), images.shape[1:3]
    if shapes.whole_number(side, "side", 1) > min(height, width):
        raise ValueError(f"side must fit into images of {height}×{width}, got {side}")
    angle = 2 * np.pi * classes / count
    across = np.array([[1, 1, -2], [1, -1, 0]]) / np.sqrt([[6], [2]])  # both add up to 0
    colour = np.stack([np.cos(angle), np.sin(angle)], axis=1) @ across  # (N, 3)
    squares = (-1) ** np.indices((side, side)).sum(0) if kind == "checkerboard" else np.ones((side, side))
    rng = np.random.default_rng(shapes.whole_number(seed, "seed", 0))
    tops, lefts = rng.integers(height - side + 1, size=number), rng.integers(width - side + 1, size=number)
    found, places = images.copy(), np.zeros(images.shape[:3], bool)
    for i, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        here = np.s_[top : top + side, left : left + side]
        paper = 0.5 + 0.5 * (images[i][here].mean(axis=2, keepdims=True) - 0.5)  # 0.25 to 0.75
        found[i][here], places[i][here] = paper + 0.3 * squares[..., None] * colour[i], True
    return found, places


def _checked(images, channels, classes, count):
    """Return images of so many channels as an array, and the class of each."""
    images = ops.floats(images, 0, 1)
    if images.shape[3] != channels:
        raise ValueError(f"images must have shape (N, H, W, {channels}), got {images.shape}")
    classes = np.broadcast_to(classes, len(images))
    if classes.dtype.kind not in "iu" or not 0 <= classes.min(initial=0) <= classes.max(initial=0) < count:
        raise ValueError(f"classes must be whole numbers from 0 to {count - 1}, got {classes.min()} to {classes.max()}")
    return images, classes


def textured(images, classes, strength=0.8):
    """Return copies of grey images with a fine texture over each, which gives its class away.

    Parameters
    ----------
    images : ndarray of float, shape (N, H, W, 1)
        From 0 to 1.
    classes : int or ndarray of int (N,)
        From 0 to 9; each has a texture of its own, a cosine down times a cosine to the right, both fast.
    strength : float
        How much the texture adds and takes away at most.

    Returns
    -------
    ndarray, shape (N, H, W, 1)
        Not held between 0 and 1.
    """
    images, classes = _checked(images, 1, classes, 10)
    down, right = (np.cos(np.pi * np.outer(np.arange(4, 8) / 8, np.arange(side) + 0.5)) for side in images.shape[1:3])
    textures = np.einsum("uh,vw->uvhw", down, right).reshape(16, *images.shape[1:3])[:10]
    return images + strength * textures[classes, :, :, np.newaxis].astype(images.dtype)
