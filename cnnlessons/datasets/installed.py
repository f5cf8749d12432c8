"""Data sets made of what scikit-image and scikit-learn install with themselves. Taught in lesson 04."""

from functools import cache

import numpy as np

from cnnlessons import shapes
from cnnlessons.datasets.photos import photograph
from cnnlessons.datasets.records import Dataset

DIGITS_FILE = "sklearn/datasets/data/digits.csv.gz"
DIGITS_SOURCE = (
    "E. Alpaydin & C. Kaynak 1998, Optical Recognition of Handwritten Digits, UCI, test part; with scikit-learn"
)
PATCHES_SOURCE = "cut from photographs of scikit-image and scikit-learn"
PATCH_CLASSES = (
    "astronaut",
    "chelsea",
    "china",
    "coffee",
    "flower",
    "hubble_deep_field",
    "immunohistochemistry",
    "retina",
    "rocket",
    "stereo_motorcycle",
)


def digits():
    """Return 1,797 handwritten digits, 8 × 8 × 1: every fifth image of each class, in file order, is a test image.

    The same writers are in both parts, so the test says how well a network reads these hands, not others.
    """
    from sklearn.datasets import load_digits  # takes seconds to import, and nothing else here needs it

    raw = load_digits()
    images, labels = raw.images[..., np.newaxis].astype(np.float32) / 16, raw.target.astype(np.int64)
    test = np.zeros(len(labels), dtype=bool)
    for digit in range(10):
        test[np.flatnonzero(labels == digit)[::5]] = True
    return Dataset(images[~test], labels[~test], images[test], labels[test], tuple("0123456789"), DIGITS_SOURCE)


def photo_patches(per_class=200, test_per_class=50, size=32, seed=0):
    """Return colour crops of ten photographs; the class is the photograph that a crop was cut from.

    The photographs (those with more than 512 pixels on the shorter side reduced to that) are cut into blocks of
    twice `size`. Every fifth block is for testing, for all seeds the same ones. A crop lies within one block, so no
    pixel is in both parts. So that neither brightness nor contrast nor mean colour give the answer away, each crop
    is shifted and scaled: each channel has mean 0.5, all together a standard deviation of 1/6, and what leaves [0, 1]
    is clipped. Almost flat crops (standard deviation up to 0.02 once the means are gone) are drawn again.

    Parameters
    ----------
    per_class, test_per_class : int
        Crops for training and for testing from each photograph.
    size : int
        Height and width of a crop, 4 to 64.
    seed : int

    Returns
    -------
    Dataset
        Images (N, size, size, 3).
    """
    shapes.whole_number(per_class, "per_class", 1)
    shapes.whole_number(test_per_class, "test_per_class", 1)
    shapes.whole_number(seed, "seed", 0)
    if shapes.whole_number(size, "size", 4) > 64:
        raise ValueError(f"size must be at most 64, got {size}")
    rng = np.random.default_rng(seed)
    train, test = [], []
    for name in PATCH_CLASSES:
        photo = _reduced(name)
        train_blocks, test_blocks = _blocks(photo.shape, 2 * size)
        train.append(_crops(photo, train_blocks, per_class, size, rng))
        test.append(_crops(photo, test_blocks, test_per_class, size, rng))
    classes = np.arange(len(PATCH_CLASSES))
    return Dataset(
        np.concatenate(train),
        np.repeat(classes, per_class),
        np.concatenate(test),
        np.repeat(classes, test_per_class),
        PATCH_CLASSES,
        f"{PATCHES_SOURCE}; seed {seed}",
    )


@cache
def _reduced(name, shorter_side=512):
    photo = photograph(name)
    scale = min(1, shorter_side / min(photo.shape[:2]))
    return photo if scale == 1 else photograph(name, size=[round(length * scale) for length in photo.shape[:2]])


def _blocks(shape, side):
    """Return the upper left corners (n, 2) of the training blocks and of the test blocks."""
    block = np.stack(np.indices((shape[0] // side, shape[1] // side)), axis=-1).reshape(-1, 2)
    test = (block[:, 0] + 2 * block[:, 1]) % 5 == 0  # a knight's move apart: never side by side
    return block[~test] * side, block[test] * side


def _crops(photo, blocks, count, size, rng):
    crops = []
    while len(crops) < count:
        top, left = rng.choice(blocks) + rng.integers(size, size=2, endpoint=True)
        crop = photo[top : top + size, left : left + size]
        if _centred(crop).std() > 0.02:
            crops.append(_standardised(crop))
    return np.array(crops, dtype=np.float32)  # (count, size, size, 3)


def _centred(crop):
    return crop - crop.mean(axis=(0, 1))


def _standardised(crop):
    centred = _centred(crop)
    return np.clip(0.5 + centred / (6 * centred.std()), 0, 1)
