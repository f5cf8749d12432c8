"""Images drawn from a seed. Taught in lesson 04."""

from numbers import Real

import numpy as np

from cnnlessons import shapes
from cnnlessons.datasets.records import Dataset
from cnnlessons.kernels import ORIENTATIONS


def lines(count=1000, size=16, noise=0.1, orientations=("horizontal", "vertical"), seed=0):
    """Return images of one bright line each; the class is its orientation.

    A line crosses the whole image, in any row or column; a diagonal one covers at least half of the rows.
    The mean of all horizontal lines is the mean of all vertical ones, so no linear classifier gets them all right.

    Parameters
    ----------
    count : int
        Images in all, at least five a class; a fifth of them are test images. The classes are equally frequent.
    size : int
        Height and width, at least 4.
    noise : float
        Standard deviation of the Gaussian noise. Dark is 0.25, bright is 0.75; what leaves [0, 1] is clipped.
    orientations : sequence of str
        The classes: two or more of "horizontal", "vertical", "backslash", "slash".
    seed : int

    Returns
    -------
    Dataset
        Images (N, size, size, 1).
    """
    _check_line_options(count, size, noise, orientations, seed)
    row, column = np.indices((size, size))
    distances = {
        "horizontal": row - size // 2,
        "vertical": column - size // 2,
        "backslash": row - column,
        "slash": row + column - (size - 1),
    }
    distance = np.stack([distances[orientation] for orientation in orientations])  # (classes, size, size)
    rng = np.random.default_rng(seed)
    train = _draw_lines(count - count // 5, distance, noise, rng)
    test = _draw_lines(count // 5, distance, noise, rng)
    return Dataset(*train, *test, tuple(orientations), f"drawn here, noise {noise}, seed {seed}")


def _check_line_options(count, size, noise, orientations, seed):
    shapes.whole_number(size, "size", 4)
    shapes.whole_number(seed, "seed", 0)
    if not isinstance(noise, Real) or not 0 <= noise < np.inf:
        raise ValueError(f"noise is a standard deviation and must be a number from 0 up, got {noise!r}")
    known = [orientation for orientation in ORIENTATIONS if orientation in orientations]
    if isinstance(orientations, str) or len(known) < 2 or len(known) < len(orientations):
        raise ValueError(
            f"orientations must be two or more of {', '.join(ORIENTATIONS)}, each once, got {orientations!r}"
        )
    shapes.whole_number(count, "count", 5 * len(orientations))  # a test image a class


def _draw_lines(count, distance, noise, rng):
    """Return images and labels; `distance` (classes, size, size) is how far each pixel lies from the middle line."""
    labels = rng.permutation(np.arange(count) % len(distance))
    offset = rng.integers(distance.shape[1], size=(count, 1, 1)) - distance.shape[1] // 2
    images = np.where(distance[labels] == offset, 0.75, 0.25)  # (count, size, size)
    images += rng.normal(scale=noise, size=images.shape)
    return np.clip(images, 0, 1)[..., np.newaxis].astype(np.float32), labels
