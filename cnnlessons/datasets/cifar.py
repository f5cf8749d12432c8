"""CIFAR-10: 60,000 small photographs of ten kinds of animals and vehicles. Used from lesson 07 on.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", technical report, University of Toronto, 2009.
"""

import hashlib
import os
import re
from collections import defaultdict
from pathlib import Path

import numpy as np

from cnnlessons import shapes
from cnnlessons.datasets import arrays, copies, files, pictures, store
from cnnlessons.datasets.copies import VARIABLE
from cnnlessons.datasets.records import Dataset, as_floats, mixed

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SOURCE = "A. Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images"
COMPLETE = {"train": 50_000, "test": 10_000}

_SHAPE = (32, 32, 3)
_LAYOUT = "train/airplane/… to test/truck/…"
_NAMED = re.compile(r"cifar[-_ ]?10(?!\d)", re.IGNORECASE)  # not CIFAR-100
_REMEDY = (
    f"set {VARIABLE} to your copy (an .npz file, a zip file or folder with {_LAYOUT}, or a folder that holds "
    'one named cifar10), or connect to the network once and call load("cifar10") where Keras is installed'
)
_KERAS_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"  # keras.datasets.cifar10 checks it
_KERAS_KEY = f"cifar10-keras-{_KERAS_SHA256[:16]}"
_KERAS_FILE = "cifar-10-batches-py-target_archive"


def cifar10(per_class=None, test_per_class=None, seed=0):
    """Return CIFAR-10: 50,000 training and 10,000 test images of ten classes.

    They are read from the copy that the environment variable CNNLESSONS_DATA names, or else downloaded once by Keras,
    with its checksum. What took long is kept (in the folder CNNLESSONS_CACHE, or where the system keeps such
    files), so the next time takes seconds. data/README.md says which copies can be read.

    Parameters
    ----------
    per_class, test_per_class : int, optional
        Take only so many training and test images of each class, drawn by the seed. More of them contain the fewer
        of the same seed. Without it all are taken.
    seed : int

    Returns
    -------
    Dataset
        Images (N, 32, 32, 3), in the order of the copy; in one of class folders the classes take turns.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a whole number or larger than a class, or the copy is damaged or not CIFAR-10.
    OSError
        If there is no copy and none can be downloaded.

    Notes
    -----
    Taught in lesson 07.
    """
    wanted = {"train": per_class, "test": test_per_class}
    for name, count in (("per_class", per_class), ("test_per_class", test_per_class)):
        if count is not None:
            shapes.whole_number(count, name, 1)
    shapes.whole_number(seed, "seed", 0)
    data, source = _copy()
    parts = [_chosen(data, part, wanted[part], seed) for part in ("train", "test")]
    if any(wanted.values()):
        source += f"; {len(parts[0][1]):,} training and {len(parts[1][1]):,} test images drawn with seed {seed}"
    return Dataset(*parts[0], *parts[1], CLASS_NAMES, source)


def here():
    """Return whether CIFAR-10 can be had without a network: from your copy, from the cache, or from Keras's."""
    if os.environ.get(VARIABLE):
        try:
            return bool(_find(os.environ[VARIABLE]))
        except (OSError, TypeError, ValueError):
            return False
    return store.file(_KERAS_KEY).is_file() or copies.downloaded_before(_KERAS_FILE)


def _chosen(data, part, per_class, seed):
    """Return images as float32 and labels of one part: all, or the first of a seeded permutation of each class."""
    images, labels = data[f"{part}_images"], data[f"{part}_labels"]
    if per_class is None:
        return as_floats(images), labels
    rng = np.random.default_rng([seed, list(COMPLETE).index(part)])
    chosen = []
    for label, name in enumerate(CLASS_NAMES):
        places = rng.permutation(np.flatnonzero(labels == label))
        if len(places) < per_class:
            option = "per_class" if part == "train" else "test_per_class"
            raise ValueError(f"{option} must be at most {len(places)}, the {part} images of {name!r}, got {per_class}")
        chosen.append(places[:per_class])
    chosen = np.sort(np.concatenate(chosen))
    return as_floats(images[chosen]), labels[chosen]


def _copy():
    """Return the arrays and where they come from, and say if some are missing."""
    if os.environ.get(VARIABLE):
        data, source = _given(_find(os.environ[VARIABLE]))
    else:
        data, source = _kept(_KERAS_KEY, _downloaded)
    counts = {part: len(data[f"{part}_labels"]) for part in COMPLETE}
    if counts != COMPLETE:
        there = " and ".join(f"{count:,} of {COMPLETE[part]:,} {part} images" for part, count in counts.items())
        print(f"This copy of CIFAR-10 is not complete: it holds {there}.")
    return data, source


def _kept(key, make):
    """Return what the cache holds under `key`; if it holds nothing, or a damaged file, make it and keep it."""
    found = _from_cache(store.file(key))
    if found is None:
        found = make()
        store.write(key, found[0] | {"source": np.array(found[1])})
    return found


def _from_cache(path):
    try:
        with np.load(path, allow_pickle=False) as file:
            source = str(file["source"])
        return _read(path), source
    except Exception:  # whatever is wrong with a kept file, it is made again
        return None


def _read(path):
    return arrays.read(path, _SHAPE, len(CLASS_NAMES), COMPLETE)


# --------------------------------------------------------------------------- a copy of the reader's


def _find(given):
    """Return the npz file, zip file or folder of class folders that `given` names or holds."""
    path = files.existing(given, VARIABLE)
    if path.suffix.casefold() in (".npz", ".zip") and path.is_file():
        return path
    if not path.is_dir():
        raise ValueError(f"{VARIABLE} must name an .npz file, a .zip file or a folder, got {str(path)!r}; {_REMEDY}")
    try:
        named = sorted(child for child in path.iterdir() if _NAMED.match(child.name))
    except PermissionError:
        raise PermissionError(f"{VARIABLE}: the folder {str(path)!r} may not be read; ask for the right") from None
    folders = [path, *named, *(inner for child in named for inner in sorted(child.glob("*")))]
    candidates = [child for kind in (".npz", ".zip") for child in named if child.suffix.casefold() == kind]
    candidates += [folder for folder in folders if os.path.isdir(folder / "train" / CLASS_NAMES[0])]
    if not candidates:
        raise FileNotFoundError(
            f"{VARIABLE} names the folder {str(path)!r}, which holds neither {_LAYOUT} nor an .npz file, a .zip file "
            "or a folder whose name starts with cifar10; name the file itself, or unset the variable"
        )
    return candidates[0]  # npz before zip before folder: the fastest


def _given(path):
    if path.suffix.casefold() == ".npz" and path.is_file():
        return _read(path), f"{SOURCE}; from {path.name}, sha256 {copies.sha256(path)}"
    return _kept(f"cifar10-{_fingerprint(path)}", lambda: _from_class_folders(path))


def _fingerprint(path):
    """Return what changes whenever the copy does, without reading all of it: its place, sizes and times."""
    status = path.stat()
    marks = [str(path.resolve()), status.st_size, status.st_mtime_ns]
    if path.is_dir():
        with files.opened(path, VARIABLE) as listing:
            marks += [(file.name, file.mark) for file in listing.files]
    return hashlib.sha256(repr(marks).encode()).hexdigest()[:16]


def _from_class_folders(path):
    """Return the arrays of a zip file or folder, and where they come from."""
    data = {}
    with files.opened(path, VARIABLE) as listing:
        found = _sorted_out(listing, path)
        bar = pictures.progress([entry for part in found.values() for entry in part], f"reading {path.name}")
        decoded = [_pixels(file, path) for file, _ in bar]
        kinds = sorted({Path(file.name).suffix.casefold() for part in found.values() for file, _ in part})
    for part, entries in found.items():
        images, decoded = decoded[: len(entries)], decoded[len(entries) :]
        labels = np.array([label for _, label in entries], dtype=np.int64)
        order = mixed(labels)
        data |= {f"{part}_images": np.stack(images)[order], f"{part}_labels": labels[order]}
    checksum = f", sha256 {copies.sha256(path)}" if path.is_file() else ""
    return data, f"{SOURCE}; from {path.name}, {' and '.join(kinds)} files in class folders{checksum}"


def _sorted_out(listing, path):
    """Return for "train" and "test" the pairs (file, label); each class must have files in both."""
    if listing.skipped:
        file, reason = listing.skipped[0]
        raise ValueError(f"{file!r} in {str(path)!r} {reason}; take another copy of CIFAR-10")
    found = defaultdict(lambda: {part: [] for part in COMPLETE})
    for file in listing.files:
        *around, part, name = [folder.casefold() for folder in ("", "", *file.parts[:-1])]
        if part in COMPLETE and name in CLASS_NAMES:
            found[tuple(around)][part].append((file, CLASS_NAMES.index(name)))
    if len(found) != 1:
        raise ValueError(
            f"a copy of CIFAR-10 must hold {_LAYOUT} once; {str(path)!r} holds it {len(found)} times; "
            'images of your own are read by load("folder", path=…)'
        )
    (parts,) = found.values()
    for part, entries in parts.items():
        present = {label for _, label in entries}
        absent = [name for label, name in enumerate(CLASS_NAMES) if label not in present]
        if absent or len(entries) > COMPLETE[part]:
            what = f"no image of {', '.join(absent)}" if absent else f"{len(entries):,} images, more than there are"
            raise ValueError(f"{str(path)!r} is not CIFAR-10: the part {part!r} holds {what}; take another copy")
    return parts


def _pixels(file, path):
    try:
        image = pictures.pixels(file.read)
    except pictures.Unreadable as reason:
        raise ValueError(f"{file.name!r} in {str(path)!r} {reason}; take another copy of CIFAR-10") from None
    if image.shape[:2] != _SHAPE[:2]:
        raise ValueError(
            f"images of CIFAR-10 are 32 × 32 pixels; {file.name!r} in {str(path)!r} is "
            f'{image.shape[0]} × {image.shape[1]}; images of your own are read by load("folder", path=…)'
        )
    return np.broadcast_to(image, _SHAPE)


# --------------------------------------------------------------------------- Keras's copy


def _downloaded():
    """Return the arrays as Keras downloads and checks them, or finds them where it put them before."""
    parts, channels_first = copies.download("cifar10", "CIFAR-10", _KERAS_FILE, _REMEDY)
    (train, train_labels), (test, test_labels) = parts
    if channels_first:
        train, test = (np.ascontiguousarray(images.transpose(0, 2, 3, 1)) for images in (train, test))
    labels = [array.reshape(-1).astype(np.int64) for array in (train_labels, test_labels)]
    data = {"train_images": train, "train_labels": labels[0], "test_images": test, "test_labels": labels[1]}
    return data, f"{SOURCE}; downloaded by Keras, sha256 {_KERAS_SHA256}"
