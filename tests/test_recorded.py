"""The recorded networks are what their recipes make, and their files are listed as they are."""

import dataclasses
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from cnnlessons import cli, recorded, spectra
from cnnlessons.datasets import photos
from cnnlessons.experiments import weights

README = Path(__file__).parents[1] / "data" / "README.md"
ROW = re.compile(r"^\| `(\w+\.npz)` \|.*\| ([\d.]+) % \| `(\w{64})` \|$")
TINY = recorded.Recipe("lines", size=3, filters=2, noise=0.0, epochs=1, images=40)


def rows():
    return [match.groups() for line in README.open() if (match := ROW.match(line.rstrip()))]


@pytest.fixture
def tiny(monkeypatch):
    """One small recipe in place of all, with two seeds."""
    monkeypatch.setattr(recorded, "RECIPES", (TINY,))
    monkeypatch.setattr(recorded.Recipe, "seeds", 2)


# --------------------------------------------------------------------------- what was recorded


def test_every_recipe_was_recorded():
    assert recorded.names() == tuple(recipe.name for recipe in recorded.RECIPES)


@pytest.mark.parametrize("recipe", recorded.RECIPES, ids=lambda recipe: recipe.name)
def test_kernels_have_the_shape_of_their_recipe_for_every_seed(recipe):
    found = recorded.kernels(recipe.name)
    channels = {"lines": 1, "digits": 1}.get(recipe.task, 3)
    assert found.recipe == recipe
    shape = (recipe.seeds, recipe.size, recipe.size, channels, recipe.filters)
    assert found.trained.shape == found.untrained.shape == shape
    assert found.accuracies.shape == shape[:1]
    assert np.isfinite(found.trained).all()
    assert (abs(found.trained - found.untrained).max(axis=(1, 2, 3, 4)) > 0.05).all()  # every seed has learned


@pytest.mark.parametrize("recipe", recorded.RECIPES, ids=lambda recipe: recipe.name)
def test_every_recorded_network_learned_its_task(recipe):
    chance = 0.5 if recipe.task == "lines" else 0.1
    assert (recorded.kernels(recipe.name).accuracies > 2 * chance - chance**2).all()


@pytest.mark.parametrize("recipe", recorded.RECIPES, ids=lambda recipe: recipe.name)
def test_training_began_at_the_recipes_own_starting_weights(recipe):
    found = recorded.kernels(recipe.name)
    shape = {"lines": (16, 16, 1), "digits": (8, 8, 1)}.get(recipe.task, (32, 32, 3))
    for seed, untrained in enumerate(found.untrained):
        start = weights.network(recipe, shape, 10, seed).layers[0].kernel
        np.testing.assert_allclose(untrained, start, atol=1e-3)


@pytest.mark.parametrize("task", ["digits", "photo_patches"])
def test_a_recorded_network_gets_its_recorded_accuracy_again(task):
    net = recorded.trained_network(task)
    recipe = next(recipe for recipe in recorded.RECIPES if recipe.name.startswith(f"{task}_5x5") and not recipe.noise)
    largest = max(r.filters for r in recorded.RECIPES if r.task == task)
    recipe = dataclasses.replace(recipe, filters=largest)
    found = weights.data(recipe, seed=0)
    again = net.evaluate(found.test_images, found.test_labels).accuracy
    # One image in 360 or 1,000 may lie on the edge between two classes, where the order of a sum decides.
    assert again == pytest.approx(recorded.kernels(recipe.name).accuracies[0], abs=0.003)


@pytest.mark.parametrize("task", recorded.TASKS)
def test_a_whole_network_holds_the_kernels_of_seed_zero(task):
    kernel = recorded.trained_network(task).layers[0].kernel
    same = recorded.kernels(f"{task}_5x5_{kernel.shape[-1]}").trained[0]
    np.testing.assert_allclose(same, kernel, rtol=1e-3, atol=1e-3)


def test_the_list_of_files_gives_their_checksums_and_accuracies():
    files = sorted(recorded.FOLDER.glob("*.npz"))
    assert [name for name, *_ in rows()] == [path.name for path in files]
    for name, accuracy, checksum in rows():
        assert hashlib.sha256((recorded.FOLDER / name).read_bytes()).hexdigest() == checksum
        if not name.endswith("_network.npz"):
            mean = 100 * recorded.kernels(name.removesuffix(".npz")).accuracies.mean()
            assert float(accuracy) == pytest.approx(mean, abs=0.06)


def test_the_recorded_files_are_small():
    assert sum(path.stat().st_size for path in recorded.FOLDER.glob("*.npz")) < 1_500_000


# --------------------------------------------------------------------------- networks of other people


def test_the_kernels_of_other_people_are_the_installed_files_that_are_listed():
    row = re.compile(r"^\| `(\w+)` \| `([\w/.]+\.lz4)` \| 3×3×3 → (\d+) \| MIT \| `(\w{64})` \|$", re.MULTILINE)
    listed = row.findall(README.read_text(encoding="utf-8"))
    assert {name: file for name, file, *_ in listed} == recorded.OTHERS
    for name, file, filters, checksum in listed:
        assert hashlib.sha256(photos.installed(file).read_bytes()).hexdigest() == checksum
        kernel = recorded.kernels_of(name)
        assert (kernel.shape, kernel.dtype) == ((3, 3, 3, int(filters)), np.float32)
        energy = (kernel.reshape(27, -1) ** 2).sum(axis=0)
        assert np.isfinite(energy).all()
        assert energy.min() > 0


def test_the_kernels_of_other_people_hold_edges_in_grey_at_several_angles():
    kernel = recorded.kernels_of("mtcnn_onet")
    found = [spectra.describe(kernel[..., i]) for i in range(kernel.shape[-1])]
    grey = [one for one in found if one.kind == "edge" and one.colour == "luminance"]
    assert len(grey) >= 5
    assert len({round(one.orientation / 45) % 4 for one in grey}) >= 3


# --------------------------------------------------------------------------- asking for what is not there


def test_an_unknown_network_of_other_people_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="name must be one of mtcnn_pnet, mtcnn_rnet, mtcnn_onet, got 'resnet'"):
        recorded.kernels_of("resnet")


def test_without_the_package_its_kernels_are_answered_with_what_to_install(monkeypatch):
    monkeypatch.setattr(photos, "find_spec", lambda package: None)
    with pytest.raises(FileNotFoundError, match=r"mtcnn/assets/weights/pnet.lz4 should .* requirements.lock.txt again"):
        recorded.kernels_of("mtcnn_pnet")


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"name must be one of lines_5x5_8, .* got 'mnist'"):
        recorded.kernels("mnist")


@pytest.mark.parametrize("network", [recorded.trained_network, lambda task: recorded.reused(task, 3)])
def test_an_unknown_task_is_answered_with_the_known_ones(network):
    with pytest.raises(ValueError, match="task must be one of lines, digits, photo_patches, cifar10, got 'photos'"):
        network("photos")


def test_what_was_not_recorded_is_answered_with_the_command_that_makes_it(monkeypatch, tmp_path):
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    assert recorded.names() == ()
    remedy = "make it with: python3 course.py run cnnlessons"
    with pytest.raises(FileNotFoundError, match=rf"lines_network.npz is not in data/weights; {remedy}"):
        recorded.trained_network("lines")


# --------------------------------------------------------------------------- recording


def test_the_same_seed_trains_the_same_network_and_another_seed_another():
    (first, _), (again, _), (other, _) = (weights.train(TINY, seed) for seed in (0, 0, 1))
    assert all((array == again.parameters()[name]).all() for name, array in first.parameters().items())
    assert abs(first.layers[0].kernel - other.layers[0].kernel).max() > 0.1


def test_noise_is_added_to_the_training_images_alone_and_is_new_in_every_epoch(monkeypatch):
    seen = []

    def fit(net, images, labels, epochs, **options):
        seen.append(images)
        return type(net).learn(net, images, labels, epochs, **options)

    kind = type(weights.network(TINY, (16, 16, 1), 2, 0))
    monkeypatch.setattr(kind, "learn", kind.fit, raising=False)
    monkeypatch.setattr(kind, "fit", fit)
    noisy = dataclasses.replace(TINY, noise=0.2, epochs=2)
    weights.train(noisy, 0)
    clean = weights.data(noisy, 0).train_images
    assert [(images - clean).std() for images in seen] == pytest.approx([0.2, 0.2], rel=0.05)
    assert abs(np.corrcoef((seen[0] - clean).ravel(), (seen[1] - clean).ravel())[0, 1]) < 0.05


def test_an_interrupted_recording_trains_only_what_is_missing(tiny, tmp_path, monkeypatch):
    weights.record(tmp_path, jobs=1)
    whole = {path.name: path.read_bytes() for path in tmp_path.glob("*.npz")}
    assert set(whole) == {f"{TINY.name}.npz"}
    (tmp_path / "runs" / f"{TINY.name}_1.npz").unlink()
    trained = []
    train = weights.train
    monkeypatch.setattr(weights, "train", lambda recipe, seed: trained.append(seed) or train(recipe, seed))
    weights.record(tmp_path, jobs=1)
    assert trained == [1]
    with np.load(tmp_path / f"{TINY.name}.npz") as file:
        assert file["trained"].shape == (2, 3, 3, 1, 2)
    assert (tmp_path / f"{TINY.name}.npz").read_bytes() == whole[f"{TINY.name}.npz"]


def test_the_command_says_which_tasks_there_are(capsys):
    assert cli.main(["record-weights", "--task", "mnist"]) == 1
    assert "tasks must be one of lines, digits, photo_patches, cifar10, got 'mnist'" in capsys.readouterr().err
