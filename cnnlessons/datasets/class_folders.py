"""Images in one sub-folder for each class, perhaps split already: your own, in lesson 15, and copies of CIFAR-10."""

import hashlib
import re
from collections import defaultdict
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from cnnlessons import shapes
from cnnlessons.datasets import files, pictures
from cnnlessons.datasets.records import Dataset, Skipped, as_floats, mixed

LARGEST = 1024  # pixels; a thousand images of that size already fill 12 GB


class Member(NamedTuple):
    """A file of a class."""

    file: files.File
    label: int
    part: str  #: "train" or "test", or "" if the folder is not split


class Sorted(NamedTuple):
    """What a listing holds as class folders."""

    class_names: tuple[str, ...]
    members: list[Member]
    skipped: list[Skipped]
    split: dict[str, str]  #: from the names of the folders to "train" and "test"; empty if it is not split


def folder(path, size=32, test_share=0.2, seed=0, zip_names=None, least=2):
    """Return your own images: one sub-folder a class, whose name is the class name.

    An image may lie at any depth of its class folder and have any size, shape and common format. It is turned
    upright, laid on white where it is transparent, cropped to the largest centred square and resized with
    anti-aliasing. Files that are no images are left out, and so are exact copies, which could otherwise be learned in
    one part and asked in the other, and folders that hold nothing but smaller or other versions of images elsewhere,
    as systems make them. `skipped` of the data set lists them, with reasons; if there are any, a sentence says so.

    A folder that is split already, into parts whose names say which is which, such as train and test, stays so.
    Used in lesson 15.

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
    zip_names : str, optional
        The encoding of the names in a zip file that does not tell it, such as "cp932" of a Japanese Windows.
    least : int
        How many images each class must have, at least 2.

    Returns
    -------
    Dataset
        Images (N, size, size, 1) if all files hold gray values, otherwise (N, size, size, 3). The classes take turns.
    """
    _check_options(size, test_share, seed, least)
    with files.opened(path, zip_names=zip_names) as listing:
        found, images, areas, depth = _read(sorted_out(listing, path), size)
    found, images = _without_versions(found, images, areas)
    labels = np.array([member.label for member in found.members], dtype=np.int64)
    kept, copies = _without_copies(images, found.members)
    skipped = tuple(found.skipped + copies)
    test = np.array([member.part == "test" for member in found.members], dtype=bool)
    _check_classes(labels[kept], test[kept] if found.split else None, found.class_names, path, skipped, least)
    order = kept[mixed(labels[kept])]
    images, labels, name = as_floats(images[order]), labels[order], Path(path).expanduser().resolve().name
    if skipped:
        print(
            f"{len(skipped)} of {len(skipped) + len(order)} files of {name} are left out; the first, "
            f"{skipped[0].file!r}, {skipped[0].reason}. The data set's `skipped` lists all of them."
        )
    how = f"a share of {test_share} of each class drawn for testing, seed {seed}"
    if found.split:
        how = "split as its folders " + " and ".join(f"{given!r} ({part})" for given, part in found.split.items())
        print(f"{name} is {how}; test_share and seed change nothing.")
    test = test[order] if found.split else drawn(labels, test_share, seed)
    pixels = " to ".join(f"{count:,}" for count in sorted({areas.min(), areas.max()}))
    source = f"your own {name}, files of {pixels} pixels, {how}{depth}"
    return Dataset(images[~test], labels[~test], images[test], labels[test], found.class_names, source, skipped)


def _check_options(size, test_share, seed, least):
    shapes.whole_number(seed, "seed", 0)
    shapes.whole_number(least, "least", 2)
    if shapes.whole_number(size, "size", 4) > LARGEST:
        raise ValueError(f"size must be at most {LARGEST}, got {size}")
    rule = "a number between 0 and 1, such as 0.2"
    shapes.number(test_share, "test_share", rule, lambda test_share: 0 < test_share < 1)


# --------------------------------------------------------------------------- which folders are the classes


class _Branch(NamedTuple):
    """What lies in a top folder."""

    level: int  #: how many folders lie around the sub-folders, with the top folder itself
    names: frozenset[str]  #: what these are called; none if files lie beside them, but for one in ten, such as a list


def sorted_out(listing, path):
    """Return class names and files of a folder of class folders, or of one that is split into such folders."""
    depth = _depth(listing.folders)
    branches = _branches(listing, depth)
    split, levels = _split(branches, path)
    found, outside = [], []
    for file in listing.files:
        part, name = _place(file.parts[depth:], branches, levels)
        if name is None or (split and part not in split):
            within = f" of {' or '.join(map(repr, split))}" * bool(split)
            outside.append(Skipped(file.name, f"lies in no class folder{within}"))
        else:
            found.append((file, name, split.get(part, "")))
    names = {name for _, name, _ in found} | (set() if levels == "parts" else branches.keys())
    names = tuple(sorted(names, key=lambda name: (name.casefold(), name)))
    _check_names(names, path, listing)
    labels = {name: label for label, name in enumerate(names)}
    members = [Member(file, labels[name], part) for file, name, part in found]
    return Sorted(names, members, listing.skipped + outside, split)


def _place(parts, branches, levels):
    """Return the part and the class of a file by the folders that it lies in; None for what it does not lie in."""
    if len(parts) < 2:
        return None, None
    top, level = parts[0], branches[parts[0]].level
    inner = parts[level] if len(parts) > level + 1 else None
    return {"parts": (top, inner), "classes": (inner, top)}.get(levels, ("", top))


def _depth(folders):
    """Return how many folders stand around the class folders: a zip file often holds one that holds everything."""
    depth = 0
    while len({folder[depth] for folder in folders if len(folder) > depth}) == 1 and any(
        len(folder) > depth + 1 for folder in folders
    ):
        depth += 1
    return depth


def _branches(listing, depth):
    inside, lengths = defaultdict(set), defaultdict(list)
    for folder in listing.folders:
        if len(folder) > depth:
            inside[folder[depth]].add(folder[depth + 1 :])
    for file in listing.files:
        lengths[file.parts[depth : depth + 1]].append(len(file.parts) - depth)
    found = {}
    for top, folders in inside.items():
        level = 1 + _depth(folders - {()})
        beside = sum(length <= level + 1 for length in lengths[(top,)])
        names = {
            folder[level - 1] for folder in folders if len(folder) >= level and 10 * beside <= len(lengths[(top,)])
        }
        found[top] = _Branch(level, frozenset(names))
    return found


def _split(branches, path):
    """Return which folder is which part, and whether the top folders are "parts", split "classes", or "whole"."""
    # Top folders that hold the same sub-folders are parts or classes, and their names must say which.
    below = {top: branch.names for top, branch in branches.items() if branch.names}
    same = sorted({top for pair in combinations(sorted(below), 2) if _alike(*pair, below) for top in pair})
    inner = sorted(frozenset.union(*(below[top] for top in same))) if same else []
    if parts := _parts(same):
        return parts, "parts"
    if len(inner) == 2 and (parts := _parts(inner)):
        return parts, "classes"
    within = next((top for top, names in below.items() if 2 * len(names & branches.keys()) > max(2, len(names))), None)
    reason = ""
    if same:
        reason = f"of which {_list(same)} hold the same sub-folders, {_list(inner[:3])}"
    elif within:
        reason = f"of which {within!r} holds folders named like those beside it"
    elif branches and all(map(_part, branches)):
        reason = "which are parts of a split and not classes"
    if reason:
        raise ValueError(
            f"path must hold class folders, or two parts that are called train and test and hold the same class "
            f"folders; {str(path)!r} holds {_list(sorted(branches))}, {reason}; give the folder of one part, rename "
            "the parts, or put the images of each class together: load splits them"
        )
    return {}, "whole"


def _alike(one, other, below):
    both = len(below[one] & below[other])
    return both >= 2 and 2 * both >= len(below[one] | below[other])


_PARTS = {"train": "train", "test": "test", "val": "test", "dev": "test", "eval": "test", "holdout": "test"}


def _part(name):
    """Return how a folder's name, such as seg_train or TestSet, says that it is a part; None if it does not."""
    words = re.findall("[a-z]+", re.sub("([a-z])([A-Z])", r"\1 \2", name).casefold())
    return next(
        (part for part in _PARTS for word in words if word.startswith(part) and len(word) <= len(part) + 6), None
    )


def _parts(names):
    """Return the folders that are for training and for testing, if there is one of each; others are left out."""
    called = {name: _part(name) for name in names}
    train = [name for name in names if called[name] == "train"]
    test = [name for name in names if called[name] == "test"] or [name for name in names if called[name] in _PARTS]
    test = [name for name in test if name not in train]
    return {train[0]: "train", test[0]: "test"} if len(train) == len(test) == 1 else {}


def _list(names):
    return ", ".join(map(repr, names)) or "none"


def _check_names(names, path, listing):
    rule = f"path must hold at least two class folders with images; {str(path)!r} holds"
    if len(names) < 2:
        first = "".join(f"; {file!r} {reason}" for file, reason in listing.skipped[:1])
        raise ValueError(f"{rule} {_list(names)}{first}; make one sub-folder for each class")
    for one, other in pairwise(names):
        if one.casefold() == other.casefold():
            raise ValueError(f"{rule} {one!r} and {other!r}, which some systems take for one; rename one of them")


# --------------------------------------------------------------------------- the images


def _read(found, size):
    """Return what can be read, its images (N, size, size, C) of uint8, the files' pixels, and a word on 16 bits."""
    reads = ((member, member.file.read) for member in pictures.progress(found.members, "reading"))
    decoded, bad = _each(reads, lambda read: pictures.decoded(read, size))
    depth = pictures.depth(picture for _, picture in decoded)
    ready, worse = _each(decoded, lambda picture: (pictures.in_eight_bits(picture, depth), picture.area))
    channels = max((image.shape[2] for _, (image, _) in ready), default=1)
    images = np.empty((len(ready), size, size, channels), np.uint8)
    for place, (_, (image, _)) in enumerate(ready):
        images[place] = image  # gray values fill all three channels if others are coloured
    said = ""
    if depth not in (None, 16):
        print(f"Files of 16 bits hold no value above {2**depth - 1}, which is taken for white ({depth} bits).")
        said = f", {depth} of 16 bits used: {2**depth - 1} is white"
    areas = np.array([area for _, (_, area) in ready])
    found = found._replace(members=[member for member, _ in ready], skipped=found.skipped + bad + worse)
    return found, images, areas, said


def _each(pairs, make):
    """Return (member, what is made) of the pairs (member, given) of which something can be made, and the others."""
    made, skipped = [], []
    for member, given in pairs:
        try:
            made.append((member, make(given)))
        except pictures.Unreadable as reason:
            skipped.append(Skipped(member.file.name, str(reason)))
    return made, skipped


def _without_versions(found, images, areas):
    """Return what is left, and its images, without folders that hold no picture of their own."""
    # Systems keep other, mostly smaller, versions of all pictures in a folder below or beside them.
    folders = defaultdict(list)
    for place, member in enumerate(found.members):
        folders[member.file.parts[:-1]].append(place)
    looks, reasons = _looks(images) if len(folders) > 1 else None, {}
    for here, places in folders.items():
        around = [place for depth in range(len(here)) for place in folders.get(here[:depth], ())]
        versions = {}
        for place in places:
            original = _original(place, around, places, found.members, looks, areas)
            if original is None:
                break
            versions[place] = f"looks like {found.members[original].file.name!r}, as its whole folder looks like others"
        else:
            reasons |= versions
    left = [place for place in range(len(images)) if place not in reasons]
    emptied = {found.members[place].label for place in reasons} - {found.members[place].label for place in left}
    names = tuple(name for label, name in enumerate(found.class_names) if label not in emptied)
    members = [found.members[place] for place in left]
    members = [member._replace(label=names.index(found.class_names[member.label])) for member in members]
    skipped = found.skipped + [Skipped(found.members[place].file.name, why) for place, why in sorted(reasons.items())]
    return Sorted(names, members, skipped, found.split), images[left]


def _original(place, around, own, members, looks, areas):
    """Return which picture, in a folder around it or a much larger one anywhere, a picture is a version of, or None."""
    # Of the installed photographs reduced to a fifth a correlation is above 0.9, that of different ones below 0.75.
    if looks is None:
        return None
    names = {_stem(part) for part in members[place].file.parts}
    for other in around:
        same_name, larger = _stem(members[other].file.parts[-1]) in names, areas[other] > areas[place]
        if (same_name or larger) and looks[other] @ looks[place] > (0.75 if same_name and larger else 0.9):
            return other
    much_larger = np.setdiff1d(np.flatnonzero(areas > 2 * areas[place]), own)
    alike = much_larger[looks[much_larger] @ looks[place] > 0.97]
    return alike[0] if len(alike) else None


def _stem(name):
    return name.rpartition(".")[0] or name


def _looks(images):
    """Return 64 brightnesses of each image, without mean and contrast, so that a product is a correlation."""
    looks = np.zeros((len(images), 64), np.float32)
    for place, image in enumerate(images):
        gray = Image.fromarray(image.mean(axis=2).astype(np.uint8))
        looks[place] = np.asarray(gray.resize((8, 8), Image.Resampling.BOX)).ravel()
    looks -= looks.mean(axis=1, keepdims=True)
    return looks / np.maximum(np.linalg.norm(looks, axis=1, keepdims=True), 1e-6)


def _without_copies(images, members):
    """Return the places of images that are not copies, and the others as `Skipped`."""
    # The first of several copies stays; if they lie in different classes, nobody can say which is right: none does.
    places, skipped = {}, {}
    for place, image in enumerate(images):
        places.setdefault(hashlib.sha256(image.tobytes()).digest(), []).append(place)
    names = [member.file.name for member in members]
    for same in places.values():
        for place in same:
            elsewhere = [other for other in same if members[other].label != members[place].label]
            if elsewhere:
                skipped[place] = f"shows the same as {names[elsewhere[0]]!r}, which is in another class"
            elif place != same[0]:
                skipped[place] = f"shows the same as {names[same[0]]!r}"
    kept = np.array([place for place in range(len(images)) if place not in skipped], dtype=np.int64)
    return kept, [Skipped(names[place], skipped[place]) for place in sorted(skipped)]


def _check_classes(labels, test, class_names, path, skipped, least):
    """Make sure that each class has an image to learn and one to test; `test` says which, if that is given."""
    counts = np.bincount(labels, minlength=len(class_names))
    tested = counts if test is None else np.bincount(labels[test], minlength=len(class_names))
    for name, in_test, count in zip(class_names, tested, counts, strict=True):
        if test is not None and in_test in (0, count):
            part = "training" if in_test else "test"
            raise ValueError(
                f"each class folder must hold images in both parts; {name!r} holds none in the {part} part"
            )
        if count < least:
            why = [f"; {file!r} {reason}" for file, reason in skipped if name in file.split("/")[:-1]]
            raise ValueError(
                f"each class folder must hold at least {least} different images, to learn and to test; {name!r} "
                f"in {str(path)!r} holds {count}{''.join(why[:1])}; add images, or take the folder "
                "away, or put the class folders into one of their own"
            )


def drawn(labels, test_share, seed):
    """Return which images are for testing, (N,) of bool: of each class the same share, at least one and not all.

    `labels` are (N,) of int, `test_share` lies between 0 and 1. Used in lesson 15.
    """
    test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        count = min(max(round(test_share * len(places)), 1), len(places) - 1)
        test[np.random.default_rng([seed, label]).permutation(places)[:count]] = True
    return test
