"""Your own images, in one sub-folder for each class. Used in lesson 15."""

import hashlib
from itertools import pairwise
from numbers import Real
from pathlib import Path

import numpy as np

from cnnlessons import shapes
from cnnlessons.datasets import files, pictures
from cnnlessons.datasets.records import Dataset, Skipped, as_floats, mixed

LARGEST = 1024  # pixels; a thousand images of that size already fill 12 GB
_PARTS = {"train", "training", "test", "testing", "val", "valid", "validation"}


def folder(path, size=32, test_share=0.2, seed=0):
    """Return your own images: one sub-folder a class, whose name is the class name.

    An image may lie at any depth of its class folder and have any size, shape and common format. It is turned
    upright, laid on white where it is transparent, cropped to the largest centred square and resized with
    anti-aliasing. Files that are no images are left out, and so are exact copies, which could otherwise be learned in
    one part and asked in the other. `skipped` of the data set lists them, with reasons; if there are any, a sentence
    says so.

    Parameters
    ----------
    path : str or Path
        A folder, or a zip file of one. Nothing is unpacked.
    size : int
        Height and width of the images, 4 to 1024.
    test_share : float
        How much of each class becomes the test part, between 0 and 1; at least one image, and not all.
    seed : int
        Decides which. The order in which a system lists files does not.

    Returns
    -------
    Dataset
        Images (N, size, size, 1) if all files hold gray values, otherwise (N, size, size, 3). The classes take turns.

    Raises
    ------
    TypeError, ValueError
        If a parameter is none of these, if there are fewer than two classes, or one has fewer than two images.
    OSError
        If the folder is not there or may not be read.

    Notes
    -----
    Used in lesson 15.
    """
    _check_options(size, test_share, seed)
    with files.opened(path) as listing:
        class_names, members, skipped = _classes(listing, path)
        images, labels, names, unread = _read(members, class_names, size)
    kept, copies = _without_copies(images, labels, names)
    skipped = tuple(skipped + unread + copies)
    _check_classes(labels[kept], class_names, path, skipped)
    order = kept[mixed(labels[kept])]
    images, labels, name = as_floats(images[order]), labels[order], Path(path).expanduser().resolve().name
    if skipped:
        _say(skipped, len(skipped) + len(order), name)
    test = _drawn(labels, test_share, seed)
    source = f"your own {name}, a share of {test_share} of each class drawn for testing, seed {seed}"
    return Dataset(images[~test], labels[~test], images[test], labels[test], class_names, source, skipped)


def _check_options(size, test_share, seed):
    shapes.whole_number(seed, "seed", 0)
    if shapes.whole_number(size, "size", 4) > LARGEST:
        raise ValueError(f"size must be at most {LARGEST}, got {size}")
    if not isinstance(test_share, Real) or isinstance(test_share, bool) or not 0 < test_share < 1:
        raise ValueError(f"test_share must be a number between 0 and 1, such as 0.2, got {test_share!r}")


def _classes(listing, path):
    """Return the class names, the pairs (file, label), and what lies in no class folder."""
    depth = _depth(listing.folders)
    names = {folder[depth] for folder in listing.folders if len(folder) > depth}
    names = tuple(sorted(names, key=lambda name: (name.casefold(), name)))
    _check_names(names, path, listing)
    labels = {name: label for label, name in enumerate(names)}
    members = [(file, labels[file.parts[depth]]) for file in listing.files if len(file.parts) > depth + 1]
    outside = [file for file in listing.files if len(file.parts) <= depth + 1]
    return names, members, listing.skipped + [Skipped(file.name, "lies in no class folder") for file in outside]


def _depth(folders):
    """Return how many folders stand around the class folders: a zip file often holds one that holds everything."""
    depth = 0
    while len({folder[depth] for folder in folders if len(folder) > depth}) == 1 and any(
        len(folder) > depth + 1 for folder in folders
    ):
        depth += 1
    return depth


def _check_names(names, path, listing):
    rule = f"path must hold at least two class folders with images; {str(path)!r} holds"
    if len(names) < 2:
        first = "".join(f"; {file!r} {reason}" for file, reason in listing.skipped[:1])
        raise ValueError(f"{rule} {', '.join(map(repr, names)) or 'none'}{first}; make one sub-folder for each class")
    if _PARTS.issuperset(name.casefold() for name in names):
        raise ValueError(
            f"{rule} {', '.join(map(repr, names))}, which are parts of a split and not classes; give the folder of "
            "one part, or put the images of both together: load splits them"
        )
    for one, other in pairwise(names):
        if one.casefold() == other.casefold():
            raise ValueError(f"{rule} {one!r} and {other!r}, which some systems take for one; rename one of them")


def _read(members, class_names, size):
    """Return images (N, size, size, C) of uint8, labels, file names, and what could not be read."""
    found, labels, names, skipped = [], [], [], []
    for file, label in pictures.progress(members, "reading"):
        try:
            found.append(pictures.pixels(file.read, size))
        except pictures.Unreadable as reason:
            skipped.append(Skipped(file.name, str(reason)))
        else:
            labels.append(label)
            names.append(file.name)
    channels = max((image.shape[2] for image in found), default=1)
    images = np.empty((len(found), size, size, channels), np.uint8)
    for place, image in enumerate(found):
        images[place] = image  # gray values fill all three channels if others are coloured
    return images, np.array(labels, dtype=np.int64), names, skipped


def _without_copies(images, labels, names):
    """Return the places of images that are not copies, and the others as `Skipped`.

    The first of several copies stays; if they lie in different classes, nobody can say which is right, and none stays.
    """
    places, skipped = {}, {}
    for place, image in enumerate(images):
        places.setdefault(hashlib.sha256(image.tobytes()).digest(), []).append(place)
    for same in places.values():
        for place in same:
            elsewhere = [other for other in same if labels[other] != labels[place]]
            if elsewhere:
                skipped[place] = f"shows the same as {names[elsewhere[0]]!r}, which is in another class"
            elif place != same[0]:
                skipped[place] = f"shows the same as {names[same[0]]!r}"
    kept = np.array([place for place in range(len(images)) if place not in skipped], dtype=np.int64)
    return kept, [Skipped(names[place], skipped[place]) for place in sorted(skipped)]


def _check_classes(labels, class_names, path, skipped):
    counts = np.bincount(labels, minlength=len(class_names))
    for name, count in zip(class_names, counts, strict=True):
        if count < 2:
            why = [f"; {file!r} {reason}" for file, reason in skipped if name in file.split("/")[:-1]]
            raise ValueError(
                f"each class folder must hold at least two different images, one to learn and one to test; {name!r} "
                f"in {str(path)!r} holds {count}{''.join(why[:1])}; add images, or take the folder away"
            )


def _say(skipped, count, name):
    file, reason = skipped[0]
    print(
        f"{len(skipped)} of {count} files of {name} are left out; the first, {file!r}, {reason}. "
        "The data set's `skipped` lists all of them."
    )


def _drawn(labels, test_share, seed):
    """Return which images are for testing: of each class the same share, at least one and not all."""
    test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        count = min(max(round(test_share * len(places)), 1), len(places) - 1)
        test[np.random.default_rng([seed, label]).permutation(places)[:count]] = True
    return test
