"""Small trained networks, kept in data/weights so that their kernels can be read without training anything.

Every network is the same but for its first layer and what it learned from; each was trained from several seeds.
`experiments.weights` makes the files again.

Taught in lesson 08; a network reused in lesson 15.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import joblib
import numpy as np

from cnnlessons import layers, shapes
from cnnlessons.datasets import photos
from cnnlessons.network import Sequential

FOLDER = Path(__file__).parents[1] / "data" / "weights"

# --------------------------------------------------------------------------- what is trained


@dataclass(frozen=True)
class Recipe:
    """How a network is trained, apart from its seed."""

    task: str  #: one of `TASKS`
    size: int  #: height and width of the first layer's kernels
    filters: int  #: of the first layer
    noise: float  #: standard deviation of what is added anew to every training image in every epoch; pixels are 0 to 1
    epochs: int
    images: int  #: for training, drawn from the seed

    @property
    def name(self):
        """What its file is called."""
        noise = f"_noise{round(100 * self.noise):02d}" if self.noise else ""
        return f"{self.task}_{self.size}x{self.size}_{self.filters}{noise}"

    @property
    def seeds(self):
        """How many networks are trained, from seeds 0, 1, …: fewer of those that take longer."""
        if self.task in ("lines", "digits"):
            return 10
        return 5 if self.size <= 5 else 3


TASKS = ("lines", "digits", "photo_patches", "cifar10")
_EPOCHS_AND_IMAGES = {"lines": (12, 800), "digits": (15, 1433), "photo_patches": (10, 2000), "cifar10": (5, 6000)}
_FIRST_LAYERS = (
    ("lines", 5, 8, 0.0),
    ("digits", 5, 16, 0.0),
    *((task, size, 32, 0.0) for task in ("photo_patches", "cifar10") for size in (3, 5, 7, 11)),
    *((task, 5, filters, 0.0) for task in ("photo_patches", "cifar10") for filters in (8, 16)),
    *((task, 5, 32, noise) for task in ("photo_patches", "cifar10") for noise in (0.1, 0.2)),
)
RECIPES = tuple(Recipe(*first_layer, *_EPOCHS_AND_IMAGES[first_layer[0]]) for first_layer in _FIRST_LAYERS)


# --------------------------------------------------------------------------- what was kept


@dataclass(frozen=True, eq=False)
class Kernels:
    """The first layer's kernels of one recipe, from every seed, before and after training."""

    recipe: Recipe
    trained: np.ndarray  #: (seeds, KH, KW, C, filters) of float32; kept with the eleven bits of float16
    untrained: np.ndarray  #: as `trained`
    accuracies: np.ndarray  #: (seeds,), on the test images, 0 to 1


def names():
    """Return the names of all recipes whose kernels are in data/weights, as a tuple."""
    return tuple(recipe.name for recipe in RECIPES if (FOLDER / f"{recipe.name}.npz").is_file())


@cache
def kernels(name):
    """Return the recorded `Kernels` of a recipe, one of `names()`, such as "cifar10_5x5_32". Taught in lesson 08."""
    shapes.chosen(name, "name", [recipe.name for recipe in RECIPES])
    with np.load(_existing(FOLDER / f"{name}.npz"), allow_pickle=False) as file:
        kept = Recipe(**json.loads(str(file["recipe"])))
        trained, untrained = (file[part].astype(np.float32) for part in ("trained", "untrained"))
        return Kernels(kept, trained, untrained, file["accuracies"])


def trained_network(task):
    """Return one whole trained network of a task, from seed 0, with 5×5 kernels: a `Sequential`. Taught in 08."""
    return Sequential.load(_existing(FOLDER / f"{shapes.chosen(task, 'task', TASKS)}_network.npz"))


def reused(task, classes, seed=0, dtype=np.float32):
    """Return `trained_network` with a new last layer, drawn from the seed, for other classes. Taught in lesson 15."""
    source = trained_network(task)
    kept = {**source.parameters(), **source.state()}
    made = Sequential([*source.copy().layers[:-1], layers.Dense(classes)], source.input_shape, seed, dtype)
    for name, array in {**made.parameters(), **made.state()}.items():
        if not name.startswith("dense"):
            array[...] = kept[name]
    return made


# What lesson 12 looks into: the shape of an image, width and number of the first kernels, classes.
READERS = {
    **dict.fromkeys(("photos", "photos_marked", "photos_blind"), ((16, 16, 3), 5, 16, 10)),
    **dict.fromkeys(("parts", "parts_often_told", "parts_always_told"), ((20, 20, 1), 3, 8, 6)),
}


def reader(name, seed=0):
    """Return an untrained network of one of `READERS`: a `Sequential` of three convolutions. Taught in lesson 12."""
    shape, size, filters, classes = READERS[shapes.chosen(name, "name", list(READERS))]
    return blocks([(filters, size, "he_normal"), (16, 3, "he_normal"), (24, 3, "he_normal")], shape, classes, seed)


def blocks(convolutions, input_shape, classes, seed):
    """Return an untrained `Sequential` of convolutions (filters, size, initializer), pooled but for the last."""
    made = []
    for filters, size, start in convolutions:
        convolution = layers.Conv2D(filters, size, padding="same", initializer=start)
        made += [convolution, layers.BatchNorm(), layers.ReLU(), layers.MaxPool2D(2)]
    return Sequential([*made[:-1], layers.GlobalAveragePool2D(), layers.Dense(classes)], input_shape, seed)


def readers(name):
    """Return the trained networks of one of `READERS`, a list, from seeds 0, 1, …

    They were trained by `experiments.inside`. "photos" saw ``6 * (images - 0.5)`` of `datasets.load("photo_patches",
    per_class=100, test_per_class=25, size=16)`; "photos_marked" the same with a mark on each image that gives its class
    away; "photos_blind" has one grey Gabor bank as its first layer, the same weights for red, green and blue. The
    others saw ``datasets.load("parts", shortcut=…, seed=seed)`` with the shortcut 0, 0.8 and 1. Taught in lesson 12.
    """
    shapes.chosen(name, "name", list(READERS))
    with np.load(_existing(FOLDER / "inside" / f"{name}.npz"), allow_pickle=False) as file:
        kept = {key: file[key].astype(np.float32) for key in file.files}
    found = [reader(name, seed) for seed in range(len(next(iter(kept.values()))))]
    for seed, network in enumerate(found):
        for key, array in {**network.parameters(), **network.state()}.items():
            array[...] = kept[key][seed]
    return found


# K. Zhang et al., "Joint face detection and alignment using multitask cascaded convolutional networks", IEEE Signal
# Processing Letters 23, 2016: three networks that find faces, each looking closer than the one before.
OTHERS = {f"mtcnn_{net}": f"mtcnn/assets/weights/{net}.lz4" for net in ("pnet", "rnet", "onet")}


def kernels_of(name):
    """Return the first layer's kernel of a network that other people trained, as they install it. Taught in lesson 08.

    Parameters
    ----------
    name : {"mtcnn_pnet", "mtcnn_rnet", "mtcnn_onet"}
        The three networks of the face detector MTCNN: proposal, refinement, output; see data/README.md. Nothing is
        downloaded.

    Returns
    -------
    ndarray (3, 3, 3, filters)
        For red, green and blue; 10, 28 and 32 filters.
    """
    shapes.chosen(name, "name", list(OTHERS))
    return joblib.load(photos.existing(OTHERS[name]))[0]


def _existing(path):
    if not path.is_file():
        remedy = "make it with: python3 course.py run cnnlessons record-weights"
        raise FileNotFoundError(f"{path.name} is not in data/weights; {remedy}")
    return path
