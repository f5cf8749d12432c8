"""Photographs and data sets: offline, reproducible, and with nothing of the test part in the training part."""

import hashlib
import re
import socket
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import sklearn.datasets
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlessons import datasets
from cnnlessons.kernels import ORIENTATIONS

README = Path(__file__).parents[1] / "data" / "README.md"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("a test of the data sets tried to reach the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


# Photographs


@pytest.mark.parametrize("name", datasets.photographs())
def test_a_photograph_is_a_float_image_between_zero_and_one(name):
    image = datasets.photograph(name)
    assert image.dtype == np.float64
    assert image.ndim == 2 or image.shape[2:] == (3,)
    assert image.min() >= 0
    assert image.max() <= 1
    assert image.std() > 0.02


@pytest.mark.parametrize("name", ["astronaut", "brick", "clock", "immunohistochemistry", "rocket"])
def test_scikit_images_own_function_gives_the_same_pixels(name):
    np.testing.assert_array_equal(datasets.photograph(name, dtype=np.uint8), getattr(skimage.data, name)())


@pytest.mark.parametrize("name", ["china", "flower"])
def test_scikit_learns_own_function_gives_the_same_pixels(name):
    theirs = sklearn.datasets.load_sample_image(f"{name}.jpg")
    np.testing.assert_array_equal(datasets.photograph(name, dtype=np.uint8), theirs)


def test_gray_is_the_luminance_of_the_colours():
    image = datasets.photograph("coffee")
    np.testing.assert_allclose(datasets.photograph("coffee", gray=True), image @ [0.2125, 0.7154, 0.0721], atol=1e-9)
    np.testing.assert_array_equal(datasets.photograph("camera", gray=True), datasets.photograph("camera"))


def test_an_integer_size_is_the_middle_square_resized():
    whole = datasets.photograph("chelsea")  # (300, 451, 3)
    square = datasets.photograph("chelsea", size=300)
    np.testing.assert_allclose(square, whole[:, 75:375], atol=1e-12)
    half = datasets.photograph("chelsea", size=150)
    blocks = square.reshape(150, 2, 150, 2, 3).mean(axis=(1, 3))
    assert abs(half - blocks).mean() < 0.01


def test_a_pair_of_sizes_is_height_and_width():
    assert datasets.photograph("rocket", size=(40, 120)).shape == (40, 120, 3)
    assert datasets.photograph("rocket", size=(120, 40), gray=True).shape == (120, 40)


def test_a_size_may_be_as_long_and_thin_as_one_pixel():
    assert datasets.photograph("camera", size=(1, 1024)).shape == (1, 1024)
    assert datasets.photograph("camera", size=np.array([1024, 1])).shape == (1024, 1)


def test_resizing_does_not_squeeze():
    """A circle stays a circle: the bright part of the cell photograph keeps its proportions."""
    mask = datasets.photograph("cell", size=(110, 220)) > 0.6
    height, width = (np.ptp(np.flatnonzero(mask.any(axis=axis))) for axis in (1, 0))
    assert height == pytest.approx(width, rel=0.2)


def test_shrinking_does_not_alias():
    """The finest stripes become gray; taking every third pixel would give stripes again."""
    stripes = np.tile(np.arange(63) % 2.0, (63, 1))
    assert abs(datasets._resize(stripes, 21, 21) - 0.5)[:, 2:-2].max() < 0.05


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, float])
def test_the_dtype_is_the_one_asked_for(dtype):
    image = datasets.photograph("moon", size=32, dtype=dtype)
    assert image.dtype == np.dtype(dtype)
    scale = 255 if dtype == np.uint8 else 1
    np.testing.assert_allclose(image / scale, datasets.photograph("moon", size=32), atol=0.5 / 255 + 1e-6)


def test_changing_a_photograph_does_not_change_the_next_one():
    before = datasets.photograph("coins", dtype=np.uint8)
    datasets.photograph("coins", dtype=np.uint8)[:] = 0
    datasets.photograph("coins")[:] = 0
    np.testing.assert_array_equal(datasets.photograph("coins", dtype=np.uint8), before)


@pytest.mark.parametrize("name", ["lena", ["camera"], None])
def test_an_unknown_photograph_lists_what_there_is(name):
    with pytest.raises(ValueError, match=rf"no photograph named {re.escape(repr(name))}; the names are: astronaut"):
        datasets.photograph(name)


def test_a_photograph_that_is_not_installed_is_not_downloaded(monkeypatch):
    absent = datasets.PhotographSource("eagle", "skimage/data/eagle.png", "an eagle", "Dayane Machado", "CC0 1.0")
    monkeypatch.setitem(datasets._PHOTOGRAPHS, "eagle", absent)
    assert "eagle" not in datasets.photographs()
    with pytest.raises(FileNotFoundError, match=r"skimage/data/eagle.png should have been installed.*not there"):
        datasets.photograph("eagle")


@pytest.mark.parametrize(
    ("size", "error", "words"),
    [
        (0, ValueError, "size must be at least 1, got 0"),
        ((3, 0), ValueError, r"size\[1\] must be at least 1, got 0"),
        ((3, 4, 5), ValueError, r"size must be one whole number or a pair .*got 3 values"),
        *((size, TypeError, "size must be a whole number, got") for size in (2.5, "big", True)),
    ],
)
def test_a_size_that_is_none_is_refused(size, error, words):
    with pytest.raises(error, match=words):
        datasets.photograph("moon", size=size)


def test_other_dtypes_are_refused():
    with pytest.raises(ValueError, match="dtype must be float64, float32 or uint8, got int64"):
        datasets.photograph("moon", dtype=np.int64)


def test_the_readme_lists_every_installed_file_with_its_checksum():
    rows = [
        [cell.strip(" `") for cell in line.strip("|\n").split("|")]
        for line in README.open()
        if "`" in line and "|" in line
    ]
    listed = {name: cells for name, *cells in rows}
    photographs = [datasets.photograph_source(name) for name in datasets.photographs()]
    expected = {photo.name: [photo.file, photo.shows, photo.source, photo.licence] for photo in photographs}
    digits = datasets.available()[0]
    assert listed.pop("digits")[:3] == [*digits.files, digits.shows, digits.source]
    assert {name: cells[:-1] for name, cells in listed.items()} == expected
    for file, *_, checksum in listed.values():
        assert hashlib.sha256(datasets._installed(file).read_bytes()).hexdigest() == checksum


# Data sets


@pytest.mark.parametrize("name", ["digits", "lines", "photo_patches"])
def test_a_data_set_has_the_form_that_every_lesson_expects(name):
    data = datasets.load(name)
    for images, labels in [(data.train_images, data.train_labels), (data.test_images, data.test_labels)]:
        assert images.ndim == 4
        assert images.dtype == np.float32
        assert images.min() >= 0
        assert images.max() <= 1
        assert labels.dtype == np.int64
        assert labels.shape == images.shape[:1]
        counts = np.bincount(labels, minlength=len(data.class_names))
        assert len(counts) == len(data.class_names)
        assert counts.min() >= 0.9 * counts.max()
    assert data.train_images.shape[1:] == data.test_images.shape[1:]
    assert data.source


@pytest.mark.parametrize(("name", "options"), [("lines", {}), ("photo_patches", {"per_class": 5, "size": 8})])
def test_the_seed_decides_everything(name, options):
    once, again, other = (datasets.load(name, seed=seed, **options) for seed in (3, 3, 4))
    np.testing.assert_array_equal(once.train_images, again.train_images)
    np.testing.assert_array_equal(once.test_labels, again.test_labels)
    assert not np.array_equal(once.train_images, other.train_images)


@pytest.mark.parametrize("name", ["digits", "lines", "photo_patches"])
def test_no_test_image_is_a_training_image(name):
    data = datasets.load(name)
    train = {image.tobytes() for image in data.train_images}
    assert not any(image.tobytes() in train for image in data.test_images)


def test_digits_are_scikit_learns_split_class_by_class():
    data, raw = datasets.load("digits"), sklearn.datasets.load_digits()
    assert len(data.train_images) + len(data.test_images) == 1797
    for digit in range(10):
        theirs = raw.images[raw.target == digit] / 16
        np.testing.assert_array_equal(data.test_images[data.test_labels == digit][..., 0], theirs[::5])
        train = np.delete(theirs, np.s_[::5], axis=0)
        np.testing.assert_array_equal(data.train_images[data.train_labels == digit][..., 0], train)


def test_a_line_runs_as_its_label_says():
    data = datasets.load("lines", count=200, size=9, noise=0, orientations=ORIENTATIONS)
    steps = {"horizontal": (0, 1), "vertical": (1, 0), "backslash": (1, 1), "slash": (1, -1)}
    for image, label in zip(data.train_images[..., 0], data.train_labels, strict=True):
        bright = np.argwhere(image == 0.75)
        assert len(bright) >= 9 // 2
        assert set(np.unique(image)) == {0.25, 0.75}
        ordered = bright if label else bright[np.argsort(bright[:, 1])]
        assert (np.diff(ordered, axis=0) == steps[data.class_names[label]]).all()


def test_lines_appear_in_every_row_and_column():
    data = datasets.load("lines", size=8, noise=0)
    bright = data.train_images[..., 0] == 0.75
    for label, axis in [(0, 1), (1, 0)]:
        along = bright[data.train_labels == label].all(axis=1 + axis)  # (N, size): which row or column is bright
        assert along.any(axis=0).all()


def test_no_linear_classifier_gets_all_horizontal_and_vertical_lines_right():
    """The mean over all positions is the same image for both classes, so a linear score has the same mean."""
    data = datasets.load("lines", size=6, noise=0)
    images = data.train_images[..., 0]
    means = [np.unique(images[data.train_labels == label], axis=0).mean(axis=0) for label in (0, 1)]
    np.testing.assert_allclose(means[0], means[1], atol=1e-7)


def test_noise_is_the_standard_deviation_of_the_dark_pixels():
    clean, noisy = (datasets.load("lines", noise=noise, count=500).train_images for noise in (0, 0.05))
    assert (noisy - clean).std() == pytest.approx(0.05, rel=0.02)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 3}, "size must be at least 4, got 3"),
        ({"size": 4.5}, r"size must be a whole number, got 4\.5"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        *(({"noise": noise}, "noise is a standard deviation .*number from 0 up") for noise in (-0.1, np.nan, "a")),
        ({"orientations": ("horizontal",)}, "orientations must be two or more of horizontal, vertical"),
        ({"orientations": "horizontal"}, "orientations must be two or more"),
        ({"orientations": ("horizontal", "diagonal")}, "orientations must be two or more"),
        ({"orientations": ("horizontal", "vertical", "vertical")}, "orientations must be two or more .* each once"),
        ({"count": 9}, "count must be at least 10, got 9"),
        ({"count": True}, "count must be a whole number, got True"),
    ],
)
def test_lines_that_cannot_be_drawn_are_refused(options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        datasets.load("lines", **options)


@settings(max_examples=50)
@given(height=st.integers(300, 520), width=st.integers(300, 760), size=st.integers(4, 64))
def test_training_and_test_blocks_never_overlap(height, width, size):
    covered = np.zeros((height, width), dtype=int)
    train, test = datasets._blocks((height, width), 2 * size)
    assert 0 < len(test) < len(train)
    for top, left in [*train, *test]:
        block = covered[top : top + 2 * size, left : left + 2 * size]
        assert block.shape == (2 * size, 2 * size)
        block += 1
    assert covered.max() == 1


def test_no_pixel_of_a_test_crop_is_in_a_training_crop(monkeypatch):
    """In place of a photograph: an image in which every number occurs once, so that a pixel can be recognised."""
    numbered = np.random.default_rng(0).permutation(300 * 451 * 3).reshape(300, 451, 3)
    monkeypatch.setattr(datasets, "_reduced", lambda name: numbered)
    monkeypatch.setattr(datasets, "_standardised", lambda crop: crop)
    data = datasets.load("photo_patches", per_class=100, test_per_class=50)
    train, test = np.unique(data.train_images), np.unique(data.test_images)
    assert len(train) > 200_000
    assert len(test) > 50_000
    assert len(np.intersect1d(train, test)) == 0


def test_another_seed_does_not_move_a_block_to_the_other_part():
    train, test = datasets._blocks((300, 451), 64)
    assert len(train) == 22
    assert test.tolist() == [[0, 0], [0, 320], [64, 128], [128, 256], [192, 64], [192, 384]]


def test_mean_colour_and_contrast_do_not_give_a_photograph_away():
    images = datasets.load("photo_patches").train_images
    np.testing.assert_allclose(images.mean(axis=(1, 2)), 0.5, atol=0.07)
    assert np.median(images.std(axis=(1, 2, 3))) == pytest.approx(1 / 6, abs=0.01)


def test_crops_have_the_size_and_number_asked_for():
    data = datasets.load("photo_patches", per_class=3, test_per_class=2, size=12)
    assert data.train_images.shape == (30, 12, 12, 3)
    assert data.test_images.shape == (20, 12, 12, 3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"per_class": 0}, "per_class must be at least 1, got 0"),
        ({"test_per_class": 1.5}, r"test_per_class must be a whole number, got 1\.5"),
        ({"size": 65}, "size must be at most 64, got 65"),
        ({"seed": "a"}, "seed must be a whole number, got 'a'"),
    ],
)
def test_crops_that_cannot_be_cut_are_refused(options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        datasets.load("photo_patches", **options)


@pytest.mark.parametrize("name", ["imagenet", ["lines"], None])
def test_an_unknown_data_set_lists_what_there_is(name):
    with pytest.raises(ValueError, match=rf"no data set named {re.escape(repr(name))}; the names are: digits, lines"):
        datasets.load(name)


def test_an_unknown_option_lists_the_options():
    with pytest.raises(TypeError, match="lines has no option 'colour'; its options are: count, size, noise"):
        datasets.load("lines", colour=True)
    with pytest.raises(TypeError, match="digits has no option 'size'; its options are: none"):
        datasets.load("digits", size=8)


def test_every_data_set_is_available_offline():
    records = datasets.available()
    assert [record.name for record in records] == ["digits", "lines", "photo_patches"]
    assert all(record.offline for record in records)


def test_a_data_set_whose_files_are_missing_is_not_offline(monkeypatch):
    monkeypatch.setattr(datasets, "_installed", lambda file: Path("nowhere") / file)
    assert {record.name: record.offline for record in datasets.available()} == {
        "digits": False,
        "lines": True,
        "photo_patches": False,
    }
