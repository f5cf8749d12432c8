"""The page of report as its reader opens it: from disk, without a network, on a screen and on paper."""

import numpy as np
import pytest

from cnnlessons import plots, report

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A page with six pictures and long sentences, on disk."""
    labels, path = np.repeat([0, 1], 20), tmp_path_factory.mktemp("report") / "my_report.html"
    exam = report.Exam(np.zeros((40, 8, 8, 1)), labels)
    exam.sit(lambda images: np.eye(2)[labels])
    tries = {"one": [60.0, 62, 61, 63, 64, 60], "other": [50.0, 51, 50, 54, 52, 50]}
    picture = plots.confusion(np.array([[20, 0], [0, 20]]), ["cats", "dogs"])
    report.Report(
        *("Cats and dogs", "Can it tell my cats from my dogs?", "I take the one that was borrowed. " * 12),
        *("All pictures are from one garden. " * 12, "40 images", "one"),
        verdicts=3 * [report.verdict(tries, "one", "other")],
        exam=exam,
        chance=0.5,
        agreement={"another seed": 0.6, "never trained": 0.1},
        attack={"epsilon": 4 / 255, "noise": 0.9, "attack": 0.2},
        figures={f"Picture {k}": (picture, "Rows: what was shown; columns: what was said.") for k in range(6)},
    ).write(path)
    return path


def test_the_page_opens_from_disk_with_all_its_pictures_and_asks_for_nothing(browser, file):
    with browser.new_page() as page:
        asked, complaints = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(file.as_uri())
        widths = page.locator("img").evaluate_all("images => images.map(image => image.naturalWidth)")
        alts = page.locator("img").evaluate_all("images => images.map(image => image.alt)")
    assert [address for address in asked if not address.startswith("data:")] == [file.as_uri()]
    assert len(widths) == 6
    assert min(widths) > 100
    assert all("taken for which" in alt for alt in alts)
    assert not complaints


def test_the_page_fits_on_a_telephone_and_prints_on_one_sheet(browser, file):
    with browser.new_page(viewport={"width": 390, "height": 800}) as page:
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        printed = page.pdf(prefer_css_page_size=True)
    assert b"/Count 1\n" in printed or b"/Count 1>" in printed or b"/Count 1 " in printed
