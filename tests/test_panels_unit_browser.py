"""Unit browser: what it shows of a unit is what the functions of lesson 12 find, at every extreme."""

import base64
import io
import re
from importlib import import_module
from itertools import product

import numpy as np
import pytest
from PIL import Image

from cnnlessons import datasets, introspection, panels, recorded
from cnnlessons.introspection import Unit

browser = import_module("cnnlessons.panels.unit_browser")  # the package's attribute is the function
Setting = browser.Setting


def pictures(page):
    found = re.findall(r"data:image/png;base64,([^\"]+)", page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


# --------------------------------------------------------------------------- numbers


def test_the_patches_and_the_made_picture_are_those_of_the_plain_calls():
    setting = Setting("digits", "batchnorm_5", 7)
    found, (images, classes) = browser.find(setting), browser.images_of("digits")
    net = recorded.trained_network("digits")
    best = introspection.top_patches(net, Unit("batchnorm_5", 7), images)
    np.testing.assert_array_equal(found.patches, best.cut(images))
    assert found.labels == [classes[i] for i in best.indices]
    assert found.excited > best.values[0]
    _, made = browser.excites(setting._replace(photograph=""))
    assert np.sqrt(((made.images - images.mean()) ** 2).mean()) == pytest.approx(images.std())
    top, left, height, width = introspection.window(net, "batchnorm_5", (2, 2))
    np.testing.assert_array_equal(found.made, made.images[0, top : top + height, left : left + width])


def test_the_map_is_what_the_layer_makes_of_the_photograph():
    setting = Setting("photo_patches", "batchnorm_5", 3, "coffee")
    photo = datasets.photograph("coffee", size=32)
    net = recorded.trained_network("photo_patches")
    expected = introspection.activations(net, photo[None], ["batchnorm_5"])["batchnorm_5"][0, :, :, 3]
    np.testing.assert_allclose(browser.map_of(setting, photo), expected, atol=1e-5)
    assert browser.find(setting).map.shape == (browser.SIDE // 2,) * 2


def test_the_twin_is_the_same_network_with_other_weights():
    trained, twin = (browser.network_of("digits", which) for which in (False, True))
    assert [type(layer) for layer in trained.layers] == [type(layer) for layer in twin.layers]
    assert abs(trained.layers[0].kernel - twin.layers[0].kernel).max() > 0.1
    patches = [browser.find(Setting("digits", "batchnorm_9", 2, twin=which)).patches for which in (False, True)]
    assert not np.array_equal(*patches)


def test_the_verdict_counts_the_commonest_class():
    found = browser.find(Setting("digits"))._replace(labels=list("333311227"), values=np.full(9, 2.0), excited=5.0)
    assert browser.verdict(found).startswith("4 of the 9 are of one class, 3.")
    assert "2.5 times" in browser.verdict(found)


@pytest.mark.parametrize(("network", "layer"), list(product(browser.NETWORKS.values(), browser.LAYERS.values())))
def test_every_extreme_gives_a_page(network, layer):
    filters = recorded.trained_network(network).output_shapes[int(layer.split("_")[1])][2]
    for unit, twin in ((0, False), (filters - 1, True)):
        setting = Setting(network, layer, unit, twin=twin)
        page = browser.page(setting, browser.find(setting), datasets.photograph("chelsea", size=browser.SIDE))
        assert len(pictures(page)) == 12
        assert not re.search(r"\bnan\b|\binf\b", re.sub('base64,[^"]+', "", page))


# --------------------------------------------------------------------------- panel


def test_every_control_redraws_the_page():
    panel = panels.unit_browser("digits")
    for name, value in {
        "unit": 5,
        "layer": "batchnorm_9",
        "twin": True,
        "photograph": "coffee",
        "network": "lines",
    }.items():
        before = panel.page.value
        getattr(panel, name).value = value
        assert panel.page.value != before, name
    setting = Setting("lines", "batchnorm_9", 5, "coffee", True)
    photo = datasets.photograph("coffee", size=browser.SIDE)
    assert panel.page.value == browser.page(setting, browser.find(setting), photo)
    assert repr(panel) == "Unit browser: unit 5 of batchnorm_9, lines, untrained, on photograph coffee"


def test_the_next_unit_after_the_last_is_the_first():
    panel = panels.unit_browser("lines", "batchnorm_1", 7)
    assert panel.unit.max == 7
    panel.next.click()
    assert panel.unit.value == 0
    panel.layer.value = "batchnorm_9"
    assert panel.unit.max == 31
    panel.unit.value = 31
    panel.layer.value = "batchnorm_1"
    assert panel.unit.value == 7
    panel.again.click()
    assert panel.values == ("lines", "batchnorm_1", 7, "chelsea", False)


def test_a_photograph_of_the_readers_own_is_looked_at(tmp_path):
    pixels = np.random.default_rng(0).integers(256, size=(120, 140, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    panel = panels.unit_browser("digits", photo=tmp_path / "mine.png")
    assert panel.photograph.value == browser.OWN
    shown = pictures(panel.page.value)[10]
    np.testing.assert_array_equal(shown, np.rint(255 * datasets.photograph(tmp_path / "mine.png", size=browser.SIDE)))
    before = panel.page.value
    panel.photograph.value = "moon"
    assert panel.page.value != before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"network": "mnist"}, "network must be one of photo_patches, digits, lines, got 'mnist'"),
        ({"layer": "relu_2"}, "layer must be one of batchnorm_1, batchnorm_5, batchnorm_9, got 'relu_2'"),
        ({"network": "lines", "layer": "batchnorm_1", "unit": 8}, "unit must be from 0 to 7, got 8"),
        ({"photo": "lena"}, "there is no photograph named 'lena'"),
        ({"photo": "mine.png"}, "'mine.png' is not there"),
        ({"twin": "yes"}, "twin must be True or False, got 'yes'"),
    ],
)
def test_what_the_browser_cannot_show_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        panels.unit_browser(**arguments)
