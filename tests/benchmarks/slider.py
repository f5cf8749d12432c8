"""From a slider's move to the new picture: the kernel editor in JupyterLab, in a real Chromium.

Run it with ``python tests/benchmarks/slider.py``. A slider that changes one ``ipywidgets.Image`` is measured in the
same minute, because the numbers are those of a machine and of what else it has to do.
"""

import contextlib
import json
import statistics
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

EDITOR = "from cnnlessons import panels\n\npanels.kernel_editor()"
BARE = """
import io

import ipywidgets as widgets
from PIL import Image

from cnnlessons import datasets

photo = Image.fromarray((255 * datasets.photograph("camera", size=256, gray=True)).astype("uint8"))
slider = widgets.FloatSlider(max=1.0, step=0.005)
picture = widgets.Image(layout={"width": "290px", "height": "290px"})


def draw(change):
    buffer = io.BytesIO()
    photo.point(lambda level: change.new * level).save(buffer, "PNG", compress_level=1)
    picture.value = buffer.getvalue()


slider.observe(draw, "value")
slider.value = 0.5
widgets.VBox([slider, picture])
"""
NOTEBOOKS = {  # name: its cell, where its slider is and where its picture
    "kernel editor": (EDITOR, ".cnnlessons-slider", "canvas[data-name='photograph']"),
    "bare slider and Image": (BARE, ".widget-slider", ".widget-image"),
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


def record(page, picture):
    """From now on note the time, in ms, of every move of the mouse and of every frame with a new picture."""
    page.wait_for_timeout(1000)  # pictures of an earlier drag may still be under way
    picture.evaluate(
        """image => {
            window.recording?.abort();
            window.recording = new AbortController();
            const signal = window.recording.signal;
            window.moves = [];
            window.pictures = [];
            const note = frame => { if (frame !== pictures.at(-1)) pictures.push(frame); };
            window.addEventListener("pointermove", () => moves.push(performance.now()), {capture: true, signal});
            image.addEventListener("load", () => requestAnimationFrame(note), {signal});
        }"""
    )


def pictures_per_second(page, slider, picture, port, seconds=5.0):
    """How many new pictures a second the browser shows while `slider` is dragged to and fro."""
    record(page, picture)
    slider.locator(".noUi-handle").hover()
    page.mouse.down()
    rail = slider.locator(".noUi-base").bounding_box()
    with mouse(page, port) as move:
        start = time.monotonic()
        while (passed := time.monotonic() - start) < seconds:
            move(rail["x"] + abs(1 - passed % 2) * rail["width"], rail["y"] + rail["height"] / 2)
            time.sleep(1 / MOVES_PER_SECOND)
    page.mouse.up()
    times = page.evaluate("() => window.pictures")
    return 1000 * (len(times) - 1) / (times[-1] - times[0])


def one_by_one(page, moves):
    """The places of a drag in single moves, each made when the picture of the one before has come."""
    for move in range(moves):
        yield (move + 1) / moves
        page.wait_for_function("count => window.pictures.length > count", arg=move)


def seconds_to_picture(page, slider, picture, moves=20):
    """The seconds from single moves of `slider` until the browser has the new picture, one number a move."""
    record(page, picture)
    lab.drag(page, slider, one_by_one(page, moves))
    moved, shown = page.evaluate("() => [window.moves, window.pictures]")
    return [(new - max(move for move in moved if move < new)) / 1000 for new in shown]


def measure(browser, port, address, slider, picture):
    """Pictures a second during drags, and the seconds from single moves to their pictures."""
    with browser.new_page(viewport={"width": 1400, "height": 1000}) as page:
        lab.open_notebook(page, address)
        lab.restart_and_run_all(page)
        parts = page.locator(slider).first, page.locator(picture)
        pictures_per_second(page, *parts, port, seconds=1)  # warm up
        return [pictures_per_second(page, *parts, port) for _ in range(3)], seconds_to_picture(page, *parts)


def main():
    if lab.chromium_path() is None:
        print("slider: no Chromium found, not measured")
        return
    port = lab.free_port()
    with (
        tempfile.TemporaryDirectory() as root,
        lab.running_lab(root) as address,
        lab.chromium(f"--remote-debugging-port={port}") as browser,
    ):
        for number, (name, (cell, *places)) in enumerate(NOTEBOOKS.items()):
            notebook = new_notebook(cells=[new_code_cell(cell)], metadata=METADATA)
            nbformat.write(notebook, Path(root, f"{number}.ipynb"))
            rates, delays = measure(browser, port, address(f"{number}.ipynb"), *places)
            print(f"{name}, 256 × 256: {', '.join(f'{rate:.0f}' for rate in rates)} pictures a second when dragged;")
            print(f"    one move of the slider to the new picture: {1000 * statistics.median(delays):.0f} ms (median)")


if __name__ == "__main__":
    main()
