"""What every data set is: images with labels in a training and a test part."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cnnlessons import shapes


class Skipped(NamedTuple):
    """A file that did not become an image of the data set."""

    file: str  #: its name inside the folder or zip, with "/" between the folders
    reason: str  #: what is wrong with it


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with labels, split once and for all into a training and a test part."""

    train_images: np.ndarray  #: (N, H, W, C) of float32, in [0, 1]
    train_labels: np.ndarray  #: (N,) of int64: indices into `class_names`
    test_images: np.ndarray  #: (N, H, W, C) of float32, in [0, 1]
    test_labels: np.ndarray  #: (N,) of int64: indices into `class_names`
    class_names: tuple[str, ...]
    source: str  #: where the images come from and how they were split
    skipped: tuple[Skipped, ...] = ()  #: files of your own folder that were left out, each with the reason


def as_floats(images):
    """Return uint8 images, 0 … 255, as float32 in [0, 1]; floats stay what they are."""
    return np.divide(images, 255, dtype=np.float32) if images.dtype == np.uint8 else images


def mixed(labels):
    """Return the order that spreads every class evenly, so that the first images are of all classes.

    Within a class the order stays. With as many images of each class they take turns: 0, 1, 2, 0, 1, 2, …
    """
    progress = np.empty(len(labels))  # how far into its class an image stands, 0 to 1
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        progress[places] = (np.arange(len(places)) + 0.5) / len(places)
    return np.lexsort((labels, progress))


def check_noise(noise):
    shapes.number(noise, "noise", "a standard deviation from 0 up", lambda spread: spread >= 0)
