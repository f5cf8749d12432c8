"""A data set in one npz file: its arrays, checked before they are believed. No code in a file is run."""

import struct
import tokenize
import zipfile
import zlib
from contextlib import contextmanager

import numpy as np

# As this course writes them, and as Keras's own files do.
NAMES = {
    "train_images": ("train_images", "x_train"),
    "train_labels": ("train_labels", "y_train"),
    "test_images": ("test_images", "x_test"),
    "test_labels": ("test_labels", "y_test"),
}
_DAMAGED = (OSError, ValueError, EOFError, KeyError, TypeError, SyntaxError, RuntimeError)
_DAMAGED += (zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError, AttributeError)


class Wrong(Exception):
    """An array that is not what it should be; the message is for the reader."""


def read(path, image_shape, classes, most, names=NAMES):
    """Return the arrays of an npz file, images uint8 or float32 and labels int64, or say which is not as it should be.

    `most` is how many images "train" and "test", or one of them, may have, so that a forged file cannot claim the whole
    memory; `names` what each array may be called in the file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return _checked(file, path, image_shape, classes, most, names)
    except PermissionError:
        raise PermissionError(f"{str(path)!r} may not be read; ask for the right, or copy it") from None
    except Wrong as error:
        raise ValueError(str(error)) from None
    except _DAMAGED as error:
        raise ValueError(
            f"{str(path)!r} is damaged, or not an npz file ({error or type(error).__name__}); copy or download it again"
        ) from None


def _checked(file, path, image_shape, classes, most, names):
    keys = {name: next((key for key in either if key in file.files), None) for name, either in names.items()}
    lacking = [" (or ".join(names[name]) + ")" for name, key in keys.items() if key is None]
    if lacking:
        raise Wrong(f"{str(path)!r} lacks the array {lacking[0]}; it holds {', '.join(file.files) or 'none'}")
    arrays = {}
    for part in most:
        images, labels = f"{part}_images", f"{part}_labels"
        count = _check_image_header(file, keys[images], path, image_shape, most[part])
        _check_label_header(file, keys[labels], path, count)
        arrays[images] = _images(_array(file, keys[images], path), f"{keys[images]} of {str(path)!r}")
        arrays[labels] = _labels(_array(file, keys[labels], path), f"{keys[labels]} of {str(path)!r}", classes)
    return arrays


def _header(file, key, path):
    """Return an array's shape and dtype without its values: a header may claim more than the memory holds."""
    with _member(file, key, path) as member:
        version = np.lib.format.read_magic(member)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(member)
    return shape, dtype


def _array(file, key, path):
    with _member(file, key, path) as member:
        return np.lib.format.read_array(member, allow_pickle=False)


@contextmanager
def _member(file, key, path):
    try:
        with file.zip.open(f"{key}.npy") as member:
            yield member
    except _DAMAGED as error:
        raise Wrong(f"{key} of {str(path)!r} is damaged ({error}); copy or download the file again") from None


def _check_image_header(file, key, path, image_shape, most):
    shape, dtype = _header(file, key, path)
    rule = f"{key} of {str(path)!r} must"
    if dtype != np.uint8 and dtype.kind != "f":
        raise Wrong(f"{rule} be uint8, 0 to 255, or floats in [0, 1], got {dtype}; save images.astype(np.uint8)")
    if len(shape) != 1 + len(image_shape) or shape[1:] != image_shape:
        expected = f"(N, {', '.join(map(str, image_shape))})"
        channels_first = len(image_shape) == 3 and shape[1:2] == image_shape[2:]
        remedy = "; channels come last: save images.transpose(0, 2, 3, 1)" if channels_first else ""
        raise Wrong(f"{rule} have the shape {expected}, got {shape}{remedy}")
    if not 1 <= shape[0] <= most:
        raise Wrong(f"{rule} hold 1 to {most:,} images, got {shape[0]:,}")
    return shape[0]


def _check_label_header(file, key, path, count):
    shape, dtype = _header(file, key, path)
    rule = f"{key} of {str(path)!r} must"
    if shape not in ((count,), (count, 1)):
        remedy = "; save labels.argmax(axis=1)" if len(shape) == 2 and shape[0] == count else ""
        raise Wrong(f"{rule} hold one label for each of the {count:,} images, got the shape {shape}{remedy}")
    if dtype.kind not in "iu":
        remedy = "labels.astype(np.int64)" if dtype.kind == "f" else "the place of each in the list of classes"
        raise Wrong(f"{rule} be whole numbers, the indices of the classes, got {dtype}; save {remedy}")


def _images(images, which):
    if images.dtype == np.uint8:
        return images
    least, largest = images.min(), images.max()  # NaN if one of them is
    if not (least >= 0 and largest <= 1):
        raise Wrong(f"{which} are floats and must be in [0, 1], got {least} to {largest}; save images / 255, or uint8")
    return images.astype(np.float32)


def _labels(labels, which, classes):
    least, largest = labels.min(), labels.max()
    if least < 0 or largest >= classes:
        raise Wrong(f"{which} must be indices from 0 to {classes - 1}, got {least} to {largest}")
    return labels.reshape(-1).astype(np.int64)
