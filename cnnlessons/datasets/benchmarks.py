"""CIFAR-10, from lesson 07 on, and MNIST, in lesson 11: from a copy of the reader's, or as Keras downloads them.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", technical report, University of Toronto, 2009.
Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document recognition", Proceedings of
the IEEE 86 (1998).
"""

import hashlib
import os
import re
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from cnnlessons import shapes
from cnnlessons.datasets import class_folders, files, npz, pictures
from cnnlessons.datasets.records import Dataset, as_floats, mixed

VARIABLE = "CNNLESSONS_DATA"


@dataclass(frozen=True)
class Benchmark:
    """What a copy of a known data set must be: its images, its classes, and what its files are called."""

    title: str
    source: str
    shape: tuple[int, ...]
    class_names: tuple[str, ...]
    complete: dict[str, int]
    arrays: dict[str, tuple[str, str]]
    named: re.Pattern
    keras_file: str
    alone: bool  #: whether the variable, if it is set, must name a copy of this one

    @property
    def copy(self):
        """What can be read."""
        one = self.class_names[0]
        return f"an .npz file, or class folders, such as train/{one} and test/{one}, in a folder or a zip file"

    @property
    def must(self):
        """The rule for the variable."""
        start = self.title.casefold().replace("-", "")
        return f"{VARIABLE} must name {self.title}, or a folder with files whose names start with {start}: {self.copy}"

    @property
    def remedy(self):
        """How to get it."""
        return f"set {VARIABLE} to your copy ({self.copy}), or connect to the network once where Keras is installed"


OTHERS = "What to do with official archives, batches and files of Kaggle is said in data/README.md"
CIFAR10 = Benchmark(
    "CIFAR-10",
    "A. Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
    (32, 32, 3),
    ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    {"train": 50_000, "test": 10_000},
    npz.NAMES,
    re.compile(r"cifar[-_ ]?10(?!\d)", re.IGNORECASE),  # not CIFAR-100
    "cifar-10-batches-py-target_archive",
    alone=True,
)
MNIST = Benchmark(
    "MNIST",
    "Y. LeCun, L. Bottou, Y. Bengio & P. Haffner 1998, MNIST, test part",
    (28, 28),
    tuple("0123456789"),
    {"test": 10_000},
    {"test_images": ("images", "x_test"), "test_labels": ("labels", "y_test")},
    re.compile(r"mnist", re.IGNORECASE),
    "mnist.npz",
    alone=False,
)
_KERAS_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"  # keras.datasets.cifar10 checks it


def cifar10(per_class=None, test_per_class=None, seed=0):
    """Return CIFAR-10: 50,000 training and 10,000 test images of ten classes.

    They are read from the copy that the environment variable CNNLESSONS_DATA names, or else downloaded once by Keras,
    with its checksum. data/README.md says which copies can be read. Taught in lesson 07.

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
    """
    wanted = {"train": per_class, "test": test_per_class}
    for name, count in (("per_class", per_class), ("test_per_class", test_per_class)):
        if count is not None:
            shapes.whole_number(count, name, 1)
    shapes.whole_number(seed, "seed", 0)
    with _copy(CIFAR10) as (data, source):
        counts = {part: len(labels) for part, (_, labels) in data.items()}
        chosen = {part: _drawn(data[part][1], part, wanted[part], seed) for part in wanted}
        parts = [(as_floats(data[part][0][places]), data[part][1][places]) for part, places in chosen.items()]
    if counts != CIFAR10.complete:
        there = " and ".join(f"{count:,} of {CIFAR10.complete[part]:,} {part} images" for part, count in counts.items())
        print(f"This copy of CIFAR-10 is not complete: it holds {there}.")
    if any(wanted.values()):
        source += f"; {len(parts[0][1]):,} training and {len(parts[1][1]):,} test images drawn with seed {seed}"
    return Dataset(*parts[0], *parts[1], CIFAR10.class_names, source)


def _drawn(labels, part, per_class, seed):
    """Return the places of all images, or of the first of a seeded permutation of each class."""
    if per_class is None:
        return np.arange(len(labels))
    rng = np.random.default_rng([seed, list(CIFAR10.complete).index(part)])
    chosen = []
    for label, name in enumerate(CIFAR10.class_names):
        places = rng.permutation(np.flatnonzero(labels == label))
        if len(places) < per_class:
            option = "per_class" if part == "train" else "test_per_class"
            raise ValueError(f"{option} must be at most {len(places)}, the {part} images of {name!r}, got {per_class}")
        chosen.append(places[:per_class])
    return np.sort(np.concatenate(chosen))


def mnist(per_class=None, test_per_class=200, seed=0):
    """Return MNIST's 10,000 test images, split anew into a training and a test part.

    The evidence of lesson 11 was recorded from a copy that holds no more of MNIST than these, so that accuracies are
    not to be compared with those published, which come from 60,000 training images.

    They are read from the copy that the environment variable CNNLESSONS_DATA names, or else downloaded once by Keras;
    data/README.md says which copies can be read. Taught in lesson 11.

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
    """
    if per_class is not None:
        shapes.whole_number(per_class, "per_class", 1)
    shapes.whole_number(test_per_class, "test_per_class", 1)
    shapes.whole_number(seed, "seed", 0)
    with _copy(MNIST) as (data, source):
        images, labels = data["test"]
        if len(labels) != MNIST.complete["test"]:
            where = source.removeprefix(f"{MNIST.source}; ").partition(",")[0]
            raise ValueError(f"MNIST must have all 10,000 test images, got {len(labels):,} {where}; take another copy")
        parts = [
            (as_floats(images[places])[..., np.newaxis], labels[places])
            for places in _split(labels, per_class, test_per_class, seed)
        ]
    source += f"; split anew into {len(parts[0][1]):,} training and {len(parts[1][1]):,} test images with seed {seed}"
    return Dataset(*parts[0], *parts[1], MNIST.class_names, source)


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


# --------------------------------------------------------------------------- where they are


def here(benchmark):
    """Return whether it can be had without a network: from a copy of the reader's, or from Keras's."""
    try:
        if _given(benchmark):
            return True
    except OSError:
        return False
    return bool(find_spec("keras") and any(path.is_file() for path in _keras_places(benchmark.keras_file)))


def _keras_places(file):
    """Return where Keras puts a file: in the course's folder of the package's `__init__`, and for other work."""
    home = Path(os.environ["KERAS_HOME"])
    return [folder / "datasets" / file for folder in (home, home.parent)]


def _take_over(file):
    """Copy what Keras downloaded for other work to where it looks now."""
    ours, others = _keras_places(file)
    if others.is_file() and not ours.is_file():
        ours.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(others, ours)


@contextmanager
def _copy(benchmark):
    """Give, for each part, images that can be picked by their places, and labels; and where they come from."""
    path = _given(benchmark)
    if path is None:
        yield _downloaded(benchmark)
    elif path.suffix.casefold() == ".npz" and path.is_file():
        data = npz.read(path, benchmark.shape, len(benchmark.class_names), benchmark.complete, benchmark.arrays)
        parts = {part: (data[f"{part}_images"], data[f"{part}_labels"]) for part in benchmark.complete}
        yield parts, f"{benchmark.source}; from {path.name}, sha256 {_sha256(path)}"
    else:
        with files.opened(path, VARIABLE) as listing:
            parts = _in_class_folders(listing, path, benchmark)
            checksum = f", sha256 {_sha256(path)}" if path.is_file() else ""
            kinds = sorted({Path(file.name).suffix.casefold() for images, _ in parts.values() for file in images.files})
            yield parts, f"{benchmark.source}; from {path.name}, {' and '.join(kinds)} files in class folders{checksum}"


def _sha256(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _given(benchmark):
    """Return the npz file, zip file or folder of class folders that the variable names or holds, or None."""
    if not os.environ.get(VARIABLE):
        return None
    path = files.existing(os.environ[VARIABLE], VARIABLE)
    try:
        inside = sorted(path.iterdir()) if path.is_dir() else []
        itself = any(os.path.isdir(child / benchmark.class_names[0]) for child in inside)
    except PermissionError:
        raise PermissionError(f"{VARIABLE}: the folder {str(path)!r} may not be read; ask for the right") from None
    named = [child for child in inside if benchmark.named.match(child.name)]
    candidates = [child for kind in (".npz", ".zip") for child in named if child.suffix.casefold() == kind]
    candidates += [path] if itself else [child for child in named if child.is_dir()]
    if path.suffix.casefold() in (".npz", ".zip") and (benchmark.alone or benchmark.named.match(path.name)):
        candidates = [path]
    if not candidates and benchmark.alone:
        raise FileNotFoundError(f"{benchmark.must}; got {str(path)!r}. {OTHERS}; or unset the variable")
    return candidates[0] if candidates else None  # npz before zip before folder: the fastest


class _Pictures:
    """The images of files, decoded when they are picked."""

    def __init__(self, members, path, benchmark):
        self.files, self._path, self._benchmark = members, path, benchmark

    def __getitem__(self, places):
        bar = pictures.progress(places, f"reading {self._path.name}")
        return np.stack([self._pixels(self.files[place]) for place in bar])

    def _pixels(self, file):
        title, shape = self._benchmark.title, self._benchmark.shape
        try:
            image = pictures.pixels(file.read)
        except pictures.Unreadable as reason:
            raise ValueError(f"{file.name!r} in {str(self._path)!r} {reason}; take another copy of {title}") from None
        if image.shape[:2] != shape[:2]:
            raise ValueError(
                f"images of {title} are {shape[0]} × {shape[1]} pixels; {file.name!r} in {str(self._path)!r} is "
                f'{image.shape[0]} × {image.shape[1]}; images of your own are read by load("folder", path=…)'
            )
        return image.max(axis=2) if len(shape) == 2 else np.broadcast_to(image, shape)


def _in_class_folders(listing, path, benchmark):
    """Return for each part its `_Pictures` and labels, in the order in which the classes take turns."""
    take = f"take another copy of {benchmark.title}"
    if listing.skipped:
        file, reason = listing.skipped[0]
        raise ValueError(f"{file!r} in {str(path)!r} {reason}; {take}")
    found = None
    with suppress(ValueError):
        found = class_folders.sorted_out(listing, path)
    if not found or not found.split or {name.casefold() for name in found.class_names} != set(benchmark.class_names):
        there = f" but the classes {', '.join(found.class_names)}" if found else ""
        raise ValueError(
            f"{benchmark.must}; {str(path)!r} holds no such folders{there}. {OTHERS}; images of your own are read by "
            'load("folder", path=…)'
        )
    parts = {}
    for part, most in benchmark.complete.items():
        members = [member for member in found.members if member.part == part]
        labels = np.array([benchmark.class_names.index(found.class_names[one.label].casefold()) for one in members])
        absent = [name for label, name in enumerate(benchmark.class_names) if label not in labels]
        if absent or len(members) > most:
            what = f"no image of {', '.join(absent)}" if absent else f"{len(members):,} images, more than there are"
            raise ValueError(f"{str(path)!r} is not {benchmark.title}: the part {part!r} holds {what}; {take}")
        order = mixed(labels)
        parts[part] = _Pictures([members[place].file for place in order], path, benchmark), labels[order]
    return parts


def _downloaded(benchmark):
    """Return the parts as Keras downloads and checks them, or finds them where it put them before."""
    name = "cifar10" if benchmark is CIFAR10 else "mnist"
    try:
        import keras  # takes seconds, and is not installed everywhere: only who has no copy needs it

        _take_over(benchmark.keras_file)
        (train, test), layout = getattr(keras.datasets, name).load_data(), keras.config.image_data_format()
    except ImportError as error:
        raise FileNotFoundError(
            f"{benchmark.title} is not on this machine, nor is Keras ({error}); {benchmark.remedy}"
        ) from None
    except Exception as error:  # Keras raises a bare one if the network fails, and others if its files are damaged
        raise FileNotFoundError(
            f"{benchmark.title} is not on this machine and Keras could not get it ({error}); {benchmark.remedy}. If "
            f"Keras has a damaged copy, delete {' and '.join(map(str, _keras_places(benchmark.keras_file)))}"
        ) from None
    parts = {}
    for part, (images, labels) in (("train", train), ("test", test)):
        if images.ndim == 4 and layout == "channels_first":
            images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        parts[part] = images, labels.reshape(-1).astype(np.int64)
    checksum = f", sha256 {_KERAS_SHA256}" if benchmark is CIFAR10 else ""
    return parts, f"{benchmark.source}; downloaded by Keras{checksum}"
