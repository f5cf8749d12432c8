"""The site: readers see what the notebooks show and nothing of the teacher's; pictures have words; panels answer."""

import html
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from cnnlessons import cli
from cnnlessons.notebooks import COURSE, INDEX, LESSONS, in_order
from cnnlessons.teaching import site

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def shown(**data):
    return new_output("execute_result", data={name.replace("_", "/"): text for name, text in data.items()})


@pytest.fixture(scope="module")
def pages():
    """The cells of a small lesson as the site shows them."""
    picture = shown(image_png=PIXEL, text_plain="<Figure>")
    picture.metadata = {"image/png": {"alt": "A black pixel,\nalone on its page."}}
    stepper = shown(text_plain="Stepper: 2×3 image, 1×2 kernel\nRun this cell to bring the panel to life.")
    pad = shown(text_plain="Digit pad: a drawing\nRun this cell to bring the panel to life.")
    result = shown(text_plain="passed", text_html="<b>passed</b>")
    result.data[site.RESULT] = {"score": 1}
    folded = {"tags": ["predict"], "jupyter": {"outputs_hidden": True}}
    cells = [
        new_markdown_cell(
            "# A [lesson](../data/README.md#Digits)", metadata={"cnnlessons": {"teacher": {"ask": "Why?"}}}
        ),
        new_code_cell("image = np.array([[1, 2, 3], [4, 5, 6]])\nkernel = np.array([[1, -1]])", metadata=folded),
        new_code_cell("draw()", outputs=[picture]),
        new_code_cell("panels.stepper(image, kernel)", metadata={"tags": ["panel"]}, outputs=[stepper]),
        new_code_cell("panels.digit_pad(network)", metadata={"tags": ["panel"]}, outputs=[pad]),
        new_code_cell("check()", outputs=[result]),
    ]
    return site.readable(new_notebook(cells=cells)).cells


def test_nothing_of_the_teacher_s_notes_is_left(pages):
    assert pages[0].metadata == {}


def test_a_link_to_a_file_outside_ends_at_the_site_s_page_of_it_or_is_plain_text(pages):
    assert pages[0].source == "# A [lesson](data.md#Digits)"
    assert site._with_links("[here](data.md), [there](evidence/README.md)") == "[here](data.md), there"


def test_what_is_folded_in_the_lesson_is_folded_here(pages):
    assert pages[1].metadata.tags == ["hide-output"]
    assert pages[2].metadata.tags == []


def test_a_picture_has_the_words_that_are_stored_with_it(pages):
    assert pages[2].metadata.mystnb == {"image": {"alt": "A black pixel, alone on its page."}}


def test_a_panel_answers_for_its_main_control_with_the_lesson_s_own_numbers(pages):
    panel = pages[3].outputs[0].data["text/html"]
    assert re.findall('data-words="(.+?)"', panel) == [f"{position} of 4" for position in (1, 2, 3, 4)]
    assert panel.count("4·1 + 5·(−1) = <b>−1</b>") == 1  # at the third position
    assert 'aria-valuetext="1 of 4"' in panel


def test_another_panel_says_that_it_needs_the_lesson(pages):
    said = pages[4].outputs[0].data["text/html"]
    assert "Digit pad: a drawing. This panel needs the lesson" in said
    assert "python3 course.py" in said


def test_a_result_keeps_its_card_alone(pages):
    assert set(pages[5].outputs[0].data) == {"text/plain", "text/html"}


@pytest.mark.parametrize("name", site.MAIN)
def test_a_panel_s_pages_differ_and_fit_the_lesson(name):
    panel = site.living(name, "what it shows")
    made = re.findall(r"<template[^>]*>(.*?)</template>", panel, re.DOTALL)
    assert 3 <= len(made) <= site.MOST
    assert len(set(made)) > len(made) / 2
    assert len(panel) < 300_000
    assert all(len(alt) > 20 for alt in re.findall('<img alt="(.*?)"', panel))


def test_every_picture_is_described_in_a_sentence_and_every_panel_has_words():
    for path in in_order():
        for cell in nbformat.read(path, as_version=4).cells:
            if any("image/png" in output.get("data", {}) for output in cell.get("outputs", ())):
                words = site.description(cell.outputs)
                assert len(words) > 20, path
                assert not re.search(r"\.(png|jpe?g|svg)\b", words), path
            if "panel" in cell.metadata.get("tags", ()):
                assert re.search(r"panels\.(\w+)\((.*)\)", cell.source), path


def test_the_first_page_lists_every_lesson_and_links_pages_of_the_site():
    notebooks = in_order()
    page = site.first_page((COURSE / "README.md").read_text(encoding="utf-8"), notebooks)
    listed = set(re.findall(r"(?m)^([\w/]+)$", page))
    assert {path.relative_to(LESSONS).with_suffix("").as_posix() for path in notebooks} <= listed
    linked = re.findall(r"\]\((?!https:)([^)]+)\)", page)
    assert linked
    assert all((LESSONS / link).is_file() for link in linked)


def test_the_first_page_links_the_lessons_that_run_in_the_browser_where_they_are_published():
    readme, lite = (COURSE / "README.md").read_text(encoding="utf-8"), 'href="lite/lab/index.html'
    assert lite in site.first_page(readme, in_order(), lite=True)
    assert lite not in site.first_page(readme, in_order())


def test_without_its_tools_the_command_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(site, "TOOLS", ("no_such_tool",))
    assert cli.main(["site", "--out", str(tmp_path)]) == 1
    assert re.search(r"no_such_tool is needed.* pip install [^.\[]*==.*sphinx==", capsys.readouterr().err)


@pytest.mark.parametrize("name", ["thesis.txt", "searchindex.js"])  # Sphinx makes the second one for everybody
def test_a_folder_with_other_things_stays_as_it_is(tmp_path, capsys, name):
    (tmp_path / name).write_text("all I have")
    assert cli.main(["site", "--out", str(tmp_path)]) == 1
    assert "something else than a site" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Two lessons, built twice: the folders."""
    for tool in site.TOOLS:
        pytest.importorskip(tool, reason=f'{tool} comes with the extra "site"')
    folders = [tmp_path_factory.mktemp("site") for _ in range(2)]
    lessons = [LESSONS / "02_shapes_and_channels.ipynb", LESSONS / "03_backprop_through_convolution.ipynb"]
    for folder in folders:
        site.build(folder, lessons)
    (folders[0] / "lite").mkdir()  # where hosting/lite.py puts its lessons
    (folders[0] / "old.html").write_text("a page of a lesson that is gone")
    site.build(folders[0], lessons)
    return folders


def test_building_again_leaves_the_lessons_of_the_browser_and_nothing_else_that_is_old(built):
    assert (built[0] / "lite").is_dir()
    assert not (built[0] / "old.html").exists()


def test_a_site_built_twice_is_the_same_byte_for_byte(built):
    first, second = ({p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()} for f in built)
    assert first == second


def test_a_page_asks_nobody_links_sections_and_describes_its_pictures(built):
    page = (built[0] / "03_backprop_through_convolution.html").read_text(encoding="utf-8")
    assert not re.search(r'<(?:script|link|img)[^>]+(?:src|href)="https?:', page)
    assert 'href="02_shapes_and_channels.html"' in page
    described = [html.unescape(alt) for alt in re.findall('<img alt="(.*?)"', page)]
    assert described
    assert all(len(alt) > 20 and "_images" not in alt for alt in described)


def test_formulas_are_drawn_by_the_browser_itself(built):
    page = (built[0] / "02_shapes_and_channels.html").read_text(encoding="utf-8")
    assert "<mfrac>" in page
    assert not re.search(r"(?i)<script[^>]+mathjax", page)


@pytest.mark.parametrize("up", ["", "../"])
def test_a_page_s_footer_has_the_licence_and_leads_to_that_of_the_photographs(tmp_path, up):
    page = tmp_path / "page.html"
    page.write_text("<main></main><footer>made</footer>", encoding="utf-8")
    site._mend(page, up)
    said = "© 2026 the cnnlessons authors. Text and pictures CC BY 4.0, code BSD-3-Clause. Photographs: "
    assert f'{said}licences and authors in <a href="{up}data.html">Data</a>.</p></footer>' in page.read_text("utf-8")


def test_every_page_has_the_licence(built):
    assert all("CC BY 4.0, code BSD-3-Clause" in page.read_text("utf-8") for page in built[0].rglob("*.html"))


def test_no_page_holds_a_teacher_s_note(built):
    notes = [
        cell.metadata["cnnlessons"]["teacher"]["ask"]
        for cell in nbformat.read(LESSONS / "02_shapes_and_channels.ipynb", as_version=4).cells
        if "teacher" in cell.metadata.get("cnnlessons", {})
    ]
    files = b"".join(path.read_bytes() for path in built[0].rglob("*") if path.is_file())
    assert notes
    assert [note for note in notes if note.encode() in files] == []
    assert not (built[0] / "_sources").exists()


def test_the_index_of_questions_is_among_the_pages():
    assert LESSONS / INDEX in in_order()
