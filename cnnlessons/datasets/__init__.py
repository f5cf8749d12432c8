"""Images to look at and images to learn from. Only CIFAR-10 and MNIST may ever be downloaded, where no copy is.

The photographs are the files that scikit-image and scikit-learn install with themselves; data/README.md lists each
with source, licence and checksum. `load` gives data sets with training and test part in one form, `Dataset`.

Taught in lessons 00 and 04; spectrograms in lesson 10; MNIST in 11; parts and marks in 12; your own
images, and materials, in 15.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from cnnlessons.datasets import benchmarks, photos
from cnnlessons.datasets.benchmarks import cifar10, mnist
from cnnlessons.datasets.class_folders import drawn, folder
from cnnlessons.datasets.materials import materials
from cnnlessons.datasets.objects import PARTS, marked, parts, textured
from cnnlessons.datasets.photos import (
    PhotographSource,
    digits,
    photo_patches,
    photograph,
    photograph_source,
    photographs,
)
from cnnlessons.datasets.records import Dataset, Skipped
from cnnlessons.datasets.synthetic import INSTRUMENTS, lines, melody, spectrograms


@dataclass(frozen=True)
class DatasetSource:
    """A data set that `load` knows."""

    name: str
    shows: str
    source: str
    loader: Callable[..., Dataset]  #: takes the options and returns the `Dataset`
    files: tuple[str, ...] = ()  #: what it reads, inside the folder of installed packages
    here: Callable[[], bool] = lambda: True  #: whether what else it reads is on this machine

    @property
    def offline(self):
        """Whether it can be had without a network, now and on this machine."""
        return all(photos.installed(file).is_file() for file in self.files) and self.here()


def load(name, **options):
    """Return a data set, a `Dataset`, by name. Taught in lesson 04.

    Parameters
    ----------
    name : str
        "digits", "lines", "photo_patches", "spectrograms", "parts", "cifar10", "mnist" or "folder", which reads your
        own images.
    **options
        The parameters of the function of that name in this module.
    """
    if not isinstance(name, str) or name not in _DATASETS:
        raise ValueError(f"there is no data set named {name!r}; the names are: {', '.join(_DATASETS)}")
    loader = _DATASETS[name].loader
    known = inspect.signature(loader).parameters
    unknown = [option for option in options if option not in known]
    if unknown:
        raise TypeError(f"{name} has no option {unknown[0]!r}; its options are: {', '.join(known) or 'none'}")
    missing = [option for option, rule in known.items() if rule.default is rule.empty and option not in options]
    if missing:
        raise TypeError(f"{name} needs the option {missing[0]!r}; write load({name!r}, {missing[0]}=…)")
    return loader(**options)


def available():
    """Return a tuple with the `DatasetSource` of each data set: name, what it shows, where from, offline or not."""
    return tuple(_DATASETS.values())


_SOURCES = (
    DatasetSource(
        "digits",
        "1,797 handwritten digits, 8 × 8 × 1; which digit is it?",
        photos.DIGITS_SOURCE,
        digits,
        (photos.DIGITS_FILE,),
    ),
    DatasetSource("lines", "one bright line in noise, 16 × 16 × 1; which way does it run?", "drawn from a seed", lines),
    DatasetSource(
        "photo_patches",
        "colour crops of ten photographs, 32 × 32 × 3; which photograph is it from?",
        photos.PATCHES_SOURCE,
        photo_patches,
        tuple(photograph_source(name).file for name in photos.PATCH_CLASSES),
    ),
    DatasetSource(
        "spectrograms",
        "short melodies as pictures of time and frequency, 32 × 32 × 1; which instrument plays?",
        "synthesised from a seed",
        spectrograms,
    ),
    DatasetSource(
        "parts", "two of four parts on paper, 20 × 20 × 1; which object do they make?", "drawn from a seed", parts
    ),
    DatasetSource(
        "cifar10",
        "60,000 small photographs, 32 × 32 × 3; which of ten kinds of animal or vehicle is it?",
        benchmarks.CIFAR10.source,
        cifar10,
        here=lambda: benchmarks.here(benchmarks.CIFAR10),
    ),
    DatasetSource(
        "mnist",
        "10,000 handwritten digits, 28 × 28 × 1; which digit is it?",
        benchmarks.MNIST.source,
        mnist,
        here=lambda: benchmarks.here(benchmarks.MNIST),
    ),
    DatasetSource("folder", "your own images; which sub-folder do they lie in?", "a folder or zip of yours", folder),
)
_DATASETS = {source.name: source for source in _SOURCES}
