"""Lesson 15 with folders of a reader: one is carried to the page, wrong ones are told what to mend."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from cnnlessons import datasets

LESSON = next((Path(__file__).parents[1] / "notebooks").glob("15_*.ipynb"))


def pictures(folder, count, bright=128):
    """Write pictures of noise, in the sizes, modes and formats of a telephone and its programs."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng([bright, count])
    for number in range(count):
        pixels = rng.normal(bright, 40, (30 + 7 * number, 90 - 5 * number, 3)).clip(0, 255).astype(np.uint8)
        mode, ending = (("RGB", "jpg"), ("P", "gif"), ("CMYK", "jpeg"), ("L", "png"), ("RGBA", "webp"))[number % 5]
        turned = Image.Exif()
        turned[274] = 1 + number % 8  # the tag of orientation
        Image.fromarray(pixels).convert(mode).save(folder / f"IMG {number}.{ending}", exif=turned)


def test_two_classes_of_ten_pictures_come_to_a_page_that_says_what_is_missing(tmp_path, monkeypatch, capsys):
    for name, bright in (("däy", 170), ("night", 70)):
        pictures(tmp_path / "my_photos" / name, 10, bright)
    monkeypatch.chdir(tmp_path)
    cells = [cell.source for cell in nbformat.read(LESSON, as_version=4).cells if cell.cell_type == "code"]
    own = cells[0].replace("FOLDER = None", 'FOLDER = "my_photos"')
    own = re.sub(r"TRIES, STEPS = 6, .*", "TRIES, STEPS = 2, 2", own)  # short, for nobody reads the numbers here
    assert own.count("my_photos") > cells[0].count("my_photos")
    names = {}
    for source in [own, *cells[1:]]:
        exec(source, names)
    text, printed = (tmp_path / "my_report.html").read_text(encoding="utf-8"), capsys.readouterr().out
    assert "<h1>my_photos</h1>" in text
    assert text.count("<img ") == 6
    for missing in ("your conclusion", "6 tries or more in each comparison", "10 exam images or more of each class"):
        assert f"✗ {missing}" in printed
        assert missing in text


def a_file(folder):
    folder.write_bytes(b"a picture?")


def texts(folder):
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
        (folder / name / "list.txt").write_text("1")


def two_dogs(folder):
    pictures(folder / "cats", 6)
    pictures(folder / "dogs", 2, bright=60)


WRONG = {
    "empty": (Path.mkdir, "holds none; make one sub-folder for each class"),
    "one class": (lambda folder: pictures(folder / "cats", 6), "holds 'cats'; make one sub-folder for each class"),
    "no sub-folders": (lambda folder: pictures(folder, 6), "make one sub-folder for each class"),
    "no pictures": (texts, "'cats' in .* holds 0; 'cats/list.txt' is not a picture .* add images"),
    "a file": (a_file, "must be a folder or a zip file"),
    "a class of two": (two_dogs, "at least 5 different images.*'dogs' in .* holds 2; add images, or take the folder"),
    "not there": (lambda folder: None, "must be a folder or a file that exists"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_folder_that_will_not_do_is_told_what_to_mend(tmp_path, name):
    make, said = WRONG[name]
    make(tmp_path / "my_photos")
    with pytest.raises((ValueError, FileNotFoundError), match=f"(?s){said}"):
        datasets.folder(tmp_path / "my_photos", size=32, least=5)
