"""Photographs and digits that scikit-image and scikit-learn install with themselves. Nothing here is downloaded.

data/README.md lists each with source, licence and checksum. Photographs are taught in lesson 01, the data sets in 04.
"""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import color, transform

from cnnlessons import shapes
from cnnlessons.datasets import pictures
from cnnlessons.datasets.records import Dataset


@dataclass(frozen=True)
class PhotographSource:
    """Where a photograph comes from."""

    name: str
    file: str  #: inside the folder of installed packages
    shows: str
    source: str
    licence: str  #: as the package states it


def photograph(name, size=None, gray=False, dtype=float):
    """Return an installed photograph, or one of your own. Taught in lesson 01.

    Parameters
    ----------
    name : str, Path or bytes
        One of `photographs()`; or the file of a picture of your own, such as "holiday.jpg"; or its contents. Your own
        is turned upright as the camera has noted, and what is transparent in it becomes white.
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
    """
    if np.dtype(dtype) not in (np.float64, np.float32, np.uint8):
        raise ValueError(f"dtype must be float64, float32 or uint8, got {np.dtype(dtype)}")
    image = _own(name, size) if _is_own(name) else _read(photograph_source(name).file)
    image = image / 255
    if gray and image.ndim == 3:
        image = color.rgb2gray(image)  # (H, W)
    if size is not None:
        image = _resize(image, *shapes.pair(size, "size"))
    return np.rint(image * 255).astype(np.uint8) if np.dtype(dtype) == np.uint8 else image.astype(dtype)


def _is_own(name):
    return isinstance(name, (bytes, Path)) or (
        isinstance(name, str)
        and name not in _PHOTOGRAPHS
        and (Path(name).expanduser().is_file() or Path(name).suffix != "")
    )


def _own(name, size):
    """Return the pixels of a picture file, (H, W) or (H, W, 3) of uint8; made small while it is read."""
    file, title = (None, "this file") if isinstance(name, bytes) else (Path(name).expanduser(), repr(str(name)))
    try:
        square = size if isinstance(size, int) and size > 0 else None
        image = pictures.pixels(lambda: name if file is None else file.read_bytes(), square)
    except pictures.Unreadable as problem:
        missing = file is not None and not file.exists()
        why = "is not there; give its path, or put it beside the notebook" if missing else problem
        raise ValueError(f"{title} {why}") from None
    return image[..., 0] if image.shape[-1] == 1 else image


def photographs():
    """Return the names of the photographs that are installed, as a tuple."""
    return tuple(name for name, source in _PHOTOGRAPHS.items() if installed(source.file).is_file())


def photograph_source(name):
    """Return the `PhotographSource` of a photograph: what it shows, where it comes from, and its licence."""
    if not isinstance(name, str) or name not in _PHOTOGRAPHS:
        raise ValueError(f"there is no photograph named {name!r}; the names are: {', '.join(_PHOTOGRAPHS)}")
    return _PHOTOGRAPHS[name]


def installed(file):
    """Return the path of a package's file, whether it exists or not, without importing the package."""
    package, rest = file.split("/", 1)
    found = find_spec(package)
    return Path(found.origin).parent / rest if found else Path(file)


def existing(file):
    """Return the path of a package's file, or say that it is not there."""
    path = installed(file)
    if not path.is_file():
        raise FileNotFoundError(
            f"{file} should have been installed as {path}, but is not there, and nothing is downloaded here; "
            "install the versions of requirements.lock.txt again"
        )
    return path


@cache
def _read(file):
    with Image.open(existing(file)) as picture:
        return np.asarray(picture)


def _resize(image, height, width):
    rows, columns = image.shape[:2]
    scale = min(rows / height, columns / width)
    crop_rows, crop_columns = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (rows - crop_rows) // 2, (columns - crop_columns) // 2
    crop = image[top : top + crop_rows, left : left + crop_columns]
    return transform.resize(crop, (height, width), anti_aliasing=True)


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


# --------------------------------------------------------------------------- data sets

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
    *pixels, labels = np.loadtxt(existing(DIGITS_FILE), np.int64, delimiter=",").T  # 64 numbers from 0 to 16, and which
    images = np.float32(pixels).T.reshape(-1, 8, 8, 1) / 16
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
        if (crop - crop.mean(axis=(0, 1))).std() > 0.02:
            crops.append(_standardised(crop))
    return np.array(crops, dtype=np.float32)  # (count, size, size, 3)


def _standardised(crop):
    centred = crop - crop.mean(axis=(0, 1))
    return np.clip(0.5 + centred / (6 * centred.std()), 0, 1)
