"""Small trained networks, kept in data/weights so that their kernels can be read without training anything.

Every network is the same but for its first layer and what it learned from; each was trained from several seeds.
``cnnlessons record-weights`` makes the files again and goes on where it stopped.

Taught in lesson 08.
"""

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import joblib
import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from cnnlessons import atomic, datasets, layers, optimizers, shapes
from cnnlessons.datasets import photos
from cnnlessons.network import Sequential

FOLDER = Path(__file__).parents[1] / "data" / "weights"

# --------------------------------------------------------------------------- what is trained


@dataclass(frozen=True)
class Recipe:
    """How a network is trained, apart from its seed.

    Attributes
    ----------
    task : {"lines", "digits", "photo_patches", "cifar10"}
    size : int
        Height and width of the first layer's kernels.
    filters : int
        Of the first layer.
    noise : float
        Standard deviation of Gaussian noise that is added anew to every training image in every epoch; pixels are 0
        to 1.
    epochs : int
    images : int
        For training, drawn from the seed.
    """

    task: str
    size: int
    filters: int
    noise: float
    epochs: int
    images: int

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


def network(recipe, input_shape, classes, seed):
    """Return the untrained network of a recipe: the first layer, then two blocks that are the same for all."""
    return Sequential(
        [
            layers.Conv2D(recipe.filters, recipe.size, padding="same"),
            layers.BatchNorm(),
            layers.ReLU(),
            layers.MaxPool2D(2),
            layers.Conv2D(24, 3, padding="same", initializer="he_normal"),
            layers.BatchNorm(),
            layers.ReLU(),
            layers.MaxPool2D(2),
            layers.Conv2D(32, 3, padding="same", initializer="he_normal"),
            layers.BatchNorm(),
            layers.ReLU(),
            layers.GlobalAveragePool2D(),
            layers.Dense(classes),
        ],
        input_shape,
        seed,
    )


def data(recipe, seed):
    """Return the `datasets.Dataset` of a recipe: as many training images as it says, drawn from the seed."""
    match recipe.task:
        case "lines":
            return datasets.load("lines", count=recipe.images * 5 // 4, seed=seed)
        case "photo_patches" | "cifar10":
            return datasets.load(recipe.task, per_class=recipe.images // 10, seed=seed)
    return datasets.load(recipe.task)


def train(recipe, seed):
    """Train one network; return it and its test accuracy, 0 to 1."""
    found = data(recipe, seed)
    net = network(recipe, found.train_images.shape[1:], len(found.class_names), seed)
    rng = np.random.default_rng([seed, 1])
    optimizer = optimizers.Adam(0.003)
    for epoch in range(recipe.epochs):
        optimizer.learning_rate = 0.003 if epoch < 0.7 * recipe.epochs else 0.0006
        images = found.train_images
        if recipe.noise:
            images = images + rng.normal(scale=recipe.noise, size=images.shape).astype(np.float32)
        net.fit(images, found.train_labels, epoch + 1, optimizer=optimizer, seed=seed, progress=False, resume=True)
    return net, net.evaluate(found.test_images, found.test_labels).accuracy


# --------------------------------------------------------------------------- what was kept


@dataclass(frozen=True, eq=False)
class Kernels:
    """The first layer's kernels of one recipe, from every seed, before and after training.

    Attributes
    ----------
    recipe : Recipe
    trained, untrained : ndarray, shape (seeds, KH, KW, C, filters), float32
        Kept with the eleven bits of float16.
    accuracies : ndarray, shape (seeds,)
        On the test images, 0 to 1.
    """

    recipe: Recipe
    trained: np.ndarray
    untrained: np.ndarray
    accuracies: np.ndarray


def names():
    """Return the names of all recipes whose kernels are in data/weights, as a tuple."""
    return tuple(recipe.name for recipe in RECIPES if (FOLDER / f"{recipe.name}.npz").is_file())


@cache
def kernels(name):
    """Return the recorded `Kernels` of a recipe.

    Parameters
    ----------
    name : str
        One of `names()`, such as "cifar10_5x5_32".

    Returns
    -------
    Kernels

    Raises
    ------
    ValueError
        If there is no such recipe.
    FileNotFoundError
        If it has not been recorded.

    Notes
    -----
    Taught in lesson 08.
    """
    shapes.chosen(name, "name", [recipe.name for recipe in RECIPES])
    with np.load(_existing(FOLDER / f"{name}.npz"), allow_pickle=False) as file:
        kept = Recipe(**json.loads(str(file["recipe"])))
        trained, untrained = (file[part].astype(np.float32) for part in ("trained", "untrained"))
        return Kernels(kept, trained, untrained, file["accuracies"])


def trained_network(task):
    """Return one whole trained network of a task, from seed 0, with 5×5 kernels: a `Sequential`. Taught in 08."""
    return Sequential.load(_existing(FOLDER / f"{task}_network.npz"))


# K. Zhang et al., "Joint face detection and alignment using multitask cascaded convolutional networks", IEEE Signal
# Processing Letters 23, 2016: three networks that find faces, each looking closer than the one before.
OTHERS = {f"mtcnn_{net}": f"mtcnn/assets/weights/{net}.lz4" for net in ("pnet", "rnet", "onet")}


def kernels_of(name):
    """Return the first layer's kernel of a network that other people trained, as they install it.

    Parameters
    ----------
    name : {"mtcnn_pnet", "mtcnn_rnet", "mtcnn_onet"}
        The three networks of the face detector MTCNN: proposal, refinement, output. data/README.md says where they
        come from.

    Returns
    -------
    ndarray (3, 3, 3, filters)
        For red, green and blue; 10, 28 and 32 filters.

    Raises
    ------
    ValueError
        If the name is none of these.
    FileNotFoundError
        If the package mtcnn is not installed. Nothing is downloaded.

    Notes
    -----
    Taught in lesson 08.
    """
    shapes.chosen(name, "name", list(OTHERS))
    return joblib.load(photos.existing(OTHERS[name]))[0]


def _existing(path):
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} is not in data/weights; make it with: cnnlessons record-weights")
    return path


# --------------------------------------------------------------------------- recording


def record(folder=FOLDER, tasks=None, jobs=2):
    """Train what is missing in a folder and write it there; killed at any moment, it loses only the runs in flight.

    Parameters
    ----------
    folder : Path
        Every network is kept in its folder ``runs`` until the folder is deleted, and is not trained again.
    tasks : sequence of str, optional
        All by default; "cifar10" needs its images, see `datasets.load`.
    jobs : int
        Networks that are trained at once, each in a process with one thread.

    Raises
    ------
    ValueError
        If there is no such task.

    Notes
    -----
    The command ``cnnlessons record-weights`` calls it. All of it takes two hours of one core.
    """
    tasks = TASKS if tasks is None else tuple(tasks)
    if unknown := set(tasks) - set(TASKS):
        raise ValueError(f"tasks must be among {', '.join(TASKS)}, got {', '.join(map(repr, sorted(unknown)))}")
    recipes = [recipe for recipe in RECIPES if recipe.task in tasks]
    runs = Path(folder) / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    missing = [
        (recipe, seed)
        for seed in range(max(recipe.seeds for recipe in recipes))
        for recipe in recipes
        if seed < recipe.seeds and not _run_file(runs, recipe, seed).is_file()
    ]
    work = Parallel(n_jobs=jobs, return_as="generator_unordered")(
        delayed(_record_run)(runs, recipe, seed) for recipe, seed in missing
    )
    for _ in tqdm(work, total=len(missing), unit=" network"):
        pass
    for recipe in recipes:
        _gather(folder, runs, recipe)


def _run_file(runs, recipe, seed):
    return runs / f"{recipe.name}_{seed}.npz"


def _record_run(runs, recipe, seed):
    """Train one network and keep it whole, with its first kernel before training."""
    with threadpool_limits(1):
        net, accuracy = train(recipe, seed)
    untrained = network(recipe, net.input_shape, net.output_shape[-1], seed).layers[0].kernel
    net.training = net.optimizer = None  # the file would be three times as large with them
    net.save(_run_file(runs, recipe, seed).with_suffix(".network"))
    arrays = {"trained": net.layers[0].kernel, "untrained": untrained, "accuracy": accuracy}
    with atomic.writing(_run_file(runs, recipe, seed)) as file:
        np.savez(file, **arrays)


def _gather(folder, runs, recipe):
    """Put the runs of all seeds into one file, and the whole network of seed 0, for 5×5 kernels, into another."""
    found = [dict(np.load(_run_file(runs, recipe, seed))) for seed in range(recipe.seeds)]
    np.savez_compressed(
        Path(folder) / f"{recipe.name}.npz",
        recipe=json.dumps(asdict(recipe)),
        trained=np.stack([run["trained"] for run in found]).astype(np.float16),
        untrained=np.stack([run["untrained"] for run in found]).astype(np.float16),
        accuracies=np.array([run["accuracy"] for run in found]),
    )
    largest = max(other.filters for other in RECIPES if other.task == recipe.task)
    if (recipe.size, recipe.filters, recipe.noise) == (5, largest, 0.0):
        whole = _run_file(runs, recipe, 0).with_suffix(".network").read_bytes()
        (Path(folder) / f"{recipe.task}_network.npz").write_bytes(whole)
