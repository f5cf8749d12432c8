"""The networks of `recorded`, trained: ``cnnlessons record-weights`` goes on where it stopped. Taught in lesson 08."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from cnnlessons import atomic, datasets, optimizers, recorded, shapes


def network(recipe, input_shape, classes, seed):
    """Return the untrained network of a recipe: the first layer, then two blocks that are the same for all."""
    first = recipe.filters, recipe.size, "glorot_uniform"
    return recorded.blocks([first, (24, 3, "he_normal"), (32, 3, "he_normal")], input_shape, classes, seed)


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


def record(folder=recorded.FOLDER, tasks=None, jobs=2):
    """Train what is missing in a folder and write it there; killed at any moment, it loses only the runs in flight.

    Every network is kept in the folder ``runs`` until that is deleted, and is not trained again. `jobs` are trained at
    once, each in a process with one thread; all of them take two hours of one core. "cifar10" needs its images.
    """
    tasks = recorded.TASKS if tasks is None else [shapes.chosen(task, "tasks", recorded.TASKS) for task in tasks]
    recipes = [recipe for recipe in recorded.RECIPES if recipe.task in tasks]
    folder = Path(folder).expanduser()
    runs = folder / "runs"
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
    kernels = {part: np.stack([run[part] for run in found]).astype(np.float16) for part in ("trained", "untrained")}
    accuracies = np.array([run["accuracy"] for run in found])
    file = folder / f"{recipe.name}.npz"
    np.savez_compressed(file, recipe=json.dumps(asdict(recipe)), **kernels, accuracies=accuracies)
    largest = max(other.filters for other in recorded.RECIPES if other.task == recipe.task)
    if (recipe.size, recipe.filters, recipe.noise) == (5, largest, 0.0):
        whole = _run_file(runs, recipe, 0).with_suffix(".network").read_bytes()
        (folder / f"{recipe.task}_network.npz").write_bytes(whole)
