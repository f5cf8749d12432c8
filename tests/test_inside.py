"""What lesson 12 looks into: a drawn world whose parts are known, marks, and the networks that were recorded."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from cnnlessons import datasets, recorded
from cnnlessons.datasets import objects
from cnnlessons.experiments import inside

README = Path(__file__).parents[1] / "data" / "README.md"

# --------------------------------------------------------------------------- parts


def found_in(image, stroke):
    """Say whether a stroke of 0.4 stands somewhere in an image without noise."""
    paper = image.min()
    windows = np.lib.stride_tricks.sliding_window_view((image - paper) > 0.2, (5, 5))
    return (windows == stroke).all(axis=(2, 3)).any()


def test_an_object_is_made_of_its_two_parts_and_no_other():
    data = datasets.load("parts", count=60, noise=0)
    for image, label, has in zip(data.train_images[..., 0], data.train_labels, data.train_parts, strict=True):
        names = [name for name, there in zip(datasets.PARTS, has, strict=True) if there]
        assert data.class_names[label] == " and ".join(names)
        assert [found_in(image, stroke) for stroke in objects._DRAWN] == has.tolist()


def test_a_shortcut_tells_the_object_in_training_only():
    for shortcut in (0.0, 0.8, 1.0):
        data = datasets.load("parts", count=1500, noise=0, shortcut=shortcut)
        for images, labels, told in (
            (data.train_images, data.train_labels, shortcut),
            (data.test_images, data.test_labels, 0.0),
        ):
            paper = np.rint((images.min(axis=(1, 2, 3)) - 0.1) / 0.06)
            assert np.mean(paper == labels) == pytest.approx(told + (1 - told) / 6, abs=0.06)
            assert set(paper) == set(range(6))


def test_parts_lie_anywhere_in_their_quarters():
    data = datasets.load("parts", count=1500, noise=0)
    everywhere = (data.train_images[..., 0] - data.train_images.min(axis=(1, 2, 3))[:, None, None] > 0.2).mean(axis=0)
    assert (everywhere > 0).all()


# --------------------------------------------------------------------------- marks


IMAGES = np.random.default_rng(0).random((40, 12, 10, 3)).astype(np.float32)


@pytest.mark.parametrize("kind", ["checkerboard", "colour"])
def test_a_mark_changes_its_square_only_and_not_its_brightness(kind):
    marked, places = datasets.marked(IMAGES, np.arange(40) % 10, kind=kind)
    assert (places.sum(axis=(1, 2)) == 16).all()
    np.testing.assert_array_equal(marked[~places], IMAGES[~places])
    brightness = 0.25 + 0.5 * IMAGES.mean(axis=3)
    np.testing.assert_allclose(marked.mean(axis=3)[places], brightness[places], atol=1e-6)
    assert 0 <= marked.min() <= marked.max() <= 1
    assert np.ptp(marked[places], axis=1).min() > 0.3


def test_a_mark_says_which_class_by_its_colour():
    marked, places = datasets.marked(np.full((40, 8, 8, 3), 0.5), np.arange(40) % 10, kind="colour")
    colours = np.array([image[place][0] for image, place in zip(marked, places, strict=True)]) - 0.5
    assert len(np.unique(np.round(colours, 4), axis=0)) == 10
    np.testing.assert_allclose(colours[:5], -colours[5:10], atol=1e-6)  # opposite colours
    np.testing.assert_allclose(np.linalg.norm(colours, axis=1), 0.3)


def test_a_checkerboard_has_no_colour_on_average():
    marked, places = datasets.marked(np.full((10, 8, 8, 3), 0.5), np.arange(10))
    for image, place in zip(marked, places, strict=True):
        np.testing.assert_allclose(image[place].mean(axis=0), 0.5, atol=1e-6)
        rows, columns = np.nonzero(place)
        square = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] - 0.5
        np.testing.assert_allclose(square[1:], -square[:-1], atol=1e-6)


def test_the_seed_decides_where_marks_lie():
    places = [datasets.marked(IMAGES, 3, seed=seed)[1] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(places[0], places[1])
    assert not np.array_equal(places[0], places[2])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: datasets.marked(IMAGES[..., :1], 0), r"images must have shape \(N, H, W, 3\)"),
        (lambda: datasets.marked(np.full((1, 8, 8, 3), 128, np.uint8), 4), "a point, got uint8; write images / 255"),
        (lambda: datasets.marked(255 * IMAGES, 4), "images must lie from 0 to 1, got .*; write images / 255"),
        (lambda: datasets.marked(IMAGES, 10), "classes must be whole numbers from 0 to 9, got 10 to 10"),
        (lambda: datasets.marked(IMAGES, 0, kind="stripes"), "kind must be one of checkerboard, colour"),
        (lambda: datasets.marked(IMAGES, 0, side=11), "side must fit into images of 12×10, got 11"),
        (lambda: datasets.load("parts", count=29), "count must be at least 30"),
        (lambda: datasets.load("parts", shortcut=1.1), "shortcut must be a share from 0 to 1"),
        (lambda: datasets.load("parts", noise=-1), "noise must be a standard deviation from 0 up"),
    ],
)
def test_what_cannot_be_drawn_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


# --------------------------------------------------------------------------- what was recorded


@pytest.mark.parametrize("name", recorded.READERS)
def test_recorded_readers_have_learned_what_there_was_to_learn(name):
    nets = recorded.readers(name)
    assert len(nets) == inside.FEWER.get(name, inside.SEEDS)
    row = re.compile(rf"^\| `inside/{name}.npz` \|.*\| ([\d.]+) % \| `(\w{{64}})` \|$", re.MULTILINE)
    ((accuracy, checksum),) = row.findall(README.read_text(encoding="utf-8"))
    found = np.mean([net.evaluate(*inside.data(name, seed)[1]).accuracy for seed, net in enumerate(nets)])
    assert 100 * found == pytest.approx(float(accuracy), abs=0.3)
    assert hashlib.sha256((recorded.FOLDER / "inside" / f"{name}.npz").read_bytes()).hexdigest() == checksum


def test_a_reader_that_is_trained_again_is_the_recorded_one(tmp_path, monkeypatch):
    monkeypatch.setattr(inside, "train", lambda network, images, labels, seed: network)  # without the two minutes
    inside.record(tmp_path / "inside", ["parts"], seeds=2)
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    again = recorded.readers("parts")
    assert len(again) == 2
    for seed, net in enumerate(again):
        for name, array in recorded.reader("parts", seed).parameters().items():
            np.testing.assert_allclose(net.parameters()[name], array, atol=1e-3)


def test_training_takes_the_loss_down():
    (images, labels), _ = inside.data("parts", 0)
    net = recorded.reader("parts")
    before = net.evaluate(images[:240], labels[:240]).loss
    inside.train(net, images[:240], labels[:240], epochs=4)
    assert net.evaluate(images[:240], labels[:240]).loss < before
    assert net.training.epoch == 4


def test_there_is_no_reader_of_another_name():
    with pytest.raises(ValueError, match="name must be one of photos, photos_marked, photos_blind, parts"):
        recorded.readers("faces")
