"""JupyterLab in a real Chromium, driven by Playwright: start it, open a notebook, run it, move its sliders."""

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge", "microsoft-edge")
PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
OURS = Path(__file__).parents[2] / "lab"  # the course's settings of JupyterLab, and its extension
PATIENCE = 240_000  # ms; a busy machine may need half a minute to show JupyterLab, and minutes to run a lesson

# The class of a panel, and the title of a button that changes what it says.
BUTTONS = {
    "cnnlessons-stepper": "One step forward",
    "cnnlessons-shape-explorer": "One step forward",
    "cnnlessons-gradient-stepper": "One step forward",
    "cnnlessons-columns-stepper": "One step forward",
    "cnnlessons-two-networks": "One step forward",
    "cnnlessons-training-dashboard": "One step forward",
    "cnnlessons-initialisation-explorer": "Other starting weights, the same rule",
    "cnnlessons-kernel-reader": "One filter forward",
    "cnnlessons-gabor-explorer": "A quarter of a wavelength further",
    "cnnlessons-stem-builder": "One step forward",
    "cnnlessons-stem-explorer": "Other weights, the same layer",
    "cnnlessons-bakeoff-browser": "The other way round",
    "cnnlessons-unit-browser": "One unit forward",
    "cnnlessons-digit-pad": "The next test digit that it finds hard",
    "cnnlessons-attack-lab": "The next test digit in the place of a drawing",
    "cnnlessons-sleeping-cue": "One epoch forward",
}


def chromium_path():
    """A browser of the Chromium family on this machine, or None."""
    return next(filter(None, map(shutil.which, NAMES + PLACES)), None)


@contextlib.contextmanager
def chromium(*arguments):
    """A headless Chromium, started with more `arguments` if there are any."""
    arguments = ["--disable-background-networking", "--disable-component-update", "--disable-sync", *arguments]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium's sandbox refuses to work for root, as in containers
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def running_lab(root):
    """A JupyterLab over `root`, with the settings of the course and no others: a function from path to address."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, open(Path(home, "log"), "w+") as log:
        port, token = free_port(), secrets.token_hex()
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *("--ip=127.0.0.1", f"--port={port}", f"--IdentityProvider.token={token}"),
            f"--ServerApp.root_dir={root}",
            f"--LabApp.extra_labextensions_path={OURS / 'share' / 'jupyter' / 'labextensions'}",
            "--LabApp.expose_app_in_browser=True",  # as window.jupyterapp, which the functions below ask
        ]
        folders = {f"JUPYTER_{name}_DIR": f"{home}/{name.lower()}" for name in ("CONFIG", "DATA", "RUNTIME")}
        folders |= {f"JUPYTERLAB_{name}_DIR": f"{home}/{name.lower()}" for name in ("SETTINGS", "WORKSPACES")}
        folders["IPYTHONDIR"] = f"{home}/ipython"
        shutil.copytree(OURS / "etc" / "jupyter", folders["JUPYTER_CONFIG_DIR"])
        shutil.copytree(OURS / "etc" / "ipython", f"{home}/ipython/profile_default")
        server = subprocess.Popen(command, env=os.environ | folders, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until_it_answers(server, f"http://127.0.0.1:{port}/api", log)
            yield lambda path: f"http://127.0.0.1:{port}/lab/tree/{path}?reset&token={token}"
        finally:
            stop(server)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_answers(server, address, log, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(address, timeout=5).close()
            return
        time.sleep(0.1)
    log.seek(0)
    raise RuntimeError(f"JupyterLab did not answer on {address}:\n{log.read()}")


def stop(server):
    server.terminate()  # it ends its kernels first
    try:
        server.wait(timeout=30)
    except subprocess.TimeoutExpired:
        server.kill()


def open_notebook(page, address):
    """Go to a notebook and wait until its kernel is ready."""
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
    wait_until_idle(page)


def open_also(page, path):
    """Open another notebook in the JupyterLab of `page`, and wait until its kernel is ready."""
    page.evaluate("path => { jupyterapp.commands.execute('docmanager:open', { path }); }", path)
    page.wait_for_function("path => jupyterapp.shell.currentWidget?.context?.path === path", arg=path)
    wait_until_idle(page)


def close(page):
    """Close the notebook in sight without a question, and end its kernel."""
    page.evaluate(
        """async () => {
            const notebook = jupyterapp.shell.currentWidget;
            await notebook.sessionContext.shutdown();
            notebook.dispose();
        }"""
    )


def wait_until_idle(page):
    page.wait_for_function(
        """() => {
            const kernel = jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel;
            return kernel?.connectionStatus === "connected" && kernel.status === "idle";
        }"""
    )


def restart_and_run_all(page):
    """Restart the kernel, confirm that, and wait until the last cell has run; return the notebook as it then is."""
    page.evaluate(
        """() => {
            window.finished = false;
            jupyterapp.commands.execute("notebook:restart-run-all").then(() => { window.finished = true; });
        }"""
    )
    page.click(".jp-Dialog .jp-mod-accept")
    page.wait_for_function("() => window.finished", timeout=3 * PATIENCE)  # all of a lesson, on a busy machine
    wait_until_idle(page)
    return page.evaluate("() => jupyterapp.shell.currentWidget.model.toJSON()")


def ask(page, code):
    """Run code in the kernel of the notebook in sight, and return what it printed."""
    return page.evaluate(
        """async code => {
            const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const future = kernel.requestExecute({ code });
            let printed = "";
            future.onIOPub = ({ content }) => { printed += content.text ?? ""; };
            await future.done;
            return printed;
        }""",
        code,
    )


def last_answer(page, ask, wanted):
    """Ask again and again until `wanted` of the answer is true, or patience ends; return the last answer.

    What a panel shows comes from the kernel, one message after the other: what is read at once may be on its way.
    """
    end = time.monotonic() + PATIENCE / 1000
    while not wanted(answer := ask()) and time.monotonic() < end:
        page.wait_for_timeout(50)
    return answer


def resting_box(element):
    """Return where an element lies in the window, with the mouse on its middle, once it lies still.

    JupyterLab goes on laying out: what is measured at once may lie elsewhere when the mouse comes.
    """
    element.hover()
    return element.bounding_box()


def drag(page, slider, places, steps=1):
    """Take the handle of `slider` with the mouse and drag it to one place after the other, in `steps` moves each.

    A place is a number from 0, the left end, to 1, the right end.
    """
    slider.locator(".noUi-handle").hover()
    page.mouse.down()
    rail = slider.locator(".noUi-base").bounding_box()
    for place in places:
        page.mouse.move(rail["x"] + place * rail["width"], rail["y"] + rail["height"] / 2, steps=steps)
    page.mouse.up()


def move(page, panel):
    """Move a control of a panel, and wait until the panel shows something else."""
    name = re.search(r"cnnlessons-(?!panel)[\w-]+", panel.get_attribute("class"))[0]
    if name in BUTTONS:
        before = panel.text_content()
        panel.get_by_title(BUTTONS[name]).click()
        expect(panel).not_to_have_text(before)
        return
    picture, slider = panel.locator("canvas[data-name='photograph']"), panel.locator(".cnnlessons-slider").first
    before = picture.screenshot()
    high = float(slider.locator(".noUi-handle").get_attribute("aria-valuenow")) > 0
    drag(page, slider, places=[0.9, 0.1] if high else [0.1, 0.9], steps=10)
    assert last_answer(page, picture.screenshot, lambda after: after != before) != before


def shot(page, path):
    """Save what the browser shows, to look at."""
    page.screenshot(path=path)
