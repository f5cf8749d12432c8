"""The site from a folder, in a real browser without a network: it fails nothing, its search and its panels answer."""

import os

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from cnnlessons.notebooks import LESSONS, in_order
from cnnlessons.teaching import site

pytestmark = pytest.mark.browser
FEW = NAMES = ["02_shapes_and_channels", "10_counting_activations", "deeper/06_what_speed_costs"]
if "CNNLESSONS_EVERY_CELL" in os.environ:  # as before the site is published
    NAMES = [path.relative_to(LESSONS).with_suffix("").as_posix() for path in in_order()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    for tool in site.TOOLS:
        pytest.importorskip(tool, reason=f'{tool} comes with the extra "site"')
    folder = tmp_path_factory.mktemp("site")
    site.build(folder, [LESSONS / f"{name}.ipynb" for name in NAMES])
    return folder


@pytest.fixture(params=["light", "dark"])
def page(browser, request):
    """A page without a network, and what went wrong on it."""
    with browser.new_context(color_scheme=request.param, offline=True) as context:
        page, wrong = context.new_page(), []
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda sent: None if sent.url.startswith(("file:", "data:")) else wrong.append(sent.url))
        page.on("requestfailed", lambda sent: wrong.append(sent.url))
        yield page
        assert wrong == []


@pytest.mark.parametrize("name", ["index", *NAMES])
def test_a_page_needs_no_network_and_keeps_nobody_out(page, folder, name):
    page.goto((folder / f"{name}.html").as_uri())
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    # Preloading would fetch style sheets.
    found = Axe().run(page, options={"runOnly": rules, "resultTypes": ["violations"], "preload": False})
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [800, 1024, 1152])
def test_no_text_is_cut_off_on_a_projector(page, folder, width):
    page.set_viewport_size({"width": width, "height": 768})
    for name in ("index", *NAMES):
        page.goto((folder / f"{name}.html").as_uri())
        box = page.locator("article").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width, name
        assert page.locator("article > section > p").evaluate_all(
            "all => all.every(each => each.getBoundingClientRect().right <= innerWidth)"
        )


def test_the_search_finds_a_lesson(page, folder):
    page.goto((folder / "search.html").as_uri() + "?q=receptive")
    results = page.locator("#search-results li")  # among all lessons others say more of it
    first = results.first if NAMES is FEW else results.filter(has_text="Shapes and channels").first
    expect(first).to_contain_text("Shapes and channels")


def test_a_panel_answers_for_its_main_control_by_keyboard(page, folder):
    page.goto((folder / "02_shapes_and_channels.html").as_uri())
    panel = page.get_by_role("group", name="Shape explorer")
    outputs = panel.locator(".cnnlessons-page")
    expect(outputs).to_contain_text("Position 1 of 16")
    panel.get_by_role("slider").press("ArrowRight")
    expect(outputs).to_contain_text("Position 1 of 9")
    expect(panel.get_by_role("slider")).to_have_attribute("aria-valuetext", "3")
