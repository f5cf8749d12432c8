"""Images to look at and images to learn from. Nothing here is ever downloaded.

The photographs are the files that scikit-image and scikit-learn install with themselves; data/README.md lists each
with source, licence and checksum. `load` gives data sets with training and test part in one form, `Dataset`.

Taught in lessons 00 and 04.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from numbers import Real
from pathlib import Path

import numpy as np
from skimage import color, io, transform

from cnnlessons import shapes
from cnnlessons.kernels import ORIENTATIONS


@dataclass(frozen=True)
class PhotographSource:
    """Where a photograph comes from.

    Attributes
    ----------
    name : str
    file : str
        Inside the folder of installed packages.
    shows : str
    source : str
    licence : str
        As the package states it.
    """

    name: str
    file: str
    shows: str
    source: str
    licence: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with labels, split once and for all into a training and a test part.

    Attributes
    ----------
    train_images, test_images : ndarray (N, H, W, C) of float32
        In [0, 1].
    train_labels, test_labels : ndarray (N,) of int64
        Indices into `class_names`.
    class_names : tuple of str
    source : str
        Where the images come from and how they were split.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class DatasetSource:
    """A data set that `load` knows.

    Attributes
    ----------
    name : str
    shows : str
    source : str
    loader : function
        Takes the options and returns the `Dataset`.
    files : tuple of str
        What it reads, inside the folder of installed packages.
    """

    name: str
    shows: str
    source: str
    loader: Callable[..., Dataset]
    files: tuple[str, ...] = ()

    @property
    def offline(self):
        """Whether it can be had without a network, now and on this machine."""
        return all(_installed(file).is_file() for file in self.files)


# Photographs


def photograph(name, size=None, gray=False, dtype=float):
    """Return an installed photograph.

    Parameters
    ----------
    name : str
        One of `photographs()`.
    size : int or (int, int), optional
        Height and width; an int means a square. The largest centred part with that aspect ratio is resized, with
        anti-aliasing, so nothing is squeezed. Without it the photograph comes as it is.
    gray : bool
        Whether colours become luminance, 0.2125 R + 0.7154 G + 0.0721 B.
    dtype : float, numpy.float32 or numpy.uint8
        Floats are in [0, 1], uint8 in 0 … 255.

    Returns
    -------
    ndarray (H, W) if it is gray, or (H, W, 3)
        A fresh copy that may be changed.

    Raises
    ------
    TypeError, ValueError
        If the name is unknown, or `size` or `dtype` is none of these.
    FileNotFoundError
        If the installed package does not hold the file. It is not downloaded.

    Notes
    -----
    Taught in lesson 01.
    """
    if np.dtype(dtype) not in (np.float64, np.float32, np.uint8):
        raise ValueError(f"dtype must be float64, float32 or uint8, got {np.dtype(dtype)}")
    image = _read(photograph_source(name).file) / 255
    if gray and image.ndim == 3:
        image = color.rgb2gray(image)  # (H, W)
    if size is not None:
        image = _resize(image, *shapes.pair(size, "size"))
    return np.rint(image * 255).astype(np.uint8) if np.dtype(dtype) == np.uint8 else image.astype(dtype)


def photographs():
    """Return the names of the photographs that are installed, as a tuple."""
    return tuple(name for name, source in _PHOTOGRAPHS.items() if _installed(source.file).is_file())


def photograph_source(name):
    """Return the `PhotographSource` of a photograph: what it shows, where it comes from, and its licence."""
    if not isinstance(name, str) or name not in _PHOTOGRAPHS:
        raise ValueError(f"there is no photograph named {name!r}; the names are: {', '.join(_PHOTOGRAPHS)}")
    return _PHOTOGRAPHS[name]


def _installed(file):
    """Return the path of a package's file, whether it exists or not, without importing the package."""
    package, rest = file.split("/", 1)
    return Path(find_spec(package).origin).parent / rest


@cache
def _read(file):
    path = _installed(file)
    if not path.is_file():
        raise FileNotFoundError(
            f"{file} should have been installed as {path}, but is not there, and nothing is downloaded here; "
            "install the versions of requirements.lock.txt again"
        )
    return io.imread(path)


def _resize(image, height, width):
    rows, columns = image.shape[:2]
    scale = min(rows / height, columns / width)
    crop_rows, crop_columns = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (rows - crop_rows) // 2, (columns - crop_columns) // 2
    crop = image[top : top + crop_rows, left : left + crop_columns]
    return transform.resize(crop, (height, width), anti_aliasing=True)


# Data sets


def load(name, **options):
    """Return a data set by name.

    Parameters
    ----------
    name : str
        "digits", "lines" or "photo_patches".
    **options
        The parameters of the function of that name in this module.

    Returns
    -------
    Dataset

    Raises
    ------
    TypeError, ValueError
        If the name is unknown, or the data set has no such option, or cannot take its value.

    Notes
    -----
    Taught in lesson 04.
    """
    if not isinstance(name, str) or name not in _DATASETS:
        raise ValueError(f"there is no data set named {name!r}; the names are: {', '.join(_DATASETS)}")
    loader = _DATASETS[name].loader
    known = list(inspect.signature(loader).parameters)
    unknown = [option for option in options if option not in known]
    if unknown:
        raise TypeError(f"{name} has no option {unknown[0]!r}; its options are: {', '.join(known) or 'none'}")
    return loader(**options)


def available():
    """Return a tuple with the `DatasetSource` of each data set: name, what it shows, where from, offline or not."""
    return tuple(_DATASETS.values())


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
    return Dataset(
        images[~test], labels[~test], images[test], labels[test], tuple("0123456789"), _DATASETS["digits"].source
    )


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
    for name in _PATCH_CLASSES:
        photo = _reduced(name)
        train_blocks, test_blocks = _blocks(photo.shape, 2 * size)
        train.append(_crops(photo, train_blocks, per_class, size, rng))
        test.append(_crops(photo, test_blocks, test_per_class, size, rng))
    classes = np.arange(len(_PATCH_CLASSES))
    return Dataset(
        np.concatenate(train),
        np.repeat(classes, per_class),
        np.concatenate(test),
        np.repeat(classes, test_per_class),
        _PATCH_CLASSES,
        f"{_DATASETS['photo_patches'].source}; seed {seed}",
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


_PUBLIC_DOMAIN = "public domain"
_CC0 = "CC0 1.0"
_CC_BY = "CC BY 2.0"
_NONE_KNOWN = "no known copyright restrictions"
_NOT_STATED = "not stated; comes with scikit-image, BSD-3-Clause"

_ROWS = (
    ("astronaut", "skimage/data/astronaut.png", "Eileen Collins", "NASA Great Images", _PUBLIC_DOMAIN),
    ("brick", "skimage/data/brick.png", "a brick wall", "CC0Textures, Bricks25", _CC0),
    ("camera", "skimage/data/camera.png", "a man with a camera", "Lav Varshney", _CC0),
    ("cell", "skimage/data/cell.png", "a cell, phase image", "P. Müller et al., Optics Express 26, 2018", _CC0),
    ("chelsea", "skimage/data/chelsea.png", "Chelsea the cat", "Stefan van der Walt", _CC0),
    ("clock", "skimage/data/clock_motion.png", "a clock, motion blurred", "Stefan van der Walt", _PUBLIC_DOMAIN),
    ("coffee", "skimage/data/coffee.png", "a cup of coffee", "Rachel Michetti, Pikolo Espresso Bar", _CC0),
    ("coins", "skimage/data/coins.png", "coins from Pompeii", "Brooklyn Museum", _NONE_KNOWN),
    ("colorwheel", "skimage/data/color.png", "a colour wheel, drawn", "scikit-image", _NOT_STATED),
    ("grass", "skimage/data/grass.png", "grass", "linolafett, DeviantArt", _CC0),
    ("gravel", "skimage/data/gravel.png", "gravel", "CC0Textures, Gravel04", _CC0),
    ("hubble_deep_field", "skimage/data/hubble_deep_field.jpg", "galaxies", "NASA, HubbleSite", _PUBLIC_DOMAIN),
    (
        "immunohistochemistry",
        "skimage/data/ihc.png",
        "glands of the colon",
        "Center for Microscopy and Molecular Imaging",
        _NONE_KNOWN,
    ),
    ("moon", "skimage/data/moon.png", "the surface of the moon", "scikit-image", _NOT_STATED),
    ("page", "skimage/data/page.png", "a scanned page, unevenly lit", "scikit-image", _NOT_STATED),
    ("retina", "skimage/data/retina.jpg", "a retina", "M. Häggström, WikiJournal of Medicine 1, 2014", _CC0),
    ("rocket", "skimage/data/rocket.jpg", "the launch of a Falcon 9", "SpaceX Photos", _PUBLIC_DOMAIN),
    (
        "stereo_motorcycle",
        "skimage/data/motorcycle_left.png",
        "a motorcycle",
        "Scharstein et al., Middlebury stereo benchmark, GCPR 2014",
        _NOT_STATED,
    ),
    ("text", "skimage/data/text.png", "handwriting", "Wikipedia, File:Corner.png", _PUBLIC_DOMAIN),
    ("china", "sklearn/datasets/images/china.jpg", "a pavilion in China", "danielbuechele, Flickr", _CC_BY),
    ("flower", "sklearn/datasets/images/flower.jpg", "a dahlia", "vultilion, Flickr", _CC_BY),
)
_PHOTOGRAPHS = {row[0]: PhotographSource(*row) for row in _ROWS}

_PATCH_CLASSES = (
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

_SOURCES = (
    DatasetSource(
        "digits",
        "1,797 handwritten digits, 8 × 8 × 1; which digit is it?",
        "E. Alpaydin & C. Kaynak 1998, Optical Recognition of Handwritten Digits, UCI, test part; with scikit-learn",
        digits,
        ("sklearn/datasets/data/digits.csv.gz",),
    ),
    DatasetSource("lines", "one bright line in noise, 16 × 16 × 1; which way does it run?", "drawn from a seed", lines),
    DatasetSource(
        "photo_patches",
        "colour crops of ten photographs, 32 × 32 × 3; which photograph is it from?",
        "cut from photographs of scikit-image and scikit-learn",
        photo_patches,
        tuple(_PHOTOGRAPHS[name].file for name in _PATCH_CLASSES),
    ),
)
_DATASETS = {source.name: source for source in _SOURCES}
