"""The experiments "rates" and "first_layers": who is trained where, at which rate, on which images."""

import numpy as np
import pandas as pd
import pytest

from cnnlessons import experiments, stems, training
from cnnlessons.experiments import classification, first_layers


@pytest.fixture
def chosen(tmp_path, monkeypatch):
    """Rows of "rates" in which each contestant does best at another rate than the one before it."""
    rows, best = [], {}
    for setting in first_layers.tuning():
        place = (setting["dataset"], setting["per_class"], setting["setting"])
        best.setdefault(place, first_layers.RATES[len(best) % 3])
        for seed in first_layers.tuning_seeds(setting):
            rows.append(setting | {"seed": seed, "error": "", "accuracy": 0.7 + 0.1 * (setting["rate"] == best[place])})
    path = tmp_path / "rates.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    monkeypatch.setattr(first_layers, "RATES_FILE", path)
    first_layers.chosen_rates.cache_clear()
    yield best
    first_layers.chosen_rates.cache_clear()


def test_each_contestant_takes_the_best_of_its_rates_or_that_of_its_family(chosen):
    assert first_layers.chosen_rates() == chosen
    settings = first_layers.settings()
    tuned = {(place, name) for *place, name in map(list, chosen) for place in [tuple(place)]}
    families = {
        each["setting"]: each["rate"] or each["setting"] for each in first_layers.HEADLINE + first_layers.CONTROLS
    }
    for setting in settings:
        place = (setting["dataset"], min(setting["per_class"], 4500))
        assert (place, families[setting["setting"]]) in tuned
        assert setting["rate"] == chosen[(*place, families[setting["setting"]])]


def test_a_rate_is_chosen_only_once_every_seed_of_every_rate_is_there(chosen):
    rows = pd.read_csv(first_layers.RATES_FILE)
    rows.iloc[1:].to_csv(first_layers.RATES_FILE, index=False)
    first_layers.chosen_rates.cache_clear()
    assert len(first_layers.chosen_rates()) == len(chosen) - 1
    assert not any(
        setting["setting"] == rows.setting[0] and setting["dataset"] == rows.dataset[0] and setting["per_class"] == 25
        for setting in first_layers.settings()
    )


def test_every_planned_contestant_has_a_rate_in_the_end_and_runs_once(chosen):
    settings = pd.DataFrame(first_layers.settings())
    assert not settings.duplicated(["setting", "group", "dataset", "per_class"]).any()
    counts = settings.groupby(["group", "dataset", "per_class"]).size()
    assert counts["headline"].to_dict() == {
        **{place: len(first_layers.HEADLINE) for place in counts["headline"].index if place[1] != 5000},
        ("cifar10", 5000): 9,
    }
    assert (counts["longer"] == 9).all()
    assert counts[("controls", "mnist", 200)] == counts[("controls", "cifar10", 1000)] - 2
    assert set(settings[settings.group == "second body"].body) == {"residual"}


def test_rates_are_chosen_on_seeds_and_images_that_are_not_reported(chosen):
    settings = first_layers.tuning()
    assert not set(range(experiments.SEEDS)) & {s for each in settings for s in first_layers.tuning_seeds(each)}
    held = [classification.standardised("photo_patches", 20, 5, count, 100)[0] for count in (0, 10)]
    assert [len(data.train_images) for data in held] == [200, 200]
    assert [len(data.test_images) for data in held] == [50, 100]
    parts = [{image.tobytes() for image in np.round(part, 4)} for part in (held[1].train_images, held[1].test_images)]
    assert not parts[0] & parts[1]
    assert np.bincount(held[1].test_labels).tolist() == [10] * 10


def test_without_rates_the_experiment_says_how_to_choose_them(tmp_path, monkeypatch):
    monkeypatch.setattr(first_layers, "RATES_FILE", tmp_path / "none.csv")
    first_layers.chosen_rates.cache_clear()
    with pytest.raises(ValueError, match=r"rates of first_layers are not chosen yet; .*: cnnlessons experiment rates"):
        experiments.grid("first_layers")
    first_layers.chosen_rates.cache_clear()


def test_images_are_flipped_and_made_noisy_by_the_seed_alone():
    change = classification.changes(True, 0.5)
    images = np.random.default_rng(0).normal(size=(400, 4, 6, 1)).astype(np.float32)
    first, second = (change(images, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.dtype == np.float32
    turned = training.flipped(images, np.random.default_rng(3))
    whole = [np.array_equal(a, b) or np.array_equal(a, b[:, ::-1]) for a, b in zip(turned, images, strict=True)]
    assert all(whole)
    assert 140 < sum(np.array_equal(a, b) for a, b in zip(turned, images, strict=True)) < 260
    assert np.std(first - turned) == pytest.approx(0.5, rel=0.05)
    assert classification.changes(False, 0.0) is None


@pytest.mark.parametrize("change", [{}, {"frozen": True}, {"body": "dense"}, {"bank": "another seed"}])
def test_a_run_is_the_same_again_and_its_kernel_is_kept_for_others(chosen, tmp_path, monkeypatch, change):
    monkeypatch.setenv("CNNLESSONS_CACHE", str(tmp_path))
    name = "fixed another seed's" if "bank" in change else "Gabor start, Glorot"
    place = {"dataset": "photo_patches", "per_class": 25}
    first_layers_of = [each for each in first_layers.settings() if place.items() <= each.items()]
    quick = {"per_class": 6, "test_per_class": 5, "epochs": 3}
    monkeypatch.setattr(first_layers, "settings", lambda: [each | quick for each in first_layers_of])
    setting = next(each for each in first_layers.settings() if each["setting"] == name) | change
    found = first_layers.train_first_layer(**setting, seed=2)
    assert found == first_layers.train_first_layer(**setting, seed=2)
    assert (found["drift"] > 0) == ("bank" not in change)
    assert len(found["drift_by_epoch"].split()) == 3
    if change.get("frozen"):
        assert found["drift_by_epoch"].startswith("0.000 ")
    kept = sorted(path.name for path in tmp_path.glob("first_layer*"))
    assert kept == (["first_layer_photo_patches_6_3_1.npz"] if "bank" in change else [])
    assert {"accuracy", "noisy_accuracy", "train_accuracy", "parameters", "data"} <= set(found)


@pytest.mark.parametrize(
    ("length", "expected"), [("he", 2**0.5), ("glorot", (150 / 875) ** 0.5), ("small", 2**0.5 / 10)]
)
def test_trained_filters_start_as_long_as_they_are_said_to(length, expected):
    from cnnlessons import models

    for stem in (
        stems.learned(32, length=length),
        stems.learned(32, start="gabor", length=length),
        stems.edge_biased(32, length=length),
    ):
        kernel = stems.convolutions(models.classifier(stem, (8, 8, 3), 2))[0].get_weights()[0]
        assert np.sqrt(np.square(kernel).sum((0, 1, 2)).mean()) == pytest.approx(expected, rel=0.05)
    half = models.classifier(stems.split("gabor", 32, length=length), (8, 8, 3), 2).get_layer("stem_learned")
    scale = {"glorot": (875 / 475) ** 0.5}.get(length, 1)  # half as many filters, so a smaller fan
    norm = np.sqrt(np.square(half.get_weights()[0]).sum((0, 1, 2)).mean())
    assert norm == pytest.approx(expected * scale, rel=0.08)


def test_a_length_that_is_none_is_refused():
    from cnnlessons import models

    with pytest.raises(ValueError, match="length must be one of he, glorot, small, got 'tall'"):
        models.classifier(stems.learned(8, length="tall"), (8, 8, 3), 2)


def test_grey_banks_are_grey_and_random_colours_are_of_one_colour_a_filter():
    grey = stems.bank("grey gabor")
    assert np.allclose(grey, grey[:, :, :1])
    assert np.allclose(grey[..., :8], stems.bank("gabor")[..., :8])
    kernel = stems._kernel("random colours", 32, 5, 3, 0)
    for index in range(32):
        colours = np.linalg.svd(kernel[..., index].reshape(25, 3))
        assert colours[1][1] < 1e-6 * colours[1][0] == pytest.approx(1e-6)
        expected = stems._colours(3)[index % 3]
        assert abs(colours[2][0] @ expected) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("body", ["residual", "dense"])
def test_every_body_reads_and_gives_its_layers_names(body):
    from cnnlessons import models

    model = models.classifier(stems.learned(8), (16, 16, 3), 4, width=8, seed=1, body=body)
    assert model.output_shape == (None, 4)
    again = models.classifier(stems.learned(8), (16, 16, 3), 4, width=8, seed=1, body=body)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights(), strict=True))
    assert ("block1_add" in [layer.name for layer in model.layers]) == (body == "residual")
    with pytest.raises(ValueError, match="body must be one of plain, residual, dense, got 'deep'"):
        models.classifier(stems.learned(8), (16, 16, 3), 4, body="deep")
