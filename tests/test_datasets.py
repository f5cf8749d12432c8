"""Photographs and data sets: reproducible, with nothing of the test part in the training part, and hard to fool."""

import ast
import hashlib
import io
import os
import re
import socket
import stat
import struct
import sys
import types
import unicodedata
import zipfile
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import sklearn.datasets
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cnnlessons import datasets
from cnnlessons.datasets import benchmarks, files, npz, photos, pictures, synthetic
from cnnlessons.kernels import ORIENTATIONS

README = Path(__file__).parents[1] / "data" / "README.md"
REAL = os.environ.get("CNNLESSONS_DATA")


@pytest.fixture(autouse=True)
def _nothing_from_this_machine(monkeypatch, tmp_path_factory):
    """No network and no copy of whoever runs the tests."""

    def refuse(*_):
        raise AssertionError("a test of the data sets tried to reach the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.delenv("CNNLESSONS_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))


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
    assert abs(photos._resize(stripes, 21, 21) - 0.5)[:, 2:-2].max() < 0.05


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


@pytest.fixture
def own_picture(tmp_path):
    """A picture as a phone stores it, on its side with a note which way is up; and as it is meant."""
    meant = datasets.photograph("chelsea", dtype=np.uint8)  # (300, 451, 3)
    sideways = Image.fromarray(np.rot90(meant))
    exif = sideways.getexif()
    exif[274] = 6  # to be turned by 90° clockwise
    path = tmp_path / "my cat.png"
    sideways.save(path, exif=exif)
    return path, meant


def test_a_picture_of_one_s_own_comes_upright_and_is_not_squeezed(own_picture):
    path, meant = own_picture
    for picture in (path, str(path), path.read_bytes()):
        np.testing.assert_array_equal(datasets.photograph(picture, dtype=np.uint8), meant)
    square = datasets.photograph(path, size=150)
    assert np.abs(square - datasets.photograph("chelsea", size=150)).mean() < 0.01
    assert datasets.photograph(path, size=(20, 60), gray=True).shape == (20, 60)


def test_a_gray_picture_of_one_s_own_is_two_dimensional(tmp_path):
    Image.fromarray(np.arange(200, dtype=np.uint8).reshape(10, 20)).save(tmp_path / "gray.png")
    assert datasets.photograph(tmp_path / "gray.png").shape == (10, 20)
    assert datasets.photograph(tmp_path / "gray.png", gray=True, size=5).shape == (5, 5)


def test_a_file_that_is_missing_or_holds_no_picture_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"'none\.jpg' is not there; give its path, or put it beside the notebook"):
        datasets.photograph("none.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(ValueError, match=r"text\.jpg' is not a picture that Pillow reads"):
        datasets.photograph(tmp_path / "text.jpg")
    with pytest.raises(ValueError, match="this file is empty"):
        datasets.photograph(b"")
    with pytest.raises(ValueError, match="is damaged or cannot be read"):
        datasets.photograph(tmp_path)


def test_a_photograph_that_is_not_installed_is_not_downloaded(monkeypatch):
    absent = datasets.PhotographSource("eagle", "skimage/data/eagle.png", "an eagle", "Dayane Machado", "CC0 1.0")
    monkeypatch.setitem(photos._PHOTOGRAPHS, "eagle", absent)
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
    first_section = README.read_text(encoding="utf-8").split("\n## ")[0]
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in first_section.splitlines()
        if "`" in line and "|" in line
    ]
    listed = {name: cells for name, *cells in rows}
    photographs = [datasets.photograph_source(name) for name in datasets.photographs()]
    expected = {photo.name: [photo.file, photo.shows, photo.source, photo.licence] for photo in photographs}
    digits = datasets.available()[0]
    assert listed.pop("digits")[:3] == [*digits.files, digits.shows, digits.source]
    assert {name: cells[:-1] for name, cells in listed.items()} == expected
    for file, *_, checksum in listed.values():
        assert hashlib.sha256(photos.installed(file).read_bytes()).hexdigest() == checksum


# Data sets


@pytest.mark.parametrize("name", ["digits", "lines", "photo_patches", "spectrograms", "parts"])
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


@pytest.mark.parametrize(
    ("name", "options"),
    [("lines", {}), ("photo_patches", {"per_class": 5, "size": 8}), ("spectrograms", {"count": 30}), ("parts", {})],
)
def test_the_seed_decides_everything(name, options):
    once, again, other = (datasets.load(name, seed=seed, **options) for seed in (3, 3, 4))
    np.testing.assert_array_equal(once.train_images, again.train_images)
    np.testing.assert_array_equal(once.test_labels, again.test_labels)
    assert not np.array_equal(once.train_images, other.train_images)


@pytest.mark.parametrize("name", ["digits", "lines", "photo_patches", "spectrograms", "parts"])
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
        *(({"noise": noise}, "noise must be a standard deviation from 0 up, got") for noise in (-0.1, np.nan, "a")),
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


# Spectrograms


def partials(name, frequency=437.5, seconds=1.0):
    """Frequencies that stand out of one long note, as multiples of the note's: 437.5 Hz is the middle of a band."""
    note = synthetic._note(
        synthetic.INSTRUMENTS[name], frequency, int(seconds * synthetic.RATE), np.random.default_rng(0)
    )
    power = np.abs(np.fft.rfft(note * np.hanning(len(note)))) ** 2
    peaks = np.flatnonzero((power[1:-1] > power[:-2]) & (power[1:-1] > power[2:])) + 1
    return peaks[power[peaks] > 1e-3 * power.max()] / seconds / frequency


def test_an_instrument_plays_its_partials_and_no_others():
    for name in ("organ", "clarinet", "guitar", "bell"):
        known = np.array(synthetic.INSTRUMENTS[name].partials)
        distance = abs(partials(name)[:, np.newaxis] - known).min(axis=1)
        assert distance.max() < 0.02, name
        assert len(distance) >= 3
    assert (np.rint(partials("clarinet")) % 2 == 1).all()


def test_nothing_is_played_that_the_sampling_would_fold_back():
    note = synthetic._note(synthetic.INSTRUMENTS["organ"], 599.0, 8000, np.random.default_rng(1))
    power = np.abs(np.fft.rfft(note * np.hanning(8000))) ** 2
    folded = [2 * 4000 - 599 * partial for partial in range(7, 13)]
    assert all(power[hertz - 8 : hertz + 9].max() < 1e-3 * power.max() for hertz in folded if hertz > 0)


def test_plucked_notes_fade_and_blown_ones_do_not():
    for name, fades in (("guitar", True), ("bell", True), ("organ", False), ("clarinet", False)):
        note = synthetic._note(synthetic.INSTRUMENTS[name], 300.0, 8000, np.random.default_rng(0))
        ratio = note[6000:7500].std() / note[500:2000].std()
        assert ratio < 0.5 if fades else ratio > 0.8


def test_a_tone_is_one_bright_row_at_its_frequency_counted_from_below():
    seconds = np.arange(synthetic.SAMPLES) / synthetic.RATE
    for band in (0, 3, 17, 31):
        tone = np.sin(2 * np.pi * (band * 125 + 70) * seconds)  # near the middle of a band: 8 frequencies, 16 Hz apart
        (image,) = synthetic.spectrogram(tone[np.newaxis])[..., 0]
        assert (image.argmax(axis=0) == 31 - band).all()
        assert image[31 - band].min() > 0.99
        far = [row for row in range(32) if abs(row - (31 - band)) > 1]
        assert image[far].max() < 0.1


def test_half_the_amplitude_is_six_decibels_darker():
    seconds = np.arange(synthetic.SAMPLES) / synthetic.RATE
    loud, soft = (np.sin(2 * np.pi * hertz * seconds) for hertz in (570, 2070))
    (image,) = synthetic.spectrogram((loud + soft / 2)[np.newaxis])[..., 0]
    assert (image[31 - 4] - image[31 - 16]).mean() == pytest.approx(20 * np.log10(2) / 60, abs=1e-3)


def test_a_spectrogram_does_not_say_how_loud_the_melody_is():
    sound = datasets.melody("violin", seed=3)
    assert sound.shape == (synthetic.SAMPLES,)
    np.testing.assert_allclose(*synthetic.spectrogram(np.stack([sound, 7 * sound])), atol=1e-6)


@pytest.mark.filterwarnings("error")
def test_silence_has_a_black_spectrogram_and_no_loudness_is_too_much_or_too_little():
    sound = datasets.melody("violin")
    np.testing.assert_array_equal(synthetic.spectrogram(np.zeros((1, synthetic.SAMPLES))), 0)
    expected, *scaled, silent = synthetic.spectrogram(np.stack([sound, 1e-300 * sound, 1e200 * sound, 0 * sound]))
    np.testing.assert_allclose(scaled, [expected, expected], atol=1e-6)
    assert not silent.any()


def test_every_spectrogram_reaches_white():
    images = datasets.load("spectrograms", count=60).train_images
    assert images.shape == (48, 32, 32, 1)
    np.testing.assert_array_equal(images.max(axis=(1, 2, 3)), 1)


def test_a_whole_instrument_cannot_be_told_by_its_mean_picture():
    """Otherwise nothing were left for a network to learn; chance is one in six."""
    data = datasets.load("spectrograms")
    means = np.stack([data.train_images[data.train_labels == label].mean(axis=0) for label in range(6)])
    distance = ((data.test_images[:, np.newaxis] - means) ** 2).sum(axis=(2, 3, 4))
    assert 0.3 < (distance.argmin(axis=1) == data.test_labels).mean() < 0.65


def test_more_noise_makes_the_background_brighter():
    quiet, loud = (datasets.load("spectrograms", count=60, noise=noise).train_images for noise in (0, 0.3))
    assert np.median(loud) > np.median(quiet) + 0.2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: datasets.load("spectrograms", count=29), "count must be at least 30, got 29"),
        (lambda: datasets.load("spectrograms", seed=-1), "seed must be at least 0, got -1"),
        (lambda: datasets.load("spectrograms", noise=-1), "noise must be a standard deviation from 0 up, got -1"),
        (lambda: datasets.load("spectrograms", noise=np.nan), "noise must be a standard deviation"),
        (lambda: synthetic.spectrogram(np.full((1, 8448), np.nan)), "sounds must be finite"),
        (lambda: synthetic.spectrogram(np.ones((1, 100))), r"sounds must have shape \(N, 8,448\), .* got \(1, 100\)"),
        (lambda: datasets.melody("oboe"), "no instrument 'oboe'; there are: organ, clarinet, flute"),
        (lambda: datasets.melody("organ", seed=0.5), "seed must be a whole number"),
    ],
)
def test_melodies_that_cannot_be_played_are_refused(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


# Photo patches


@settings(max_examples=50)
@given(height=st.integers(300, 520), width=st.integers(300, 760), size=st.integers(4, 64))
def test_training_and_test_blocks_never_overlap(height, width, size):
    covered = np.zeros((height, width), dtype=int)
    train, test = photos._blocks((height, width), 2 * size)
    assert 0 < len(test) < len(train)
    for top, left in [*train, *test]:
        block = covered[top : top + 2 * size, left : left + 2 * size]
        assert block.shape == (2 * size, 2 * size)
        block += 1
    assert covered.max() == 1


def test_no_pixel_of_a_test_crop_is_in_a_training_crop(monkeypatch):
    """In place of a photograph: an image in which every number occurs once, so that a pixel can be recognised."""
    numbered = np.random.default_rng(0).permutation(300 * 451 * 3).reshape(300, 451, 3)
    monkeypatch.setattr(photos, "_reduced", lambda name: numbered)
    monkeypatch.setattr(photos, "_standardised", lambda crop: crop)
    data = datasets.load("photo_patches", per_class=100, test_per_class=50)
    train, test = np.unique(data.train_images), np.unique(data.test_images)
    assert len(train) > 200_000
    assert len(test) > 50_000
    assert len(np.intersect1d(train, test)) == 0


def test_another_seed_does_not_move_a_block_to_the_other_part():
    train, test = photos._blocks((300, 451), 64)
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


def test_an_option_that_cannot_be_left_out_is_named():
    with pytest.raises(TypeError, match=r"folder needs the option 'path'; write load\('folder', path=…\)"):
        datasets.load("folder")


def test_every_data_set_but_two_is_always_available_offline():
    offline = {record.name: record.offline for record in datasets.available()}
    assert [name for name, there in offline.items() if not there] == ["cifar10", "mnist"]
    assert {"digits", "lines", "photo_patches", "spectrograms", "parts", "folder"} < set(offline)


def test_a_data_set_whose_files_are_missing_is_not_offline(monkeypatch):
    monkeypatch.setattr(photos, "installed", lambda file: Path("nowhere") / file)
    offline = {record.name for record in datasets.available() if record.offline}
    assert offline == {"lines", "spectrograms", "parts", "folder"}


def test_keras_is_imported_by_a_function_and_not_with_the_module():
    for file in Path(datasets.__file__).parent.glob("*.py"):
        at_import = [node for node in ast.parse(file.read_text("utf-8")).body if not isinstance(node, ast.FunctionDef)]
        assert not re.search(r"\b(import|from) (keras|tensorflow)", ast.unparse(ast.Module(at_import, [])))


# What files are made of: pictures, folders, zip files


def encoded(image, kind="PNG", **options):
    """Return an image, or an array of one, as the bytes of a file."""
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(np.asarray(image, np.uint8))).save(
        file, kind, **options
    )
    return file.getvalue()


def noise(seed, *shape):
    return np.random.default_rng(seed).integers(256, size=shape or (8, 8, 3), dtype=np.uint8)


def pets(cats=5, dogs=5):
    """Return the files of a small data set: name to content."""
    named = {f"cat/{number}.png": encoded(noise(number)) for number in range(cats)}
    return named | {f"dog/{number}.png": encoded(noise(1000 + number)) for number in range(dogs)}


def unpacked(folder, members):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in members.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            file.mkdir()
        else:
            file.write_bytes(content)
    return folder


def zipped(path, members):
    """Write a zip file; `members` is a dict, or pairs where a name occurs twice or is a ZipInfo."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items() if isinstance(members, dict) else members:
            if content is None:
                archive.mkdir(name)
            else:
                archive.writestr(name, content)
    return path


CONTAINERS = {"folder": unpacked, "zip": lambda path, members: zipped(path.with_suffix(".zip"), members)}


@pytest.fixture(params=CONTAINERS)
def contained(request, tmp_path):
    """A function that puts files into a folder, and one that puts them into a zip file."""
    return lambda members, name="pets": CONTAINERS[request.param](tmp_path / name, members)


def refused(call, error, words):
    """Return the message of an error that shows nothing of how it came about."""
    with pytest.raises(error, match=words) as caught:
        call()
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def assert_equal(one, other):
    for name in ("train_images", "train_labels", "test_images", "test_labels", "class_names"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=name != "class_names")


def every_image(data):
    return [*data.train_images, *data.test_images]


RED = np.full((6, 6, 3), [200, 0, 0], np.uint8)
STRONG = np.dstack([RED, np.full((6, 6), 255, np.uint8)])
CLEAR = np.dstack([RED, np.zeros((6, 6), np.uint8)])


def palette(image=RED, **options):
    return encoded(Image.fromarray(image).convert("P", palette=Image.Palette.ADAPTIVE), **options)


@pytest.mark.parametrize(
    ("content", "pixel"),
    [
        pytest.param(encoded(RED), [200, 0, 0], id="colour"),
        pytest.param(encoded(RED[..., 0]), [200], id="gray"),
        pytest.param(encoded(RED, "BMP"), [200, 0, 0], id="BMP"),
        pytest.param(encoded(RED, "TIFF"), [200, 0, 0], id="TIFF"),
        pytest.param(encoded(RED, "WEBP", lossless=True), [200, 0, 0], id="WebP"),
        pytest.param(palette(), [200, 0, 0], id="palette"),
        pytest.param(palette(transparency=0), [255, 255, 255], id="palette, transparent"),
        pytest.param(encoded(RED, transparency=(200, 0, 0)), [255, 255, 255], id="a colour that means transparent"),
        pytest.param(encoded(STRONG), [200, 0, 0], id="opaque"),
        pytest.param(encoded(CLEAR), [255, 255, 255], id="transparent"),
        pytest.param(encoded(STRONG[..., [0, 3]]), [200], id="gray, opaque"),
        pytest.param(encoded(CLEAR[..., [0, 3]]), [255], id="gray, transparent"),
        pytest.param(encoded(Image.fromarray(RED[..., 0] > 0)), [255], id="black and white"),
        pytest.param(encoded(Image.new("CMYK", (6, 6), (0, 255, 255, 0)), "TIFF"), [255, 0, 0], id="CMYK"),
        *(
            pytest.param(encoded(Image.fromarray(np.full((6, 6), value, np.uint16))), [pixel], id=f"16 bits, {value}")
            for value, pixel in [(0, 0), (128, 0), (129, 1), (257, 1), (128 * 257, 128), (65535, 255)]
        ),
    ],
)
def test_every_kind_of_pixel_becomes_eight_bits_of_gray_or_colour_on_white(content, pixel):
    array = pictures.pixels(lambda: content)
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, np.broadcast_to(np.array(pixel, np.uint8), (6, 6, len(pixel))), strict=True)


def test_half_transparent_is_half_white():
    half = np.dstack([RED, np.full((6, 6), 51, np.uint8)])  # 51 / 255 = 0.2
    np.testing.assert_allclose(pictures.pixels(lambda: encoded(half))[0, 0], 0.2 * RED[0, 0] + 0.8 * 255, atol=1)


def test_pixels_without_a_known_black_and_white_are_not_guessed():
    floats = encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF")
    with pytest.raises(pictures.Unreadable, match="32-bit pixels, whose black and white are not known"):
        pictures.pixels(lambda: floats)


def test_sixteen_bits_of_which_few_are_used_are_bright_and_it_is_told(contained, capsys):
    wide = {name: np.random.default_rng(seed).integers(0, 4000, (8, 8)) for seed, name in enumerate(pets(2, 2))}
    wide["cat/0.png"][0, 0] = 4095
    for bits in (10, 12, 14, 16):
        stored = {name: (values.astype(np.uint16) << 4) >> (16 - bits) for name, values in wide.items()}
        members = {name: encoded(Image.fromarray(values)) for name, values in stored.items()}
        data = datasets.load("folder", path=contained(members, f"{bits} bits"), size=8)
        assert data.train_images.max() > 0.95
        expected = {np.rint(values / (2**bits - 1) * 255).astype(np.uint8).tobytes() for values in stored.values()}
        assert {np.rint(image * 255).astype(np.uint8).tobytes() for image in every_image(data)} == expected
        said = f"no value above {2**bits - 1}, which is taken for white ({bits} bits)."
        assert (said in capsys.readouterr().out) == (bits < 16)
        assert (f"{bits} of 16 bits used" in data.source) == (bits < 16)


def png_of_16_bits(colours):
    """Return a PNG of 16 bits a channel, which Pillow does not write."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in colours)
    chunks = [(b"IHDR", struct.pack(">2I5B", *colours.shape[1::-1], 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows))]
    data = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    return (
        b"\x89PNG\r\n\x1a\n" + b"".join(data) + struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    )


def test_colours_of_12_bits_in_16_are_left_out_and_those_of_16_are_not(contained):
    for bits in (12, 16):
        colours = {
            name: np.random.default_rng(seed).integers(0, 2**bits, (8, 8, 3)) for seed, name in enumerate(pets(2, 2))
        }
        path = contained({name: png_of_16_bits(values) for name, values in colours.items()}, f"{bits} bits")
        if bits == 12:
            refused(
                lambda path=path: datasets.load("folder", path=path),
                ValueError,
                "holds colours of 12 bits in 16, of which",
            )
        else:
            assert datasets.load("folder", path=path, size=8).train_images.max() > 0.9


def tiff_of_16_bits(values, white_is_zero):
    tags = {256: values.shape[1], 257: values.shape[0], 258: 16, 259: 1, 262: 1 - white_is_zero, 273: 0, 277: 1}
    tags |= {278: values.shape[0], 279: 2 * values.size}
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    header = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)
    return header + values.astype("<u2").tobytes()


@pytest.mark.parametrize("bits", [12, 16])
def test_a_file_says_whether_its_zero_is_white(bits):
    values = np.array([[0, 2**bits - 1]])
    for white_is_zero, expected in ((False, [0, 255]), (True, [255, 0])):
        picture = pictures.decoded(lambda white=white_is_zero: tiff_of_16_bits(values, white))
        assert pictures.in_eight_bits(picture, pictures.depth([picture])).ravel().tolist() == expected


def test_sixteen_bits_of_a_portable_graymap_are_read():
    content = b"P5 2 1 4095\n" + np.array([0, 4095], ">u2").tobytes()
    assert pictures.pixels(lambda: content).ravel().tolist() == [0, 255]


STORED = {  # the tag of the camera, and how its sensor lay: what undoes it is in the standard, EXIF 2.3, 4.6.4
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright, 1),  # stored counter-clockwise, so it has to be turned clockwise
    7: lambda upright: upright.swapaxes(0, 1)[::-1, ::-1],
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", STORED)
def test_a_camera_held_on_its_side_gives_an_upright_picture(orientation, kind):
    upright = noise(0, 5, 7, 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = encoded(np.ascontiguousarray(STORED[orientation](upright)), kind, exif=exif)
    np.testing.assert_array_equal(pictures.pixels(lambda: stored), upright)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_centre_is_what_stays_of_a_long_picture(axis):
    blue = np.full((40, 40, 3), [0, 0, 200], np.uint8)
    red = np.full((40, 40, 3), [200, 0, 0], np.uint8)
    content = encoded(np.concatenate([blue, red, blue], axis=axis))
    inside = pictures.pixels(lambda: content, size=10)[2:-2, 2:-2]  # the filter looks over the border of the square
    np.testing.assert_array_equal(inside, red[:6, :6])


def test_shrinking_your_own_pictures_does_not_alias_either():
    stripes = encoded(np.tile(np.arange(63) % 2 * 255, (63, 1)))
    assert abs(pictures.pixels(lambda: stripes, size=21).astype(int) - 127)[:, 2:-2].max() < 0.1 * 255


@pytest.mark.parametrize("side", [96, 400])
def test_a_large_jpeg_read_at_a_fraction_of_its_size_looks_the_same(side):
    photo = datasets.photograph("coffee", size=(side, 3 * side // 2), dtype=np.uint8)
    jpeg, png = encoded(photo, "JPEG", quality=95), encoded(photo)
    difference = pictures.pixels(lambda: jpeg, size=16) - pictures.pixels(lambda: png, size=16).astype(float)
    assert abs(difference).mean() < 2


def test_of_an_animation_the_first_picture_is_taken():
    frames = [Image.fromarray(np.full((8, 8), value, np.uint8)) for value in (10, 200, 90)]
    animation = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (pictures.pixels(lambda: animation) == 10).all()


def claiming(width, height):
    """Return a PNG file of some bytes whose header claims that size."""
    header = b"IHDR" + struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    good = encoded(noise(0))
    return good[:12] + header + struct.pack(">I", zlib.crc32(header)) + good[33:]


NOT_IMAGES = {
    "text.png": (b"not a picture", "is not a picture that Pillow reads"),
    "notes.TXT": (b"what I saw", "is not a picture that Pillow reads"),
    "empty.jpg": (b"", "is empty"),
    "half.png": (encoded(noise(7, 32, 32, 3))[:1000], r"is damaged or cannot be read \(.*truncated"),
    "bent.png": (encoded(noise(8))[:60] + b"bent" + encoded(noise(8))[64:], "is damaged or cannot be read"),
    "half.jpg": (encoded(noise(9, 64, 64, 3), "JPEG")[:900], "is damaged or cannot be read"),
    "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is a HEIC photograph or a video.*save it as JPEG"),
    "bomb.png": (claiming(60_000, 60_000), "has too many pixels; the limit is [0-9,]+"),
    "smaller_bomb.png": (claiming(12_000, 12_000), "has too many pixels; the limit is [0-9,]+"),
    "page.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a picture that Pillow reads"),
}


def test_what_is_no_image_is_left_out_with_the_reason_and_the_reader_is_told(contained, capsys):
    clean = datasets.load("folder", path=contained(pets()), size=8)
    assert clean.skipped == ()
    assert capsys.readouterr().out == ""
    extra = {f"cat/{name}": content for name, (content, _) in NOT_IMAGES.items()}
    data = datasets.load("folder", path=contained(pets() | extra, "more pets"), size=8)
    assert_equal(data, clean)
    reasons = {file.removeprefix("cat/"): reason for file, reason in data.skipped}
    assert reasons.keys() == NOT_IMAGES.keys()
    for name, (_, words) in NOT_IMAGES.items():
        assert re.match(words, reasons[name]), (name, reasons[name])
    said = capsys.readouterr().out
    assert re.match(r"10 of 20 files of more pets(\.zip)? are left out; the first, 'cat/bent.png', is damaged", said)
    assert said.endswith("The data set's `skipped` lists all of them.\n")


def test_a_bomb_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(pictures.ImageOps, "exif_transpose", lambda picture: pytest.fail("it would be decoded now"))
    with pytest.raises(pictures.Unreadable, match="too many pixels"):
        pictures.pixels(lambda: claiming(12_000, 12_000))


def test_the_content_and_not_the_suffix_says_what_a_file_is(contained):
    named = dict(zip(("a.PNG", "b.Jpg", "c", "d.txt", "e.gif"), pets(5, 0).values(), strict=True))
    members = pets(0, 5) | {f"cat/{name}": content for name, content in named.items()}
    assert len(every_image(datasets.load("folder", path=contained(members), size=8))) == 10


def test_files_of_the_system_are_passed_over_without_a_word(contained, capsys):
    junk = [".DS_Store", "cat/.DS_Store", "cat/Thumbs.db", "dog/desktop.ini", ".git/HEAD", "__MACOSX/cat/._0.png"]
    data = datasets.load("folder", path=contained(pets() | dict.fromkeys(junk, b"junk")), size=8)
    assert (data.class_names, data.skipped, capsys.readouterr().out) == (("cat", "dog"), (), "")


@pytest.mark.parametrize("prefix", ["", "my pets/", "downloads/my pets/"])
def test_class_folders_are_found_below_folders_that_hold_everything(contained, prefix):
    members = {f"{prefix}{name.replace('/', '/far/below/')}": content for name, content in pets().items()}
    members |= {"readme.txt": b"", f"{prefix}notes.txt": b""}
    data = datasets.load("folder", path=contained(members), size=8)
    assert data.class_names == ("cat", "dog")
    assert {tuple(left_out) for left_out in data.skipped} == {
        (name, "lies in no class folder") for name in ("readme.txt", f"{prefix}notes.txt")
    }


# The split of your own images


@pytest.mark.parametrize(("share", "expected"), [(0.2, (2, 1)), (0.5, (5, 2)), (0.001, (1, 1)), (0.999, (9, 3))])
def test_each_class_gives_its_share_to_the_test_part_and_never_all(contained, share, expected):
    data = datasets.load("folder", path=contained(pets(10, 4)), size=8, test_share=share)
    assert tuple(np.bincount(data.test_labels)) == expected
    assert tuple(np.bincount(data.train_labels)) == (10 - expected[0], 4 - expected[1])


def test_the_seed_decides_which_of_your_images_are_for_testing(contained):
    path = contained(pets(10, 10))
    once, again, other = (datasets.load("folder", path=path, size=8, seed=seed) for seed in (3, 3, 4))
    assert_equal(once, again)
    assert not np.array_equal(once.test_images, other.test_images)
    together = [{image.tobytes() for image in every_image(data)} for data in (once, other)]
    assert together[0] == together[1]


def test_images_keep_their_labels(contained):
    members = {
        f"{name}/{value}.png": encoded(np.full((4, 4), value)) for name, value in zip("aabbcc", range(6), strict=True)
    }
    data = datasets.load("folder", path=contained(members), size=4)
    values = np.concatenate([data.train_images, data.test_images])[:, 0, 0, 0] * 255
    labels = np.concatenate([data.train_labels, data.test_labels])
    np.testing.assert_array_equal(np.rint(values).astype(int) // 2, labels)


def test_a_folder_and_a_zip_file_of_it_are_the_same_data_set(tmp_path):
    members = pets() | {"Émile/a.jpg": encoded(noise(50)), "Émile/b.png": encoded(noise(51, 20, 30, 3))}
    one, other = (datasets.load("folder", path=put(tmp_path / "pets", members)) for put in CONTAINERS.values())
    assert_equal(one, other)
    assert one.class_names == ("cat", "dog", "Émile")  # é after d: by case-folded code points, on every system
    assert one.train_images.shape[1:] == (32, 32, 3)
    assert one.train_images.dtype == np.float32
    assert one.train_labels.dtype == np.int64


@settings(max_examples=10)
@given(order=st.permutations(list(pets(4, 4))))
def test_the_order_in_which_files_are_listed_decides_nothing(tmp_path_factory, order):
    path = tmp_path_factory.mktemp("order") / "pets.zip"
    usual, shuffled = (
        datasets.load("folder", path=zipped(path, [(name, pets(4, 4)[name]) for name in names]), size=8)
        for names in (pets(4, 4), order)
    )
    assert_equal(usual, shuffled)


def test_the_classes_take_turns():
    np.testing.assert_array_equal(datasets.records.mixed(np.array([0, 0, 0, 1, 1, 1])), [0, 3, 1, 4, 2, 5])
    labels = np.array([0] * 8 + [1] * 4)
    first_half = labels[datasets.records.mixed(labels)][:6]
    assert np.bincount(first_half).tolist() == [4, 2]


def test_the_first_of_your_own_images_are_of_every_class(contained):
    data = datasets.load("folder", path=contained(pets(20, 20)), size=8)
    for labels in (data.train_labels, data.test_labels):
        share = np.cumsum(labels) / np.arange(1, len(labels) + 1)  # of dogs among the first images
        assert abs(share[len(labels) // 2 :] - 0.5).max() < 0.2


def test_gray_files_give_one_channel_and_a_coloured_one_among_them_gives_all_three(contained):
    gray = {f"{name}/{seed}.png": encoded(noise(seed, 8, 8)) for name, seed in zip("aabb", range(4), strict=True)}
    one = datasets.load("folder", path=contained(gray), size=8)
    assert one.train_images.shape[1:] == (8, 8, 1)
    three = datasets.load("folder", path=contained(gray | {"b/colour.png": encoded(RED)}, "mixed"), size=8)
    assert three.train_images.shape[1:] == (8, 8, 3)
    as_colour = {np.repeat(image, 3, axis=2).tobytes() for image in every_image(one)}
    assert as_colour < {image.tobytes() for image in every_image(three)}


def test_copies_are_kept_out_and_a_picture_in_two_classes_altogether(contained):
    originals = pets()
    members = originals | {
        "cat/copy.bmp": encoded(noise(0), "BMP"),  # other bytes, the same pixels
        "dog/stray.png": originals["cat/1.png"],
    }
    data = datasets.load("folder", path=contained(members), size=8)
    assert dict(data.skipped) == {
        "cat/copy.bmp": "shows the same as 'cat/0.png'",
        "cat/1.png": "shows the same as 'dog/stray.png', which is in another class",
        "dog/stray.png": "shows the same as 'cat/1.png', which is in another class",
    }


@settings(max_examples=25)
@given(
    shown=st.lists(st.tuples(st.sampled_from(["cat", "dog"]), st.integers(0, 30)), min_size=8, max_size=40),
    share=st.floats(0.01, 0.99),
)
def test_whatever_is_copied_no_test_image_is_a_training_image(tmp_path_factory, shown, share):
    """A number stands for a picture, so the list has copies, in one class and across; eight pictures are added."""
    members = {f"{name}/{place}.png": encoded(np.full((4, 4), seed)) for place, (name, seed) in enumerate(shown)}
    members |= {
        f"{name}/own {seed}.png": encoded(np.full((4, 4), 100 + seed + 4 * (name == "dog")))
        for name in ("cat", "dog")
        for seed in range(4)
    }
    data = datasets.load(
        "folder", path=zipped(tmp_path_factory.mktemp("copies") / "a.zip", members), size=4, test_share=share
    )
    assert len({image.tobytes() for image in every_image(data)}) == len(every_image(data))
    assert len(every_image(data)) + len(data.skipped) == len(members)


# Folders and zip files that are hostile or unlucky

OUT_OF_IT = "has a name that leads out of the zip file"


def link_member(name):
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


def test_a_zip_file_reads_and_writes_nothing_outside_itself(tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(encoded(noise(99)))
    before = sorted(tmp_path.rglob("*"))
    hostile = {
        "../secret.png": OUT_OF_IT,
        "cat/../../secret.png": OUT_OF_IT,
        "cat\\..\\..\\secret.png": OUT_OF_IT,
        str(secret): OUT_OF_IT,
        "C:\\pictures\\secret.png": OUT_OF_IT,
        "//server/share/secret.png": OUT_OF_IT,
        "cat/linked.png": "is a link",
        "cat/0.png": "is in the zip file twice, and this is the second",
    }
    members = [*pets().items(), *((name, encoded(noise(500 + place))) for place, name in enumerate(hostile))]
    members[-2:] = [(link_member("cat/linked.png"), "../../secret.png"), ("cat/0.png", encoded(noise(600)))]
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(tmp_path / "zips" / "pets.zip", members)
    data = datasets.load("folder", path=path, size=8)
    assert {file: reason for file, reason in data.skipped} == {
        name.replace("\\", "/"): reason for name, reason in hostile.items()
    }
    assert_equal(data, datasets.load("folder", path=zipped(tmp_path / "zips" / "clean.zip", pets()), size=8))
    assert sorted(tmp_path.rglob("*")) == sorted([*before, path.parent, path, path.parent / "clean.zip"])


def test_names_that_windows_wrote_with_backslashes_are_folders(tmp_path):
    path = zipped(tmp_path / "a.zip", {name.replace("/", "\\"): content for name, content in pets().items()})
    assert datasets.load("folder", path=path, size=8).class_names == ("cat", "dog")


def test_an_encrypted_and_an_oversized_member_are_left_out(tmp_path, monkeypatch):
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (pets() | {"cat/secret.png": b"?", "cat/zeros.png": bytes(10_000_000)}).items():
            archive.writestr(name, content)
        archive.getinfo("cat/secret.png").flag_bits |= 1
    monkeypatch.setattr(files, "MOST_BYTES", 1_000_000)
    assert dict(datasets.load("folder", path=path, size=8).skipped) == {
        "cat/secret.png": "is encrypted",
        "cat/zeros.png": "has 10,000,000 bytes, more than the 1,000,000 of a file that is read",
    }


def test_an_oversized_file_is_left_out_unread(tmp_path, monkeypatch):
    path = unpacked(tmp_path / "pets", pets() | {"cat/film.mp4": bytes(2000)})
    monkeypatch.setattr(files, "MOST_BYTES", 1500)
    (left_out,) = datasets.load("folder", path=path, size=8).skipped
    assert left_out == ("cat/film.mp4", "has 2,000 bytes, more than the 1,500 of a file that is read")


def test_a_member_that_does_not_hold_what_the_zip_file_promises_is_left_out(tmp_path):
    path = zipped(tmp_path / "pets.zip", pets())
    content = path.read_bytes()
    path.write_bytes(content.replace(pets()["cat/2.png"], pets()["cat/2.png"][:-4] + b"oops"))
    ((file, reason),) = datasets.load("folder", path=path, size=8).skipped
    assert file == "cat/2.png"
    assert re.match(r"is damaged or cannot be read \(Bad CRC-32", reason)


@pytest.mark.parametrize("kept", [0, 10, 500, -30])
def test_a_zip_file_cut_short_is_named(tmp_path, kept):
    path = zipped(tmp_path / "pets.zip", pets())
    path.write_bytes(path.read_bytes()[:kept])
    words = r"path must be a folder or a zip file; '.*pets.zip' is neither, or is damaged \(.*copy or download it again"
    refused(lambda: datasets.load("folder", path=path), ValueError, words)


@settings(max_examples=60)
@given(data=st.data())
def test_a_damaged_zip_file_never_shows_an_error_of_the_inside(tmp_path_factory, data):
    path = zipped(tmp_path_factory.mktemp("bent") / "pets.zip", pets(3, 3))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        loaded = datasets.load("folder", path=path, size=8)
    except ValueError as error:
        loaded = str(error)
    if isinstance(loaded, str):
        assert re.match("path must (be|hold)|each class folder must hold", loaded)
    else:
        assert len(loaded.class_names) >= 2


def test_a_link_to_a_folder_is_not_followed_and_a_link_to_a_file_is_read(tmp_path):
    path, elsewhere = unpacked(tmp_path / "pets", pets()), unpacked(tmp_path / "more", {"a.png": encoded(noise(9))})
    try:
        (path / "cat" / "more").symlink_to(elsewhere, target_is_directory=True)
        (path / "cat" / "one more.png").symlink_to(elsewhere / "a.png")
        (path / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    except OSError:
        pytest.skip("this system does not let its users make links")
    data = datasets.load("folder", path=path, size=8)
    assert len(every_image(data)) == 11
    assert dict(data.skipped) == {
        "cat/more": "is a link to a folder, and links to folders are not followed",
        "cat/gone.png": "cannot be read (No such file or directory)",
    }


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    path = unpacked(tmp_path / "pets", pets())
    os.mkfifo(path / "cat" / "pipe.png")
    assert datasets.load("folder", path=path, size=8).skipped == (("cat/pipe.png", "is not an ordinary file"),)
    os.mkfifo(tmp_path / "pipe.zip")
    refused(lambda: datasets.load("folder", path=tmp_path / "pipe.zip"), ValueError, "not an ordinary file")


def test_a_name_means_the_same_however_its_accents_are_spelt(tmp_path):
    loaded = []
    for form in ("NFC", "NFD"):
        names = [unicodedata.normalize(form, name) for name in ("café/é.png", "café/猫 🐈.png", "café/f.png")]
        members = pets() | {name: encoded(noise(seed)) for seed, name in enumerate(names, start=7)}
        loaded.append(datasets.load("folder", path=unpacked(tmp_path / form, members), size=8))
    assert names[0] != "café/é.png"
    assert_equal(*loaded)
    assert loaded[0].class_names == ("café", "cat", "dog")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are Unicode on this system")
def test_a_name_that_is_no_text_can_still_be_printed(tmp_path, capsys):
    path = unpacked(tmp_path / "pets", pets())
    Path(os.fsdecode(os.fsencode(path / "cat") + b"/caf\xe9.txt")).write_bytes(b"")
    (left_out,) = datasets.load("folder", path=path, size=8).skipped
    assert left_out == ("cat/caf\\udce9.txt", "is empty")
    assert capsys.readouterr().out.encode("utf-8")


def test_a_file_that_may_not_be_read_is_left_out_and_a_folder_is_named(tmp_path, monkeypatch):
    path = unpacked(tmp_path / "pets", pets())

    def read_bytes(file, read=Path.read_bytes):
        if file.name == "3.png" and file.parent.name == "cat":
            raise PermissionError(13, "Permission denied", str(file))
        return read(file)

    def scandir(folder, scan=os.scandir):
        if Path(folder).name == "dog":
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)  # and not chmod, which does not bind who may everything
    ((file, reason),) = datasets.load("folder", path=path, size=8).skipped
    assert file == "cat/3.png"
    assert re.match(r"is damaged or cannot be read \(.*Permission denied", reason)
    monkeypatch.setattr(os, "scandir", scandir)
    words = r"path: the folder '.*dog' cannot be read \(Permission denied\)"
    refused(lambda: datasets.load("folder", path=path), PermissionError, words)


def test_a_zip_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    path = zipped(tmp_path / "pets.zip", pets())

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(zipfile, "ZipFile", refuse)
    words = "path: '.*pets.zip' may not be read; ask for the right, or copy it"
    refused(lambda: datasets.load("folder", path=path), PermissionError, words)


def split_pets(*parts):
    """The same class folders in each part, with other pictures."""
    return {
        f"{part}/{kind}/{number}.png": encoded(noise(100 * place + 10 * len(kind) + number + (kind == "dog") * 50))
        for place, part in enumerate(parts)
        for kind in ("cat", "dog")
        for number in range(3 - (place > 0))
    }


PARTS = {
    "train and test": ("train", "test"),
    "training_set and test_set": ("training_set", "test_set"),
    "wrapped twice": ("seg_train/seg_train", "seg_test/seg_test"),
    "inside another": ("pets/Train", "pets/Test"),
    "one for validation": ("TrainData", "valid"),
}


@pytest.mark.parametrize("parts", PARTS)
def test_a_folder_that_is_split_already_stays_so(contained, parts, capsys):
    data = datasets.load("folder", path=contained(split_pets(*PARTS[parts])), size=8)
    assert data.class_names == ("cat", "dog")
    assert (len(data.train_images), len(data.test_images)) == (6, 4)
    members = split_pets(*PARTS[parts])
    tests = {
        pictures.pixels(lambda file=file: file).tobytes()
        for name, file in members.items()
        if name.startswith(PARTS[parts][1])
    }
    assert {np.rint(image * 255).astype(np.uint8).tobytes() for image in data.test_images} == tests
    assert "(train)" in data.source
    assert "test_share and seed change nothing" in capsys.readouterr().out


def test_classes_that_are_each_split_and_parts_that_nobody_asked_for(contained):
    each = {
        "/".join([*reversed(name.split("/")[:2]), name.split("/")[2]]): file
        for name, file in split_pets("train", "test").items()
    }
    data = datasets.load("folder", path=contained(each), size=8)
    assert (data.class_names, len(data.train_images), len(data.test_images)) == (("cat", "dog"), 6, 4)
    more = split_pets("train", "test", "val") | {"pred/1.png": encoded(noise(7))}
    again = datasets.load("folder", path=contained(more, "more"), size=8)
    assert (len(again.train_images), len(again.test_images), len(again.skipped)) == (6, 4, 5)
    assert {reason for _, reason in again.skipped} == {"lies in no class folder of 'train' or 'test'"}


# Folders that systems and programs make


PHOTOS = {
    f"{kind}/{number}.jpg": encoded(datasets.photograph(name, size=64, dtype=np.uint8)[..., :3], "JPEG", quality=95)
    for kind, names in (("cat", ["chelsea", "coffee", "rocket"]), ("dog", ["astronaut", "retina", "colorwheel"]))
    for number, name in enumerate(names)
}


def smaller(content, side=32):
    with Image.open(io.BytesIO(content)) as picture:
        return encoded(picture.resize((side, side)), "JPEG")


MADE = {
    "a NAS": lambda kind, name: f"{kind}/@eaDir/{name}/SYNOPHOTO_THUMB_M.jpg",
    "a NAS, at the top": lambda kind, name: f"@eaDir/{kind}/{name}/THUMB.jpg",
    "a bin": lambda kind, name: f"#recycle/{kind}/{name}",
    "an album": lambda kind, name: f"{kind}/Vorschau/klein_{name}",
    "an album, at the top": lambda kind, name: f"thumbs/{kind}_{name}",
    "a folder a file": lambda kind, name: f"{kind}/cache/{name}/s.jpg",
    "the same names": lambda kind, name: f"{kind}/_thumb/{name}",
}


@pytest.mark.parametrize("place", MADE)
def test_smaller_pictures_that_a_system_keeps_are_neither_images_nor_classes(contained, place, capsys):
    clean = datasets.load("folder", path=contained(PHOTOS, "clean"), size=16)
    made = {MADE[place](*name.split("/")): smaller(content) for name, content in PHOTOS.items()}
    data = datasets.load("folder", path=contained(PHOTOS | made), size=16)
    assert data.class_names == ("cat", "dog")
    assert_equal(data, clean)
    assert data.skipped
    assert "are left out" in capsys.readouterr().out


def test_pictures_of_one_size_that_look_alike_are_no_versions_of_each_other(contained):
    data = datasets.load("digits")
    alike = {digit: data.train_images[data.train_labels == digit][:20] for digit in (0, 1)}
    members = {
        f"{digit}/{'more/' * (place > 9)}{place}.png": encoded(255 * image[..., 0])
        for digit, images in alike.items()
        for place, image in enumerate(images)
    }
    assert datasets.load("folder", path=contained(members), size=8).skipped == ()


def test_a_folder_with_one_picture_of_its_own_is_kept_whole(contained):
    more = {f"cat/more/{name[4:]}": smaller(content) for name, content in PHOTOS.items() if name.startswith("cat")}
    more["cat/more/new.png"] = encoded(noise(3, 40, 40, 3))
    data = datasets.load("folder", path=contained(PHOTOS | more), size=16)
    assert len(every_image(data)) == 10
    assert data.skipped == ()


@pytest.mark.parametrize(
    ("names", "encoding"),
    [(("Äpfel", "Nüsse"), "utf-8"), (("Äpfel", "Größe", "été"), "cp437"), (("Ávila", "João"), "cp850")],
)
def test_names_in_a_zip_file_that_does_not_tell_their_encoding(tmp_path, names, encoding):
    form = "NFD" if encoding == "utf-8" else "NFC"  # as the Finder writes
    path = zipped(tmp_path / "pets.zip", untold(names, lambda name: unicodedata.normalize(form, name).encode(encoding)))
    data = datasets.load("folder", path=path, size=8)
    assert data.class_names == tuple(sorted(names, key=str.casefold))


@pytest.mark.parametrize(
    ("names", "encoding", "language"),
    [
        (("猫", "犬"), "cp932", "Japanese"),
        (("リンゴ", "表"), "cp932", "Japanese"),  # the second byte of 表 is a backslash
        (("кошка", "собака"), "cp866", "Russian"),
        (("고양이", "개"), "cp949", "Korean"),
    ],
)
def test_names_that_may_be_of_several_languages_are_asked_for(tmp_path, names, encoding, language):
    path = zipped(tmp_path / "pets.zip", untold(names, lambda name: name.encode(encoding)))
    words = rf"{names[0]}/0.png' if zip_names='{encoding}' \({language}\).*: give zip_names"
    refused(lambda: datasets.load("folder", path=path), ValueError, words)
    data = datasets.load("folder", path=path, size=8, zip_names=encoding)
    assert data.class_names == tuple(sorted(names, key=str.casefold))
    for wrong in ("cp000", "ascii"):
        refused(
            lambda wrong=wrong: datasets.load("folder", path=path, zip_names=wrong), ValueError, "zip_names must be"
        )


class Untold(zipfile.ZipInfo):
    """A member whose name is bytes that do not tell their encoding."""

    __slots__ = ("raw",)

    def _encodeFilenameFlags(self):
        return self.raw, 0


def untold(names, encode):
    members = []
    for seed, name in enumerate(f"{kind}/{number}.png" for kind in names for number in range(3)):
        members.append((Untold(f"x{seed}"), encoded(noise(seed))))
        members[-1][0].raw = encode(name)
    return members


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "two class folders with images; .* holds none; make one sub-folder for each class"),
        ({"a.png": b""}, "two class folders with images; .* holds none"),
        (pets(5, 0), "two class folders with images; .* holds 'cat'; make one"),
        (pets() | {"empty": None}, "2 different images.*'empty' in .* holds 0; add images, or take the folder away"),
        (pets(5, 1), "2 different images, to learn and to test; 'dog' in .* holds 1; add"),
        (pets(5, 1) | {"dog/a.txt": b"a"}, "'dog' in .* holds 1; 'dog/a.txt' is not a picture.*; add images"),
        (
            {f"{part}/{number}.png": encoded(noise(number)) for number, part in enumerate(["train", "test"] * 4)},
            "holds 'test', 'train', which are parts of a split and not classes; give the folder of one part",
        ),
        (split_pets("fold_1", "fold_2"), "'fold_1', 'fold_2' hold the same sub-folders, 'cat', 'dog'; give"),
        (split_pets("monday", "tuesday/more"), "'monday', 'tuesday' hold the same sub-folders"),
        (split_pets("train", "test", "val", "train_extra"), "hold the same sub-folders, 'cat', 'dog'"),
        (split_pets("train", "test") | {"train/bird/0.png": encoded(RED)}, "'bird' holds none in the test part"),
        (pets() | split_pets("test"), "'test' holds folders named like those beside it"),
    ],
)
def test_a_folder_that_is_no_data_set_is_refused(contained, members, words):
    refused(lambda: datasets.load("folder", path=contained(members)), ValueError, words)


def test_two_class_folders_that_some_systems_take_for_one_are_refused(tmp_path):
    path = zipped(tmp_path / "pets.zip", pets() | {"Cat/0.png": encoded(noise(20))})
    refused(lambda: datasets.load("folder", path=path), ValueError, "'Cat' and 'cat', which some systems take for one")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"path": "nowhere/at all"}, FileNotFoundError, "path must be a folder or a file that exists, got 'nowhere"),
        ({"path": "bad\0name"}, FileNotFoundError, "path must be a folder or a file that exists"),
        ({"path": __file__}, ValueError, "path must be a folder or a zip file; .* is neither, or is damaged"),
        *(({"path": path}, TypeError, "path must be the path of a folder or a zip") for path in (None, 7, "", b"a")),
        ({"size": 3}, ValueError, "size must be at least 4, got 3"),
        ({"size": 1025}, ValueError, "size must be at most 1024, got 1025"),
        ({"size": (8, 8)}, TypeError, "size must be a whole number"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        *(
            ({"test_share": share}, ValueError, "test_share must be a number between 0 and 1, such as 0.2, got")
            for share in (0, 1, -0.1, np.nan, True, "a fifth")
        ),
    ],
)
def test_options_that_name_no_folder_or_no_split_are_refused(tmp_path, options, error, words):
    path = unpacked(tmp_path / "pets", pets())
    refused(lambda: datasets.load("folder", **{"path": path, **options}), error, words)


# CIFAR-10: from your own copy


def small_cifar(train=3, test=2, prefix="cifar10/"):
    """Return the files of a CIFAR-10 with so many images a class, each of another seed."""
    members = {}
    for part, count in (("train", train), ("test", test)):
        for label, name in enumerate(benchmarks.CIFAR10.class_names):
            for number in range(count):
                seed = 1000 * (part == "test") + 100 * label + number
                members[f"{prefix}{part}/{name}/{number:04}.png"] = encoded(noise(seed, 32, 32, 3))
    return members


def small_arrays(train=3, test=2):
    """Return the same as uint8 arrays, in the order in which the classes take turns."""
    arrays = {}
    for part, count in (("train", train), ("test", test)):
        labels = np.tile(np.arange(10), count)
        seeds = 1000 * (part == "test") + 100 * labels + np.repeat(np.arange(count), 10)
        arrays[f"{part}_images"] = np.array([noise(seed, 32, 32, 3) for seed in seeds])
        arrays[f"{part}_labels"] = labels
    return arrays


def saved(path, arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return path


def keras_names(arrays):
    """Return arrays under the names of Keras's own files: x_train for train_images, y_test for test_labels."""
    return {
        ("x_" if "images" in name else "y_") + name.removesuffix("_images").removesuffix("_labels"): array
        for name, array in arrays.items()
    }


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A small CIFAR-10 in a zip file that CNNLESSONS_DATA names."""
    path = zipped(tmp_path / "cifar10_folders.zip", small_cifar())
    monkeypatch.setenv("CNNLESSONS_DATA", str(path))
    return path


PLACES = {
    "a zip file": lambda here: zipped(here / "any name.ZIP", small_cifar()),
    "a zip file without a folder around": lambda here: zipped(here / "a.zip", small_cifar(prefix="")),
    "a folder with a zip file": lambda here: zipped(here / "data" / "cifar10_folders.zip", small_cifar()).parent,
    "a folder with a folder": lambda here: unpacked(here, small_cifar(prefix="cifar10/")),
    "a folder with a folder of folders": lambda here: unpacked(here, small_cifar(prefix="CIFAR-10-images/cifar10/")),
    "a folder of class folders": lambda here: unpacked(here / "any name", small_cifar(prefix="")),
    "an npz file": lambda here: saved(here / "any name.npz", small_arrays()),
    "a folder with an npz file": lambda here: saved(here / "data" / "cifar10.npz", small_arrays()).parent,
}


@pytest.mark.parametrize("place", PLACES)
def test_your_copy_of_cifar10_is_found_and_read(place, tmp_path, monkeypatch, capsys):
    (tmp_path / "cifar100.npz").write_bytes(b"another data set")
    (tmp_path / "mnist.npz").write_bytes(b"another data set")
    monkeypatch.setenv("CNNLESSONS_DATA", str(PLACES[place](tmp_path)))
    assert offline("cifar10")
    data, expected = datasets.load("cifar10"), small_arrays()
    for part, images, labels in (
        ("train", data.train_images, data.train_labels),
        ("test", data.test_images, data.test_labels),
    ):
        np.testing.assert_array_equal(images, expected[f"{part}_images"].astype(np.float32) / 255, strict=True)
        np.testing.assert_array_equal(labels, expected[f"{part}_labels"].astype(np.int64), strict=True)
    assert data.class_names == benchmarks.CIFAR10.class_names
    assert data.source.startswith("A. Krizhevsky 2009")
    said = capsys.readouterr().out
    assert (
        said
        == "This copy of CIFAR-10 is not complete: it holds 30 of 50,000 train images and 20 of 10,000 test images.\n"
    )


def test_the_source_tells_the_file_and_its_checksum_but_no_folder_of_this_machine(copy, tmp_path):
    source, checksum = datasets.load("cifar10").source, hashlib.sha256(copy.read_bytes()).hexdigest()
    assert source.endswith(f"; from cifar10_folders.zip, .png files in class folders, sha256 {checksum}")
    assert str(tmp_path) not in source


def test_only_the_images_that_are_drawn_are_decoded(copy, monkeypatch):
    decoded = []
    monkeypatch.setattr(pictures, "pixels", lambda read, real=pictures.pixels: decoded.append(read) or real(read))
    datasets.load("cifar10", per_class=1, test_per_class=1)
    assert len(decoded) == 20


@pytest.mark.parametrize("place", ["a zip file", "a folder of class folders"])
def test_a_copy_that_has_changed_is_read_again(place, tmp_path, monkeypatch):
    path = PLACES[place](tmp_path)
    monkeypatch.setenv("CNNLESSONS_DATA", str(path))
    before = datasets.load("cifar10")
    changed = small_cifar(prefix="") | {"train/truck/0002.png": encoded(noise(77, 32, 32, 3))}
    (zipped if path.is_file() else unpacked)(path, changed)
    after = datasets.load("cifar10")
    assert (before.train_images != after.train_images).any(axis=(1, 2, 3)).sum() == 1


def test_a_subset_has_as_many_of_each_class_and_contains_every_smaller_one(copy):
    whole = datasets.load("cifar10")
    images = [{image.tobytes() for image in whole.train_images}]
    for count in (2, 1):
        data = datasets.load("cifar10", per_class=count)
        assert np.bincount(data.train_labels).tolist() == [count] * 10
        assert len(data.test_images) == len(whole.test_images)
        assert data.source == f"{whole.source}; {10 * count} training and 20 test images drawn with seed 0"
        images.append({image.tobytes() for image in data.train_images})
    assert images[0] > images[1] > images[2]
    assert len(datasets.load("cifar10", test_per_class=1).test_images) == 10


def test_the_seed_decides_the_subset(copy):
    once, again, other = (datasets.load("cifar10", per_class=1, seed=seed) for seed in (1, 1, 2))
    assert_equal(once, again)
    assert not np.array_equal(once.train_images, other.train_images)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"per_class": 4}, "per_class must be at most 3, the train images of 'airplane', got 4"),
        ({"test_per_class": 3}, "test_per_class must be at most 2, the test images of 'airplane', got 3"),
        ({"per_class": 0}, "per_class must be at least 1, got 0"),
        ({"test_per_class": 1.5}, "test_per_class must be a whole number"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_a_subset_that_cannot_be_taken_is_refused(copy, options, words):
    refused(lambda: datasets.load("cifar10", **options), (TypeError, ValueError), words)


def without(words):
    return {name: content for name, content in small_cifar().items() if words not in name}


ELSEWHERE = {name.replace("cifar10", "elsewhere"): content for name, content in small_cifar().items()}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (
            small_cifar() | {"cifar10/test/dog/0001.png": encoded(noise(1))[:90]},
            "'cifar10/test/dog/0001.png' in .*zip' is",
        ),
        (
            small_cifar() | {"cifar10/test/dog/a.txt": b"a"},
            "'cifar10/test/dog/a.txt' in .* is not a picture.*another copy",
        ),
        (
            small_cifar() | {"cifar10/train/cat/a.png": encoded(noise(1))},
            "are 32 × 32 pixels; 'cifar10/train/cat/a.png' .* 8 × 8",
        ),
        (without("test/frog"), "the part 'test' holds no image of frog; take another copy"),
        (without("train/"), "must name CIFAR-10, .* but the classes airplane, .*truck"),
        (
            pets(),
            r"must name CIFAR-10, .* holds no such folders but the classes cat, dog\. What to do",
        ),
        (small_cifar() | ELSEWHERE, "holds no such folders but the classes cifar10, elsewhere"),
        ([("../a.png", b""), *small_cifar().items()], "'../a.png' in .* has a name that leads out of the zip file"),
    ],
)
def test_a_copy_that_is_not_all_right_is_refused_and_its_file_named(tmp_path, monkeypatch, members, words):
    monkeypatch.setenv("CNNLESSONS_DATA", str(zipped(tmp_path / "cifar10.zip", members)))
    refused(lambda: datasets.load("cifar10"), ValueError, words)


def test_a_gray_image_of_cifar10_is_gray_in_all_channels(tmp_path, monkeypatch):
    members = small_cifar() | {"cifar10/train/airplane/0000.png": encoded(noise(5, 32, 32))}
    monkeypatch.setenv("CNNLESSONS_DATA", str(zipped(tmp_path / "cifar10.zip", members)))
    first = datasets.load("cifar10").train_images[0]
    np.testing.assert_array_equal(np.rint(first * 255), np.repeat(noise(5, 32, 32)[..., np.newaxis], 3, axis=2))


def test_more_images_than_cifar10_has_are_not_cifar10(copy, monkeypatch):
    monkeypatch.setitem(benchmarks.CIFAR10.complete, "test", 19)
    refused(lambda: datasets.load("cifar10"), ValueError, "the part 'test' holds 20 images, more than there are")


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ("nowhere", FileNotFoundError, "CNNLESSONS_DATA must be a folder or a file that exists, got 'nowhere'"),
        (
            __file__,
            FileNotFoundError,
            "CNNLESSONS_DATA must name CIFAR-10, or a folder with files .* an .npz file, or class",
        ),
        (
            str(Path(__file__).parent),
            FileNotFoundError,
            "class folders, such as train/airplane .* Kaggle is said in data/README.md",
        ),
    ],
)
def test_a_variable_that_names_no_copy_is_refused(monkeypatch, given, error, words):
    monkeypatch.setenv("CNNLESSONS_DATA", given)
    refused(lambda: datasets.load("cifar10"), error, words)
    assert not offline("cifar10")


# CIFAR-10 in an npz file


def changed(**arrays):
    return small_arrays() | arrays


IMAGES = small_arrays()["train_images"]


@pytest.mark.parametrize("form", [keras_names, dict])
@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, ">f4"])
def test_arrays_are_read_under_both_names_and_in_each_form(tmp_path, monkeypatch, form, columns, dtype):
    expected = small_arrays()
    arrays = dict(expected)
    for name, array in expected.items():
        if "images" in name and dtype != np.uint8:
            arrays[name] = (array / np.float32(255)).astype(dtype)
        if "labels" in name:
            arrays[name] = array.astype(np.uint8).reshape((-1, 1) if columns else -1)
    monkeypatch.setenv("CNNLESSONS_DATA", str(saved(tmp_path / "a.npz", form(arrays))))
    data = datasets.load("cifar10")
    assert data.train_images.dtype == np.float32
    np.testing.assert_array_equal(data.train_images, expected["train_images"] / np.float32(255))
    np.testing.assert_array_equal(data.test_labels, expected["test_labels"].astype(np.int64), strict=True)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": IMAGES}, r"'.*a.npz' lacks the array train_images \(or x_train\); it holds images"),
        ({}, r"lacks the array train_images \(or x_train\); it holds none"),
        (
            changed(train_images=IMAGES.astype(int)),
            "train_images of '.*a.npz' must be uint8, 0 to 255, or floats in .* got int64",
        ),
        (
            changed(train_images=IMAGES[..., :1]),
            r"train_images .* must have the shape \(N, 32, 32, 3\), got \(30, 32, 32, 1\)$",
        ),
        (
            changed(train_images=IMAGES.transpose(0, 3, 1, 2)),
            r"got \(30, 3, 32, 32\); channels come last: save images.transpose\(0, 2, 3, 1\)",
        ),
        (changed(train_images=IMAGES[:0]), "train_images .* must hold 1 to 50,000 images, got 0"),
        (
            changed(train_images=IMAGES.astype(float)),
            "train_images .* floats and must be in .*, got 0.0 to 255.0; save images / 255",
        ),
        (changed(train_images=np.full(IMAGES.shape, np.nan)), "train_images .* got nan to nan"),
        (
            changed(train_labels=np.arange(29)),
            r"train_labels .* one label for each of the 30 images, got the shape \(29,\)$",
        ),
        (changed(train_labels=np.eye(30, dtype=int)), r"got the shape \(30, 30\); save labels.argmax\(axis=1\)"),
        (changed(test_labels=np.arange(20)), "test_labels .* must be indices from 0 to 9, got 0 to 19"),
        (changed(test_labels=np.arange(20) % 10 - 1), "test_labels .* got -1 to 8"),
        (changed(test_labels=np.zeros(20)), "test_labels .* must be whole numbers, .* got float64; save labels.astype"),
        (changed(test_labels=np.eye(20)), r"test_labels .* got the shape \(20, 20\); save labels.argmax"),
        (changed(test_labels=np.zeros(20, dtype=bool)), "test_labels .* must be whole numbers, .* got bool"),
        (changed(test_labels=np.array(["cat"] * 20)), "got <U3; save the place of each in the list of classes"),
        (changed(test_labels=np.array([7] * 20, dtype=object)), "'.*a.npz' is damaged, or not .*Object arrays cannot"),
        (changed(train_images=np.zeros(30, dtype="U1,U2")), "train_images .* must be uint8"),
    ],
)
def test_an_array_that_is_not_what_it_should_be_is_named_with_its_file(tmp_path, monkeypatch, arrays, words):
    monkeypatch.setenv("CNNLESSONS_DATA", str(saved(tmp_path / "a.npz", arrays)))
    refused(lambda: datasets.load("cifar10"), ValueError, words)


def test_an_array_that_claims_more_than_the_memory_holds_is_refused(tmp_path, monkeypatch):
    header = io.BytesIO()
    claimed = {"descr": "|u1", "fortran_order": False, "shape": (10**12, 32, 32, 3)}
    np.lib.format.write_array_header_1_0(header, claimed)
    path = saved(tmp_path / "a.npz", {name: array for name, array in small_arrays().items() if name != "train_images"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("train_images.npy", header.getvalue())
    monkeypatch.setenv("CNNLESSONS_DATA", str(path))
    refused(lambda: datasets.load("cifar10"), ValueError, "'.*a.npz' is damaged, or not an npz file")


@pytest.mark.parametrize("content", [b"", b"not a zip file", encoded(RED), None])
def test_a_file_that_is_no_npz_file_is_named(tmp_path, monkeypatch, content):
    path = tmp_path / "a.npz"
    if content is None:  # a single array, as np.save writes it
        np.save(path.open("wb"), IMAGES)
    else:
        path.write_bytes(content)
    monkeypatch.setenv("CNNLESSONS_DATA", str(path))
    words = r"'.*a.npz' is damaged, or not an npz file \(.+\); copy or download it again"
    refused(lambda: datasets.load("cifar10"), ValueError, words)


class Trap:
    """An object that, unpickled, would leave a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_no_code_in_an_npz_file_is_run(tmp_path, monkeypatch):
    sprung = tmp_path / "sprung"
    arrays = changed(train_images=np.array([Trap(sprung)] * 30, dtype=object))
    monkeypatch.setenv("CNNLESSONS_DATA", str(saved(tmp_path / "a.npz", arrays)))
    refused(lambda: datasets.load("cifar10"), ValueError, "'.*a.npz' is damaged, or not .*Object arrays cannot")
    assert not sprung.exists()


@settings(max_examples=60)
@given(data=st.data())
def test_a_damaged_npz_file_never_shows_an_error_of_the_inside(tmp_path_factory, data):
    arrays = {name: array[:1] for name, array in small_arrays().items()}
    path = saved(tmp_path_factory.mktemp("bent") / "a.npz", arrays)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2]))])
    try:
        read = npz.read(path, (32, 32, 3), 10, benchmarks.CIFAR10.complete)
    except ValueError as error:
        read = str(error)
    if isinstance(read, str):
        assert re.search(r"a\.npz' (is damaged|must|lacks|are floats)", read)
    else:
        assert read["train_images"].shape == (1, 32, 32, 3)


# MNIST


@cache
def mnist_arrays():
    """Return arrays like those of MNIST, every image another and classes of unlike size: the place is in the pixels."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(10), np.arange(910, 1100, 20))).astype(np.uint8)
    images = np.zeros((10_000, 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.divmod(np.arange(10_000), 256)
    return {"images": images, "labels": labels}


def places(images):
    """Return which images of `mnist_arrays` these are."""
    return np.round(images[:, 0, :2, 0] * 255).astype(int) @ [256, 1]


@pytest.fixture
def mnist_copy(tmp_path, monkeypatch):
    """A folder that CNNLESSONS_DATA names, with an MNIST and other data sets."""
    (tmp_path / "cifar10.npz").write_bytes(b"another data set")
    (tmp_path / "fashion-mnist.npz").write_bytes(b"another data set")
    monkeypatch.setenv("CNNLESSONS_DATA", str(tmp_path))
    return saved(tmp_path / "mnist_t10k.npz", mnist_arrays())


def test_mnist_is_split_so_that_every_image_is_in_one_part(mnist_copy):
    data, there = datasets.load("mnist"), mnist_arrays()
    assert data.train_images.shape == (8000, 28, 28, 1)
    assert data.test_images.shape == (2000, 28, 28, 1)
    assert data.train_images.dtype == data.test_images.dtype == np.float32
    assert np.bincount(data.test_labels).tolist() == [200] * 10
    for images, labels in ((data.train_images, data.train_labels), (data.test_images, data.test_labels)):
        np.testing.assert_array_equal(labels, there["labels"][places(images)].astype(np.int64), strict=True)
    both = np.concatenate([places(data.train_images), places(data.test_images)])
    np.testing.assert_array_equal(np.sort(both), np.arange(10_000))
    assert data.source.startswith("Y. LeCun")
    checksum = hashlib.sha256(mnist_copy.read_bytes()).hexdigest()
    assert f"from mnist_t10k.npz, sha256 {checksum}; split anew into 8,000 training and 2,000 test" in data.source
    assert str(mnist_copy.parent) not in data.source


def test_the_seed_decides_the_split_of_mnist_and_more_images_contain_the_fewer(mnist_copy):
    few, more, other = (datasets.load("mnist", per_class=n, seed=seed) for n, seed in ((5, 1), (9, 1), (9, 2)))
    assert np.bincount(few.train_labels).tolist() == [5] * 10
    assert set(places(few.train_images)) < set(places(more.train_images))
    np.testing.assert_array_equal(few.test_images, more.test_images)
    assert set(places(more.test_images)) != set(places(other.test_images))


@pytest.mark.parametrize("form", ["images and labels", "x_test and y_test", "floats"])
def test_your_copy_of_mnist_is_read_in_each_form(form, tmp_path, monkeypatch):
    images, labels = mnist_arrays().values()
    arrays = {"x_test": images, "y_test": labels, "x_train": images[:1]} if form.startswith("x") else mnist_arrays()
    if form == "floats":
        arrays = {"images": images / 255, "labels": labels}
    monkeypatch.setenv("CNNLESSONS_DATA", str(saved(tmp_path / "MNIST.npz", arrays)))
    data = datasets.load("mnist", per_class=1)
    np.testing.assert_array_equal(data.test_labels, labels[places(data.test_images)])
    assert data.test_images.dtype == np.float32


def test_mnist_and_cifar10_are_read_from_class_folders_alike(tmp_path, monkeypatch):
    monkeypatch.setitem(benchmarks.MNIST.complete, "test", 20)
    members = {
        f"mnist_png/{part}/{digit}/{number}.png": encoded(
            noise(10 * digit + number + 1000 * (part == "training"), 28, 28)
        )
        for part in ("training", "testing")
        for digit in range(10)
        for number in range(2)
    }
    monkeypatch.setenv("CNNLESSONS_DATA", str(zipped(tmp_path / "mnist.zip", members).parent))
    assert offline("mnist")
    data = datasets.load("mnist", test_per_class=1)
    for label, image in zip(data.test_labels, data.test_images, strict=True):
        assert any(
            np.array_equal(np.rint(255 * image[..., 0]), noise(10 * label + number, 28, 28)) for number in range(2)
        )


@pytest.mark.parametrize(
    "name", ["cifar-10-batches-py/data_batch_1", "cifar-10-python.tar.gz", "cifar-10-batches-bin/test_batch.bin"]
)
def test_of_a_copy_that_is_not_read_it_is_told_what_to_do(tmp_path, monkeypatch, name):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"batches")
    for named in (tmp_path, tmp_path / name.split("/")[0]):
        monkeypatch.setenv("CNNLESSONS_DATA", str(named))
        message = refused(lambda: datasets.load("cifar10"), (OSError, ValueError), "CNNLESSONS_DATA must name CIFAR-10")
        assert "an .npz file, or class folders" in message
        assert "What to do with official archives, batches and files of Kaggle is said in data/README.md" in message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"per_class": 711}, "per_class must be at most 710, the training images of '0', got 711"),
        ({"test_per_class": 910}, "test_per_class must be at most 909, or no '0' is left, got 910"),
        ({"test_per_class": 0}, "test_per_class must be"),
        ({"per_class": 0}, "per_class must be"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_a_split_of_mnist_that_cannot_be_made_is_refused(mnist_copy, options, words):
    refused(lambda: datasets.load("mnist", **options), ValueError, words)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": np.zeros((9, 28, 28), np.uint8)}, r"lacks the array labels \(or y_test\); it holds images"),
        (
            {"images": np.zeros((9, 28, 28), np.uint8), "labels": np.zeros(9, int)},
            "MNIST must have all 10,000 test images, got 9 from mnist.npz; take another copy",
        ),
        (
            {"images": np.zeros((9, 784), np.uint8), "labels": np.zeros(9, int)},
            r"images of .* must have the shape \(N, 28, 28\), got \(9, 784\)$",
        ),
        (
            {"images": np.zeros((10_001, 28, 28), np.uint8), "labels": np.zeros(10_001, int)},
            "images of .* must hold 1 to 10,000 images, got 10,001",
        ),
        ({"images": np.full((9, 28, 28), -1.0), "labels": np.zeros(9, int)}, "floats and must be in .*, got -1.0"),
        ({"images": np.zeros((9, 28, 28)), "labels": np.full(9, 10)}, "labels of .* must be indices from 0 to 9"),
    ],
)
def test_a_copy_of_mnist_that_is_not_all_right_is_refused(tmp_path, monkeypatch, arrays, words):
    monkeypatch.setenv("CNNLESSONS_DATA", str(saved(tmp_path / "mnist.npz", arrays)))
    refused(lambda: datasets.load("mnist"), ValueError, words)


def offline(name):
    (source,) = (source for source in datasets.available() if source.name == name)
    return source.offline


def test_mnist_is_here_if_your_copy_has_it(mnist_copy, monkeypatch, tmp_path):
    assert offline("mnist")
    monkeypatch.setenv("CNNLESSONS_DATA", str(tmp_path / "cifar10.npz"))
    assert not offline("mnist")
    monkeypatch.setenv("CNNLESSONS_DATA", "nowhere")
    assert not offline("mnist")
    refused(lambda: datasets.load("mnist"), FileNotFoundError, "CNNLESSONS_DATA must be a folder or a file that exists")


def test_where_the_variable_names_another_data_set_keras_is_asked_for_mnist(fake_keras, copy):
    data = datasets.load("mnist")
    assert fake_keras.asked == 1
    assert data.source.startswith("Y. LeCun")
    assert "; downloaded by Keras; split anew" in data.source
    np.testing.assert_array_equal(data.test_labels, mnist_arrays()["labels"][places(data.test_images)])


# CIFAR-10 and MNIST from Keras


def keras_mnist(keras):
    """MNIST as Keras gives it: of the training part less here, since it is not read."""

    def load_data():
        keras.asked += 1
        test = mnist_arrays()
        return (test["images"][:1], test["labels"][:1]), (test["images"], test["labels"])

    return types.SimpleNamespace(load_data=load_data)


@pytest.fixture
def fake_keras(monkeypatch):
    """A Keras that has CIFAR-10 and MNIST on its disk; ``asked`` counts how often it was asked."""
    arrays = small_arrays()
    keras = types.SimpleNamespace(__spec__="installed", asked=0, layout="channels_last")

    def load_data():
        keras.asked += 1
        parts = []
        for part in ("train", "test"):
            images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"].astype(np.uint8)[:, np.newaxis]
            parts.append((images if keras.layout == "channels_last" else images.transpose(0, 3, 1, 2), labels))
        return parts

    keras.datasets = types.SimpleNamespace(cifar10=types.SimpleNamespace(load_data=load_data), mnist=keras_mnist(keras))
    keras.config = types.SimpleNamespace(image_data_format=lambda: keras.layout)
    monkeypatch.setitem(sys.modules, "keras", keras)
    return keras


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_without_a_copy_of_yours_keras_is_asked(fake_keras, layout):
    fake_keras.layout = layout
    assert not offline("cifar10")
    first = datasets.load("cifar10")
    assert fake_keras.asked == 1
    np.testing.assert_array_equal(first.train_images, small_arrays()["train_images"] / np.float32(255))
    np.testing.assert_array_equal(first.test_labels, small_arrays()["test_labels"])
    assert "downloaded by Keras, sha256 6d958be0" in first.source


def test_your_own_copy_comes_before_keras(fake_keras, copy):
    datasets.load("cifar10")
    assert fake_keras.asked == 0


@pytest.mark.parametrize(
    "failure",
    [Exception("URL fetch failure"), ValueError("Incomplete or corrupted file"), EOFError("Ran out of input")],
)
@pytest.mark.parametrize(("name", "title", "one"), [("cifar10", "CIFAR-10", "airplane"), ("mnist", "MNIST", "0")])
def test_a_download_that_fails_says_how_to_get_the_images(fake_keras, failure, name, title, one):
    def load_data():
        raise failure

    getattr(fake_keras.datasets, name).load_data = load_data
    words = f"{title} .* Keras could not get it .{failure}"
    message = refused(lambda: datasets.load(name), FileNotFoundError, words)
    copy = f"(an .npz file, or class folders, such as train/{one} and test/{one},"
    assert f"set CNNLESSONS_DATA to your copy {copy}" in message
    assert "connect to the network once" in message


@pytest.mark.parametrize(("name", "title"), [("cifar10", "CIFAR-10"), ("mnist", "MNIST")])
def test_without_keras_and_without_a_copy_the_error_says_how_to_get_one(monkeypatch, name, title):
    monkeypatch.setitem(sys.modules, "keras", None)  # an import of it now raises ImportError
    words = f"{title} is not on this machine, nor is Keras .*; set CNNLESSONS_DATA to your copy"
    refused(lambda: datasets.load(name), FileNotFoundError, words)


@pytest.mark.parametrize(("name", "file"), [("cifar10", "cifar-10-batches-py-target_archive"), ("mnist", "mnist.npz")])
def test_what_keras_downloaded_for_others_counts_as_here(monkeypatch, tmp_path, name, file):
    saved_there = tmp_path / "datasets" / file
    saved_there.parent.mkdir()
    saved_there.write_bytes(b"")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for installed_or_not in (True, False):
        monkeypatch.setattr(benchmarks, "find_spec", lambda name, found=installed_or_not: found or None)
        assert offline(name) == installed_or_not


def test_what_keras_downloaded_for_other_work_is_taken_over(fake_keras, monkeypatch, tmp_path):
    before = tmp_path / "keras" / "datasets" / "cifar-10-batches-py-target_archive"
    before.parent.mkdir(parents=True)
    before.write_bytes(b"the archive")
    home = tmp_path / "keras" / "cnnlessons"
    monkeypatch.setenv("KERAS_HOME", str(home))
    monkeypatch.setattr(benchmarks, "find_spec", lambda name: True)
    assert offline("cifar10")
    datasets.load("cifar10")
    assert (home / "datasets" / before.name).read_bytes() == b"the archive"


# The real CIFAR-10


@pytest.mark.skipif(not REAL, reason="CNNLESSONS_DATA names no copy of CIFAR-10")
def test_the_real_cifar10_is_complete_and_balanced(monkeypatch):
    monkeypatch.setenv("CNNLESSONS_DATA", REAL)
    data = datasets.load("cifar10")
    assert data.train_images.shape == (50_000, 32, 32, 3)
    assert data.test_images.shape == (10_000, 32, 32, 3)
    assert np.bincount(data.train_labels).tolist() == [5000] * 10
    assert np.bincount(data.test_labels).tolist() == [1000] * 10
    assert data.train_images.dtype == np.float32
    assert (data.train_images.min(), data.train_images.max()) == (0, 1)
    # The means that training scripts subtract: 0.4914, 0.4822, 0.4465; a copy as JPEG files differs a little.
    np.testing.assert_allclose(data.train_images.mean(axis=(0, 1, 2), dtype=float), [0.4914, 0.4822, 0.4465], atol=2e-3)


def test_a_texture_tells_the_class_and_has_no_brightness_of_its_own():
    paper = np.zeros((10, 8, 8, 1), np.float32)
    textures = datasets.textured(paper, np.arange(10)).reshape(10, -1)
    assert np.abs(textures.mean(axis=1)).max() < 1e-6
    assert np.abs(textures @ textures.T - np.diag(np.square(textures).sum(axis=1))).max() < 1e-5
    assert 0.6 < np.abs(textures).max() <= 0.8


@pytest.mark.parametrize(
    ("images", "classes", "said"),
    [
        (np.zeros((2, 8, 8, 3)), 1, "images must have shape"),
        (np.zeros((2, 8, 8, 1)), 10, "classes must be whole numbers from 0 to 9, got 10 to 10"),
        (np.zeros((2, 8, 8, 1)), 0.5, "classes must be whole numbers"),
        (np.zeros((2, 8, 8, 1), int), 3, "images must be numbers with a point, got int64; write images / 255"),
        (np.full((2, 8, 8, 1), 255.0), 3, "images must lie from 0 to 1, got 255 to 255; write images / 255"),
        (np.full((2, 8, 8, 1), -0.1), 3, "images must lie from 0 to 1, got -0.1 to -0.1"),
    ],
)
def test_what_cannot_have_a_texture_is_refused(images, classes, said):
    with pytest.raises(ValueError, match=said):
        datasets.textured(images, classes)
