"""The browser that the tests in this folder drive."""

import os

import pytest
from playwright.sync_api import expect

import lab

expect.set_options(timeout=lab.PATIENCE)


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium; without one the tests are skipped, except in CI, where they fail."""
    if lab.chromium_path() is None:
        missing = f"no Chromium found: looked for {', '.join(lab.NAMES)}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    # Closed with the module: while Playwright runs, other tests cannot start an event loop.
    with lab.chromium() as browser:
        yield browser
