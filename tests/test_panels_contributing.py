"""The panel of CONTRIBUTING.md: whoever writes down what it says has one."""

import re
from pathlib import Path

import pytest

CONTRIBUTING = Path(__file__).parents[1] / "CONTRIBUTING.md"


@pytest.fixture
def blur():
    section = CONTRIBUTING.read_text(encoding="utf-8").partition("\n## A panel\n")[2].partition("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    names = {"__name__": "blur_explorer"}
    exec(code, names)
    return names


def test_who_follows_what_contributing_says_of_a_panel_has_one(blur):
    panel = blur["blur_explorer"]()
    assert repr(panel).splitlines()[0] == "Blur explorer: chelsea, the mean of 3×3 pixels"
    assert panel.page.value == blur["page"](3, "chelsea")
    panel.size.value, panel.photograph.value = 15, "brick"
    assert panel.page.value == blur["page"](15, "brick") != blur["page"](1, "brick")
    panel.again.click()
    assert panel.values == (3, "chelsea")


@pytest.mark.parametrize("setting", [{"size": 0}, {"size": 16}, {"photograph": "nobody"}])
def test_it_refuses_what_its_controls_cannot_show(blur, setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        blur["blur_explorer"](**setting)
