"""``pytest --nbval`` made fit for a course: pictures are compared, a trailing semicolon hides a result.

A cell may say in its metadata how far the numbers of its output may be from the stored ones: "tolerance": "2 points"
(or "0.01": in the numbers' own unit) or "5 %" (of the stored number). The words between them are compared strictly. A
picture of such a cell may look different, if its description, in the output's metadata, says the same so far.

The notebooks' other settings stand in pyproject.toml and in tests/notebooks/nbval_sanitize.cfg.
"""

import base64
import copy
import io
import os
import re
import tempfile

import numpy as np
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile
from PIL import Image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # every kernel inherits it: no log lines from TensorFlow

# Pictures are compared as averages over BLOCK × BLOCK pixels: the smoothing of edges, which differs between machines,
# hardly counts, while another number, a shifted curve or another colour does.
BLOCK = 4
MEAN_DIFFERENCE = 1  # grey levels (of 255) over the whole picture
LARGEST_DIFFERENCE = 64  # grey levels in one block
SIZE_DIFFERENCE = 2  # pixels; the tight frame around a figure follows its labels


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    """Put our notebook collector in the place of nbval's."""
    collectors = yield
    return [
        Notebook.from_parent(parent, path=file_path) if isinstance(collector, IPyNbFile) else collector
        for collector in collectors
    ]


class Notebook(IPyNbFile):
    """A notebook whose cells run as they do in JupyterLab."""

    def setup(self):
        # A personal IPython profile may draw other figures, so the kernel gets an empty one.
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("IPYTHONDIR", self.profile.name)
            super().setup()
        self.kernel.execute_cell_input = self.execute

    def teardown(self):
        super().teardown()
        self.profile.cleanup()

    def execute(self, source, allow_stdin=None):
        # nbval keeps cells out of the history, but there IPython looks for the semicolon that hides a result.
        return self.kernel.kc.execute(source, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)

    def collect(self):
        for cell in super().collect():
            yield Cell.from_parent(self, name=cell.name, cell_num=cell.cell_num, cell=cell.cell, options=cell.options)


class Cell(IPyNbCell):
    """A cell whose pictures are compared too, and its numbers as its tolerance says; nbval compares only texts."""

    def compare_outputs(self, test, ref, skip_compare=None):
        left, tolerance = [], self.cell.metadata.get("tolerance")
        if tolerance is not None:
            test, left = within(tolerance, test, ref)
        if not super().compare_outputs(test, ref, skip_compare):
            self.comparison_traceback += left
            return False
        for number, (stored, new) in enumerate(zip(pictures(ref), pictures(test), strict=True), start=1):
            complaint = visible_difference(*(decode(output.data["image/png"]) for output in (stored, new)))
            if complaint and not (tolerance and says_the_same(tolerance, stored, new)):
                self.comparison_traceback.append(f"picture {number}: {complaint}")
                return False
        return True


NUMBER = re.compile(r"(?<![\w.])[-+−]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?")  # and not the 2 of "conv2"


def within(tolerance, test, ref):
    """Return new outputs with each number that is near enough to the stored one replaced by that, and the others told.

    Texts whose words differ are left as they are; how wide a column is set does not count.
    """
    told = []

    def settled(new, old):
        far = beyond(tolerance, new, old)
        told.extend(far or [])
        return old if far == [] else new

    test = copy.deepcopy(test)
    for new, old in zip(test, ref, strict=False):
        if "text" in new and "text" in old:
            new["text"] = settled(new["text"], old["text"])
        for kind in set(new.get("data", {})) & set(old.get("data", {})):
            if kind.startswith("text/"):
                new["data"][kind] = settled(new["data"][kind], old["data"][kind])
    return test, told


def beyond(tolerance, new, old):
    """Say which numbers of a text are too far from the stored ones; None if its words differ."""
    if [piece.split() for piece in NUMBER.split(new)] != [piece.split() for piece in NUMBER.split(old)]:
        return None
    amount, unit = re.fullmatch(r"([\d.]+)\s*(%|points?|)", tolerance).groups()
    share, absolute = (float(amount) / 100, 0) if unit == "%" else (0, float(amount))
    return [
        f"number {index}: stored {stored}, now {now}; at most {tolerance} away is forgiven"
        for index, (now, stored) in enumerate(zip(NUMBER.findall(new), NUMBER.findall(old), strict=True), start=1)
        if abs(value(now) - value(stored)) > max(absolute, share * abs(value(stored))) * (1 + 1e-9)
    ]


def says_the_same(tolerance, stored, new):
    """Whether two pictures have the same size and, within the tolerance, the same description."""
    sizes = {decode(output.data["image/png"]).size for output in (stored, new)}
    words = [output.get("metadata", {}).get("image/png", {}).get("alt", "") for output in (new, stored)]
    return len(sizes) == 1 and all(words) and beyond(tolerance, *words) == []


def value(number):
    """The number that a text such as "−1,024.5" stands for."""
    return float(number.replace(",", "").replace("−", "-"))


def pictures(outputs):
    """The outputs of a cell that are PNG pictures."""
    return [output for output in outputs if "image/png" in output.get("data", {})]


def decode(png):
    """Base64 PNG to a picture on white paper."""
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(paper, picture).convert("RGB")


def visible_difference(stored, new):
    """What is visibly different between two pictures, in words; None if nothing is."""
    if np.abs(np.subtract(stored.size, new.size)).max() > SIZE_DIFFERENCE:
        return f"stored {stored.width} × {stored.height} pixels, now {new.width} × {new.height}"
    size = (max(1, stored.width // BLOCK), max(1, stored.height // BLOCK))
    blocks = [np.asarray(picture.resize(size, Image.Resampling.BOX), float) for picture in (stored, new)]
    difference = np.abs(blocks[0] - blocks[1]).max(axis=2)  # (rows, columns): the worst of the three colours
    mean, largest = difference.mean(), difference.max()
    if mean <= MEAN_DIFFERENCE and largest <= LARGEST_DIFFERENCE:
        return None
    row, column = np.multiply(BLOCK, np.unravel_index(difference.argmax(), difference.shape))
    return (
        f"mean difference {mean:.1f} grey levels (at most {MEAN_DIFFERENCE} is forgiven), largest "
        f"{largest:.0f} (at most {LARGEST_DIFFERENCE}), near pixel row {row}, column {column}"
    )
