"""From a slider's move to the new picture: the kernel editor in JupyterLab, in a real Chromium.

Run it with ``python tests/benchmarks/slider.py``.
"""

import statistics
import sys
import tempfile
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from cnnlessons.notebooks import METADATA

sys.path.append(str(Path(__file__).parents[1] / "browser"))

import lab

EDITOR = "from cnnlessons import panels\n\npanels.kernel_editor()"


def measure():
    """Pictures a second during a drag, and the seconds from single moves to their pictures."""
    with tempfile.TemporaryDirectory() as root, lab.running_lab(root) as address, lab.chromium() as browser:
        notebook = new_notebook(cells=[new_code_cell(EDITOR)], metadata=METADATA)
        nbformat.write(notebook, Path(root, "editor.ipynb"))
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        lab.open_notebook(page, address("editor.ipynb"))
        lab.restart_and_run_all(page)
        editor = page.locator(".cnnlessons-kernel-editor")
        slider, picture = editor.locator(".cnnlessons-slider").first, editor.locator("img.cnnlessons-picture")
        lab.drag(page, slider, lab.to_and_fro(seconds=1), steps=40)  # warm up
        return lab.pictures_per_second(page, slider, picture), lab.seconds_to_picture(page, slider, picture)


def main():
    if lab.chromium_path() is None:
        print("slider: no Chromium found, not measured")
        return
    rate, delays = measure()
    print(f"kernel editor, 256 × 256 photograph, dragged: {rate:.0f} pictures a second")
    print(f"one move of the slider to the new picture: {1000 * statistics.median(delays):.0f} ms (median)")


if __name__ == "__main__":
    main()
