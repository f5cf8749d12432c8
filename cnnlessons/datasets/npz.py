"""A data set in one npz file: its arrays, checked before they are believed. No code in a file is run."""

import numpy as np

# As this course writes them, and as Keras's own files do.
NAMES = {
    "train_images": ("train_images", "x_train"),
    "train_labels": ("train_labels", "y_train"),
    "test_images": ("test_images", "x_test"),
    "test_labels": ("test_labels", "y_test"),
}


def read(path, image_shape, classes, most, names=NAMES):
    """Return the arrays of an npz file, images uint8 or float32 and labels int64, or say which is not as it should be.

    `most` is how many images "train" and "test", or one of them, may have; `names` what each array may be called.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            held = file.files
            keys = {name: next((key for key in either if key in held), None) for name, either in names.items()}
            arrays = {name: file[key] for name, key in keys.items() if key}
    except PermissionError:
        raise PermissionError(f"{str(path)!r} may not be read; ask for the right, or copy it") from None
    except Exception as error:  # zipfile and NumPy say in a dozen ways that a file is damaged
        why = str(error) or type(error).__name__
        raise ValueError(f"{str(path)!r} is damaged, or not an npz file ({why}); copy or download it again") from None
    lacking = [" (or ".join(names[name]) + ")" for name, key in keys.items() if key is None]
    if lacking:
        raise ValueError(f"{str(path)!r} lacks the array {lacking[0]}; it holds {', '.join(held) or 'none'}")
    which = {name: f"{key} of {str(path)!r}" for name, key in keys.items()}
    for part in most:
        images, labels = f"{part}_images", f"{part}_labels"
        arrays[images] = _images(arrays[images], which[images], image_shape, most[part])
        arrays[labels] = _labels(arrays[labels], which[labels], len(arrays[images]), classes)
    return arrays


def _images(images, which, image_shape, most):
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise ValueError(
            f"{which} must be uint8, 0 to 255, or floats in [0, 1], got {images.dtype}; save images.astype(np.uint8)"
        )
    if images.shape[1:] != image_shape:
        channels_first = len(image_shape) == 3 and images.shape[1:2] == image_shape[2:]
        remedy = "; channels come last: save images.transpose(0, 2, 3, 1)" if channels_first else ""
        expected = f"(N, {', '.join(map(str, image_shape))})"
        raise ValueError(f"{which} must have the shape {expected}, got {images.shape}{remedy}")
    if not 1 <= len(images) <= most:
        raise ValueError(f"{which} must hold 1 to {most:,} images, got {len(images):,}")
    if images.dtype == np.uint8:
        return images
    least, largest = images.min(), images.max()  # NaN if one of them is
    if not (least >= 0 and largest <= 1):
        raise ValueError(
            f"{which} are floats and must be in [0, 1], got {least} to {largest}; save images / 255, or uint8"
        )
    return images.astype(np.float32)


def _labels(labels, which, count, classes):
    if labels.shape not in ((count,), (count, 1)):
        remedy = "; save labels.argmax(axis=1)" if labels.ndim == 2 and len(labels) == count else ""
        raise ValueError(
            f"{which} must hold one label for each of the {count:,} images, got the shape {labels.shape}{remedy}"
        )
    if labels.dtype.kind not in "iu":
        remedy = "labels.astype(np.int64)" if labels.dtype.kind == "f" else "the place of each in the list of classes"
        raise ValueError(
            f"{which} must be whole numbers, the indices of the classes, got {labels.dtype}; save {remedy}"
        )
    least, largest = labels.min(), labels.max()
    if least < 0 or largest >= classes:
        raise ValueError(f"{which} must be indices from 0 to {classes - 1}, got {least} to {largest}")
    return labels.reshape(-1).astype(np.int64)
