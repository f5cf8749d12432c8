"""From a slider's move to the new picture: the panels in JupyterLab, in a real Chromium.

Run it with ``python tests/benchmarks/slider.py``, and the names of panels if not all are to be measured. A slider that
changes one ``ipywidgets.Image`` is measured in the same minute, because the numbers are those of a machine and of what
else it has to do.
"""

import contextlib
import itertools
import json
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import websocket  # jupyter-server needs it too
from nbformat.v4 import new_code_cell, new_notebook

from cnnlessons.notebooks import METADATA

sys.path.append(str(Path(__file__).parents[1] / "browser"))

import lab

PANEL = "from cnnlessons import panels\n\npanels.{}"
BARE = """
import io

import ipywidgets as widgets
from PIL import Image

from cnnlessons import datasets

photo = Image.fromarray((255 * datasets.photograph("camera", size=256, gray=True)).astype("uint8"))
slider = widgets.FloatSlider(max=1.0, step=0.005, description="of the brightness")
picture = widgets.Image(layout={"width": "290px", "height": "290px"})


def draw(change):
    buffer = io.BytesIO()
    photo.point(lambda level: change.new * level).save(buffer, "PNG", compress_level=1)
    picture.value = buffer.getvalue()


slider.observe(draw, "value")
slider.value = 0.5
widgets.VBox([slider, picture])
"""
NOTEBOOKS = {  # name: its cell, the label of its slider
    "bare slider and Image": (BARE, "of the brightness"),
    "kernel editor": (PANEL.format("kernel_editor()"), "Weight"),
    "stepper": (PANEL.format("stepper(padding='same')"), "Position"),
    "shape explorer": (PANEL.format("shape_explorer()"), "Image size"),
    "gradient stepper": (PANEL.format("gradient_stepper(padding=1)"), "Position"),
    "columns stepper": (PANEL.format("columns_stepper(padding=1)"), "Position"),
    "training dashboard": (PANEL.format("training_dashboard()"), "Learning rate"),
    "initialisation explorer": (PANEL.format("initialisation_explorer()"), "times"),
    "kernel reader": (PANEL.format("kernel_reader()"), "Filter"),
    "Gabor explorer": (PANEL.format("gabor_explorer()"), "Orientation"),
    "stem explorer": (PANEL.format("stem_explorer()"), "Filters"),
}
MOVES_PER_SECOND = 60  # a browser hands a page one move for each frame of the screen


@contextlib.contextmanager
def mouse(page, port):
    """Move the pressed mouse without waiting, as a hand does; Playwright waits until the page has dealt with it."""
    target = page.context.new_cdp_session(page).send("Target.getTargetInfo")["targetInfo"]["targetId"]
    address = f"ws://127.0.0.1:{port}/devtools/page/{target}"
    connection = websocket.create_connection(address, suppress_origin=True)

    def move(x, y):
        event = {"type": "mouseMoved", "x": x, "y": y, "button": "left", "buttons": 1}
        connection.send(json.dumps({"id": 1, "method": "Input.dispatchMouseEvent", "params": event}))

    try:
        yield move
    finally:
        connection.close()


def record(page):
    """From now on note the time, in ms, of every frame with a new picture: a painted one, or a page that changed."""
    page.wait_for_timeout(1000)  # pictures of an earlier drag may still be under way
    page.evaluate(
        """() => {
            window.recording?.abort();
            window.recording = new AbortController();
            window.pictures = [];
            const note = frame => { if (frame !== pictures.at(-1)) pictures.push(frame); };
            const drawn = () => requestAnimationFrame(note);
            const output = document.querySelector(".jp-OutputArea-output:has(.widget-slider)");
            output.addEventListener("load", drawn, {capture: true, signal: window.recording.signal});
            const observer = new MutationObserver(changes => {
                if (changes.some(({target}) => target.closest(".widget-html-content, .cnnlessons-page"))) drawn();
            });
            observer.observe(output, {childList: true, subtree: true});
            window.recording.signal.addEventListener("abort", () => observer.disconnect());
        }"""
    )


def pictures_per_second(page, slider, port, seconds=5.0):
    """How many new pictures a second the browser shows while `slider` is dragged, each move to another place."""
    record(page)
    slider.locator(".noUi-handle").hover()
    page.mouse.down()
    rail = slider.locator(".noUi-base").bounding_box()
    with mouse(page, port) as move:
        end = time.monotonic() + seconds
        for number in itertools.takewhile(lambda _: time.monotonic() < end, itertools.count()):
            move(rail["x"] + number * 0.382 % 1 * rail["width"], rail["y"] + rail["height"] / 2)
            time.sleep(1 / MOVES_PER_SECOND)
    page.mouse.up()
    times = page.evaluate("() => window.pictures")
    return 1000 * (len(times) - 1) / (times[-1] - times[0])


def measure(browser, port, address, label):
    """Pictures a second during three drags of the slider called `label`."""
    with browser.new_page(viewport={"width": 1400, "height": 1000}) as page:
        lab.open_notebook(page, address)
        lab.restart_and_run_all(page)
        slider = page.locator(".widget-slider").filter(has=page.get_by_text(label, exact=True)).first
        pictures_per_second(page, slider, port, seconds=1)  # warm up
        return [pictures_per_second(page, slider, port) for _ in range(3)]


def main(names):
    if lab.chromium_path() is None:
        print("slider: no Chromium found, not measured")
        return
    port = lab.free_port()
    with (
        tempfile.TemporaryDirectory() as root,
        lab.running_lab(root) as address,
        lab.chromium(f"--remote-debugging-port={port}") as browser,
    ):
        for number, name in enumerate(names or NOTEBOOKS):
            cell, label = NOTEBOOKS[name]
            notebook = new_notebook(cells=[new_code_cell(cell)], metadata=METADATA)
            nbformat.write(notebook, Path(root, f"{number}.ipynb"))
            rates = measure(browser, port, address(f"{number}.ipynb"), label)
            print(f"{name}: {', '.join(f'{rate:.0f}' for rate in rates)} pictures a second when dragged", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
