"""The course as pages to read: every lesson with its stored results, and some panels that answer without Python.

Sphinx and myst-nb make the pages, which ask nobody for anything, so they can be read from a folder. No cell is run.
What a panel shows at each value of its main control is made when the site is built.
"""

import ast
import html
import importlib
import io
import re
import shutil
import tempfile
from pathlib import Path

from cnnlessons import panels
from cnnlessons.notebooks import COURSE, LESSONS, in_order
from cnnlessons.teaching import reports

HERE = Path(__file__).parent
MARK, LITE = ".made-by-cnnlessons", "lite"  # in the folder of a site
TOOLS = "sphinx", "myst_nb", "furo", "a11y_pygments", "latex2mathml"  # of the extra `site`
MAIN = {  # the control that a panel answers for
    "bakeoff_browser": "other",
    "columns_stepper": "position",
    "gradient_stepper": "position",
    "initialisation_explorer": "initializer",
    "shape_explorer": "stride",
    "sleeping_cue": "dose",
    "stem_explorer": "kernel_size",
    "stepper": "position",
}
LITE_LINK = (
    '<a href="lite/lab/index.html?path=00_start_here.ipynb">Run lessons 00 to 06, 08, 10 and 12 in this browser</a>, '
    "with nothing to install."
)
MOST = 50  # positions of a control
RESULT = "application/vnd.cnnlessons.result+json"  # for graders, beside its HTML
OPEN = "open the course with <code>python3 course.py</code>, go to this lesson and run this cell."
FOLDED = {"hide-output": "outputs_hidden", "hide-input": "source_hidden"}  # as myst-nb and JupyterLab call it
MENDED = {  # where those who do not see a page are told nothing
    "<th></th>": "<td></td>",
    '<th class="head"><p></p></th>': "<td></td>",
    '<div id="search-results">': '<h1>Search</h1><div id="search-results">',
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Lessons">',
}
SETTINGS = "from cnnlessons.teaching.site import CONFIGURATION\n\nglobals().update(CONFIGURATION)\n"
CONFIGURATION = {
    "project": "cnnlessons",
    "extensions": ["myst_nb", "cnnlessons.teaching.site"],
    "language": "en",
    "nb_execution_mode": "off",
    "nb_code_prompt_show": "Show {type}",
    "nb_code_prompt_hide": "Hide {type}",
    "myst_enable_extensions": ["dollarmath", "html_image"],
    "myst_heading_anchors": 6,
    "myst_heading_slug_func": "cnnlessons.notebooks.anchor",  # links name sections as JupyterLab does
    "html_theme": "furo",
    "html_title": "cnnlessons",
    "html_math_renderer": "mathml",
    "html_static_path": [
        str(HERE / "site.css"),
        str(HERE / "site.js"),
        str(Path(panels.__file__).with_name("panel.css")),
    ],
    "html_css_files": ["panel.css", "site.css"],
    "html_js_files": ["site.js"],
    "html_show_search_summary": False,  # a summary is fetched, which a browser refuses to pages from a folder
    "html_copy_source": False,  # the notebooks hold the teacher's notes
    "html_show_sourcelink": False,
    "html_show_copyright": False,
    "html_use_index": False,
    "pygments_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def build(folder, notebooks=None, lite=False) -> list[str]:
    """Write the site of the course, or of some notebooks, into a folder; return what Sphinx warned of.

    With `lite`, its first page links what ``hosting/lite.py`` writes into the folder lite beside it.
    """
    folder, said = Path(folder).expanduser(), io.StringIO()
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise ValueError(f"--out: {folder} holds something else than a site; name a new or an empty folder")
    for tool in TOOLS:
        importlib.import_module(tool)
    from sphinx.application import Sphinx
    from sphinx.util.console import nocolor

    nocolor()
    with tempfile.TemporaryDirectory() as place:
        source, out, trees = (Path(place, name) for name in ("source", "out", "trees"))
        write_source(source, in_order() if notebooks is None else notebooks, lite)
        Sphinx(source, source, out, trees, "html", status=None, warning=said).build()
        for page in out.rglob("*.html"):
            _mend(page, "../" * (len(page.relative_to(out).parts) - 1))
        (out / MARK).write_text("Made by: cnnlessons site\n", encoding="utf-8")
        for old in folder.iterdir() if folder.is_dir() else ():
            if old.name != LITE:
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        ignored = shutil.ignore_patterns("_sources", ".buildinfo", "objects.inv")
        shutil.copytree(out, folder, ignore=ignored, dirs_exist_ok=True)
    return said.getvalue().replace(f"{source}/", "").splitlines()


def _mend(page: Path, up: str = "") -> None:
    """Give a page the names that the theme forgot, for those who do not see it, and the licence; `up` leads to data."""
    text = page.read_text(encoding="utf-8")
    text = text.replace("</footer>", f"<p>{_licence(up)}</p></footer>", 1)
    for forgotten, whole in MENDED.items():
        text = text.replace(forgotten, whole)
    page.write_text(text, encoding="utf-8", newline="\n")


def _licence(up):
    data = f'<a href="{up}data.html">Data</a>'
    return f"{reports.LICENCE} {reports.PHOTOGRAPHS.format(data)}"


def setup(app):
    """Give Sphinx formulas that a browser draws by itself."""
    app.add_html_math_renderer("mathml", (_formula("inline"), None), (_formula("block"), None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _formula(display):
    def visit(translator, node):
        from docutils.nodes import SkipNode
        from latex2mathml.converter import convert

        translator.body.append(convert(node.astext(), display=display))
        raise SkipNode

    return visit


# --------------------------------------------------------------------------- what Sphinx is given


def write_source(folder: Path, notebooks, lite=False) -> None:
    """Write the pages from which Sphinx makes the site: of each notebook what readers see, the data, the first page."""
    import nbformat

    for path in notebooks:
        place = folder / path.relative_to(LESSONS)
        place.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(readable(nbformat.read(path, as_version=4)), place)
    shutil.copytree(LESSONS / "map", folder / "map")
    (folder / "conf.py").write_text(SETTINGS, encoding="utf-8")
    data, readme = ((COURSE / name).read_text(encoding="utf-8") for name in ("data/README.md", "README.md"))
    (folder / "data.md").write_text(_with_links(data), encoding="utf-8")
    (folder / "index.md").write_text(first_page(readme, notebooks, lite), encoding="utf-8")


def readable(notebook):
    """What a reader sees of a notebook, in the words of myst-nb: no notes, pictures described, panels that answer."""
    code = ""
    for cell in notebook.cells:
        known, cell.metadata = cell.metadata, type(cell.metadata)()
        if cell.cell_type == "markdown":
            cell.source = _with_links(cell.source)
        elif cell.cell_type == "code":
            folded = known.get("jupyter", {})
            cell.metadata.tags = [tag for tag, key in FOLDED.items() if folded.get(key)]
            for output in cell.outputs:
                output.get("data", {}).pop(RESULT, None)
            if words := description(cell.outputs):
                cell.metadata.mystnb = {"image": {"alt": words}}
            if "panel" in known.get("tags", ()):
                _put_panel(cell, code)
            code += cell.source + "\n"
    return notebook


def description(outputs) -> str:
    """What the picture among a cell's outputs shows, in words."""
    found = [output.get("metadata", {}).get("image/png", {}).get("alt", "") for output in outputs]
    return " ".join(" ".join(found).split())


def _with_links(text):
    """Have the links of a text end at pages of the site."""
    text = text.replace("](../data/README.md", "](data.md")
    return re.sub(r"\[([^\]]+)\]\((?!data\.md)[^):]+\.md\)", r"\1", text)


def first_page(readme: str, notebooks, lite=False) -> str:
    """The first page: what the course is, how to open it, and its lessons."""
    readme = readme.replace("](notebooks/", "](")
    said = readme.partition("\n![")[0].rstrip()
    begin = readme[readme.index("## Two commands") : readme.index("| other ways")].rstrip()
    table = re.search(r"## The lessons\n\n(?:\|.*\n)+", readme)[0]
    names = [path.relative_to(LESSONS).with_suffix("").as_posix() for path in notebooks]
    groups = {
        "Lessons": [name for name in names if re.match(r"\d", name)],
        "Deeper": [name for name in names if name.startswith("deeper/")],
        "Questions": [name for name in names if name.startswith("index")],
        "Data": ["data"],
    }
    trees = [
        "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"])
        for caption, pages in groups.items()
        if pages
    ]
    return "\n\n".join([said, *([LITE_LINK] if lite else []), table, begin, *trees]) + "\n"


# --------------------------------------------------------------------------- panels


def _put_panel(cell, above):
    """Put what the site can show of a panel in the place of the words that its cell has stored."""
    name, given = re.search(r"panels\.(\w+)\((.*)\)", cell.source).groups()
    for output in cell.outputs:
        if "text/plain" in output.get("data", {}):
            words = output.data["text/plain"].partition("\n")[0]
            output.data = {"text/html": living(name, words, *_arrays(given, above)) if name in MAIN else still(words)}


def _arrays(given, above):
    """The arrays that a call is given, by the names under which the code above it has written them down."""
    written = [re.findall(rf"(?m)^{name} = np\.array\((\[.*\])\)$", above)[-1] for name in re.findall(r"\w+", given)]
    return [ast.literal_eval(numbers) for numbers in written]


def still(words: str) -> str:
    """The HTML in the place of a panel, which `words` describe, that does not answer here."""
    return f'<p class="cnnlessons-still">{html.escape(words)}. This panel needs the lesson: {OPEN}</p>'


def living(name: str, words: str, *arguments) -> str:
    """The HTML of a panel, which `words` describe, that answers for its main control."""
    label, pages, chosen = positions(getattr(panels, name)(*arguments), MAIN[name])
    label, words, said = (html.escape(text) for text in (label, words, pages[chosen][0]))
    templates = "".join(f'<template data-words="{html.escape(said)}">{page}</template>' for said, page in pages)
    return (
        f'<div class="cnnlessons-panel cnnlessons-{name.replace("_", "-")} cnnlessons-answers" role="group" '
        f'aria-label="{words}"><label>{label} <input type="range" min="0" max="{len(pages) - 1}" value="{chosen}" '
        f'aria-valuetext="{said}"><output>{said}</output></label>'
        f'<div class="cnnlessons-page">{pages[chosen][1]}</div>{templates}</div>'
        f'<p class="cnnlessons-still">Here the panel answers for <b>{label}</b>. For the other controls {OPEN}</p>'
    )


def positions(panel, control: str):
    """Move a control of a panel over all its values: its label, (value, HTML) of each, the place of the present."""
    widget, pages = getattr(panel, control), []
    slides = hasattr(widget, "max")
    moved = "value" if slides else "index"  # of a choice
    values = range(widget.min, widget.max + 1) if slides else range(len(widget.options))
    now = values.index(getattr(widget, moved))
    if len(values) > MOST:
        raise ValueError(f"control: {control} has {len(values)} values; at most {MOST} fit a page")
    for value in values:
        setattr(widget, moved, value)
        count = f"{value + 1} of {len(values)}"  # as the panel's own page counts where the slider has no number
        said = widget.label if not slides else str(value) if widget.readout else count
        pages.append((said, panel.page.value))
    return widget.description, pages, now
