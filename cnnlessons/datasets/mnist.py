"""MNIST: the 10,000 handwritten digits of its test part, split anew. Used in lesson 11.

Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document recognition", Proceedings of
the IEEE 86 (1998).
"""

import os
import re

import numpy as np

from cnnlessons import shapes
from cnnlessons.datasets import arrays, copies, files
from cnnlessons.datasets.copies import VARIABLE
from cnnlessons.datasets.records import Dataset, as_floats

SOURCE = "Y. LeCun, L. Bottou, Y. Bengio & P. Haffner 1998, MNIST, test part"
COUNT = 10_000

_NAMED = re.compile(r"mnist.*\.npz", re.IGNORECASE)
_NAMES = {"test_images": ("images", "x_test"), "test_labels": ("labels", "y_test")}
_KERAS_FILE = "mnist.npz"
_REMEDY = (
    f"set {VARIABLE} to your copy (an .npz file whose name starts with mnist, or a folder that holds one), or connect "
    'to the network once and call load("mnist") where Keras is installed'
)


def mnist(per_class=None, test_per_class=200, seed=0):
    """Return MNIST's 10,000 test images, split anew into a training and a test part.

    The evidence of lesson 11 was recorded from a copy that holds no more of MNIST than these, so that accuracies are
    not to be compared with those published, which come from 60,000 training images.

    They are read from the copy that the environment variable CNNLESSONS_DATA names, or else downloaded once by Keras;
    data/README.md says which copies can be read.

    Parameters
    ----------
    per_class : int, optional
        Training images of each digit, drawn by the seed; without it, all that are no test images. More of them contain
        the fewer of the same seed.
    test_per_class : int
        Test images of each digit, drawn by the seed before the others.
    seed : int

    Returns
    -------
    Dataset
        Images (N, 28, 28, 1), in the order of the copy.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a whole number or larger than a class, or the copy is damaged or not MNIST.
    OSError
        If there is no copy and none can be downloaded.

    Notes
    -----
    Taught in lesson 11.
    """
    if per_class is not None:
        shapes.whole_number(per_class, "per_class", 1)
    shapes.whole_number(test_per_class, "test_per_class", 1)
    shapes.whole_number(seed, "seed", 0)
    images, labels, source = _copy()
    train, test = _split(labels, per_class, test_per_class, seed)
    source += f"; split anew into {len(train):,} training and {len(test):,} test images with seed {seed}"
    parts = [(as_floats(images[chosen])[..., np.newaxis], labels[chosen]) for chosen in (train, test)]
    return Dataset(*parts[0], *parts[1], tuple("0123456789"), source)


def here():
    """Return whether MNIST can be had without a network: from your copy, or from Keras's."""
    try:
        given = _given()
    except OSError:
        return False
    return bool(given) or copies.downloaded_before(_KERAS_FILE)


def _split(labels, per_class, test_per_class, seed):
    """Return the places of the training and of the test images: of a permutation of each class the first are tests."""
    rng = np.random.default_rng(seed)
    train, test = [], []
    for digit in range(10):
        places = rng.permutation(np.flatnonzero(labels == digit))
        left = len(places) - test_per_class
        if left < 1:
            most = len(places) - 1
            raise ValueError(f"test_per_class must be at most {most}, or no '{digit}' is left, got {test_per_class}")
        if per_class is not None and left < per_class:
            raise ValueError(f"per_class must be at most {left}, the training images of '{digit}', got {per_class}")
        test.append(places[:test_per_class])
        train.append(places[test_per_class:][:per_class])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(test))


def _copy():
    """Return images (10000, 28, 28), labels (10000,), and where they come from."""
    path = _given()
    if path is None:
        (_, (images, labels)), _ = copies.download("mnist", "MNIST", _KERAS_FILE, _REMEDY)
        return images, labels.astype(np.int64), f"{SOURCE}; downloaded by Keras"
    data = arrays.read(path, (28, 28), 10, {"test": COUNT}, _NAMES)
    images, labels = data["test_images"], data["test_labels"]
    if len(images) != COUNT:
        raise ValueError(f"{str(path)!r} must hold all {COUNT:,} images, got {len(images):,}; take another copy")
    return images, labels, f"{SOURCE}; from {path.name}, sha256 {copies.sha256(path)}"


def _given():
    """Return the npz file that CNNLESSONS_DATA names or holds, or None: it may name another data set."""
    if not os.environ.get(VARIABLE):
        return None
    path = files.existing(os.environ[VARIABLE], VARIABLE)
    try:
        there = sorted(path.iterdir()) if path.is_dir() else [path]
    except PermissionError:
        raise PermissionError(f"{VARIABLE}: the folder {str(path)!r} may not be read; ask for the right") from None
    return next((file for file in there if _NAMED.fullmatch(file.name)), None)
