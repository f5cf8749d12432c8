"""Experiments whose contestants have rates of their own: who is trained where, at which rate, on which images."""

import inspect
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cnnlessons import cli, experiments, stems, training
from cnnlessons.experiments import catalogue, classification, first_layers, kept, tuning


def rows_of(name):
    """Rows on which the rates of an experiment are chosen: each contestant does best at another rate than the last."""
    best, rates = {}, [*tuning.RATES, tuning.HIGHER]
    for setting in experiments.experiment(name).tried():
        best.setdefault(place_of(setting), rates[len(best) % 4])
    settings = [each for each in experiments.experiment(name).tried() if each["rate"] in tuning.RATES]
    settings += [
        setting | {"rate": tuning.HIGHER}
        for setting in settings
        if setting["rate"] == tuning.RATES[-1] <= best[place_of(setting)]
    ]
    rows = [
        setting | {"seed": seed, "error": "", "accuracy": 0.8 - abs(setting["rate"] - best[place_of(setting)])}
        for setting in settings
        for seed in tuning.seeds(setting)
    ]
    tuning.read_anew()
    return pd.DataFrame(rows), best


def place_of(setting):
    return setting["dataset"], setting["per_class"], setting["setting"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder in the place of data/evidence."""
    monkeypatch.setattr(tuning, "EVIDENCE", tmp_path)
    tuning.read_anew()
    yield tmp_path
    tuning.read_anew()


@pytest.fixture(params=["first_layers", "long", "blocks"])
def name(request):
    return request.param


@pytest.fixture
def chosen(folder):
    """The best rates of "first_layers", whose rows are there."""
    rows, best = rows_of("first_layers")
    rows.to_csv(tuning.file("first_layers"), index=False)
    return best


def test_each_contestant_takes_the_best_of_its_rates_or_that_of_its_family(name, folder):
    rows, best = rows_of(name)
    rows.to_csv(tuning.file(name), index=False)
    assert tuning.chosen(tuning.file(name)) == best
    planned = first_layers.HEADLINE + first_layers.CONTROLS if name == "first_layers" else []
    families = {each["setting"]: each["rate"] or each["setting"] for each in planned}
    settings = experiments.grid(name)
    assert len({setting["setting"] for setting in settings}) >= 7
    for setting in settings:
        family = families.get(setting["setting"], setting["setting"])
        assert setting["rate"] == best[(setting["dataset"], min(setting["per_class"], 4500), family)]


def test_a_rate_is_chosen_only_once_every_seed_of_every_rate_is_there(name, folder):
    rows, best = rows_of(name)
    rows.iloc[1:].to_csv(tuning.file(name), index=False)
    assert len(tuning.chosen(tuning.file(name))) == len(best) - 1
    first = rows.iloc[0]
    assert not any(
        (each["setting"], each["dataset"]) == (first.setting, first.dataset)
        and min(each["per_class"], 4500) == first.per_class
        for each in experiments.grid(name)
    )


def test_where_the_highest_rate_does_best_a_higher_one_is_tried_before_any_is_chosen(name, folder):
    rows, best = rows_of(name)
    rows[rows.rate != tuning.HIGHER].to_csv(tuning.file(name), index=False)
    lacking = {place for place, rate in best.items() if rate >= tuning.RATES[-1]}
    assert lacking
    assert tuning.chosen(tuning.file(name)).keys() == best.keys() - lacking
    tried = [place_of(setting) for setting in experiments.experiment(name).tried() if setting["rate"] == tuning.HIGHER]
    assert set(tried) == lacking
    assert len(tried) == len(lacking)


def test_the_names_of_a_setting_are_the_arguments_of_its_function(name, folder):
    rows, _ = rows_of(name)
    rows.to_csv(tuning.file(name), index=False)
    known = experiments.experiment(name)
    functions = known.function, classification.InThirds
    arguments = {name for function in functions for name in inspect.signature(function).parameters}
    arguments = {argument for argument in arguments if argument not in ("seed", "run")}
    assert all(set(setting) == arguments for setting in known.settings + known.tried())


def test_the_page_about_the_evidence_says_how_many_trainings_each_experiment_takes(folder, told_of_experiments):
    for name, known in experiments.EXPERIMENTS.items():
        counts = []
        if known.tried:
            rows_of(name)[0].to_csv(tuning.file(name), index=False)
            tuning.read_anew()
            tried = [setting for setting in known.tried() if setting["rate"] in tuning.RATES]
            counts = [sum(map(len, map(tuning.seeds, tried)))]
        counts.insert(0, sum(len(known.seeds_of(setting)) for setting in known.settings))
        assert told_of_experiments[name][0] == " + ".join(f"{count:,}" for count in counts)


def test_every_planned_contestant_has_a_rate_in_the_end_and_runs_once(chosen):
    settings = pd.DataFrame(first_layers.settings())
    assert not settings.duplicated(["setting", "group", "dataset", "per_class"]).any()
    counts = settings.groupby(["group", "dataset", "per_class"]).size()
    assert (counts["headline"] == len(first_layers.HEADLINE)).all()
    assert (counts[["longer", "all images", "all images, longer", "second body"]] == 9).all()
    assert {place[1] for place in counts["all images"].index} == {5000}
    assert counts[("controls", "mnist", 200)] == counts[("controls", "cifar10", 1000)] - 2
    assert set(settings[settings.group == "second body"].body) == {"residual"}


def test_rates_are_chosen_on_seeds_and_images_that_are_not_reported(name):
    known = experiments.experiment(name)
    reported = {seed for setting in known.settings for seed in known.seeds_of(setting)}
    assert not reported & {seed for setting in known.tried() for seed in tuning.seeds(setting)}
    assert all(setting["validation"] >= 50 for setting in known.tried())


def test_there_are_seeds_enough_to_resolve_one_difference_of_a_table(name, folder):
    """All seeds agree in 2 of 2ⁿ flips of signs; by Holm's rule that counts as often as there are comparisons."""
    rows_of(name)[0].to_csv(tuning.file(name), index=False)
    known, tables = experiments.experiment(name), {}
    for setting in known.settings:
        place = tuple(setting[column] for column in ("group", "dataset", "per_class", "epochs"))
        tables.setdefault(place, []).append(len(known.seeds_of(setting)))
    smallest = {place: 2 / 2 ** min(seeds) * (len(seeds) - 1) for place, seeds in tables.items()}
    assert {place: p for place, p in smallest.items() if p > 0.05} == {}


def test_images_held_out_are_others_of_the_training_part():
    held = [classification.standardised("photo_patches", 20, 5, count, 100)[0] for count in (0, 10)]
    assert [len(data.train_images) for data in held] == [200, 200]
    assert [len(data.test_images) for data in held] == [50, 100]
    parts = [{image.tobytes() for image in np.round(part, 4)} for part in (held[1].train_images, held[1].test_images)]
    assert not parts[0] & parts[1]
    assert np.bincount(held[1].test_labels).tolist() == [10] * 10


def test_without_rates_the_experiment_says_how_to_choose_them(name, folder):
    with pytest.raises(ValueError, match=rf"rates of {name} are not chosen yet; .*: {catalogue.COMMAND} {name}"):
        experiments.grid(name)


def test_the_command_chooses_the_rates_first_and_then_makes_the_runs(folder, monkeypatch, capsys):
    setting = {"setting": "one", "dataset": "x", "per_class": 3, "test_per_class": 2, "validation": 0, "group": "all"}

    def listed():
        return tuning.with_rates([setting], "stems", lambda each: each["setting"])

    made = experiments.Experiment(accuracy_of, listed, lambda each: range(2), lambda: tuning.tried([setting], "stems"))
    monkeypatch.setitem(experiments.EXPERIMENTS, "stems", made)
    assert cli.main(["experiment", "stems", "--jobs", "1"]) == 0
    assert f"2 runs in {folder / 'stems.csv'}" in capsys.readouterr().out
    assert set(experiments.read("stems").rate) == {0.03}
    assert len(pd.read_csv(tuning.file("stems"))) == 12


def accuracy_of(*, setting, dataset, per_class, test_per_class, validation, group, rate, seed):
    return {"accuracy": 0.5 + rate + 0.001 * seed}


@pytest.mark.parametrize(
    ("name", "contestant"), [("blocks", "ReLU between, no shortcut"), ("long", "3×3 twice, linear")]
)
def test_a_run_of_the_other_experiments_is_the_same_again(folder, name, contestant):
    known = experiments.experiment(name)
    setting = next(each for each in known.tried() if each["setting"] == contestant)
    quick = {"dataset": "photo_patches", "per_class": 5, "validation": 2, "test_per_class": 1, "epochs": 3}
    found = known.function(**setting | quick, seed=1)
    assert found == known.function(**setting | quick, seed=1)
    assert {"accuracy", "noisy_accuracy", "train_accuracy", "data"} <= set(found)


def test_the_training_images_that_are_measured_are_of_all_classes_also_where_these_take_turns():
    labels = np.arange(50_000) % 10
    images = np.zeros((len(labels), 1))
    data = SimpleNamespace(train_images=images, train_labels=labels, test_images=images[:10], test_labels=labels[:10])
    for digit in range(10):
        model = SimpleNamespace(predict=lambda images, digit=digit, **_: np.eye(10)[[digit] * len(images)])
        assert classification.measured(model, data, 0)["train_accuracy"] == pytest.approx(0.1, abs=0.03)


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


@pytest.mark.usefixtures("step_by_step")
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
    written = sorted(path.name for path in tmp_path.glob("*.npz"))
    assert written == (["first_layer_photo_patches_6_3_0.001_1.npz"] if "bank" in change else [])
    assert {"accuracy", "noisy_accuracy", "train_accuracy", "parameters", "data"} <= set(found)


def test_a_write_that_breaks_off_leaves_nothing_behind(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("CNNLESSONS_CACHE", str(tmp_path))
    kept.write("key", {"a": np.arange(3)})

    def savez(file, **arrays):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", savez)
    kept.write("key", {"a": np.arange(4)})
    assert [path.name for path in kept.folder().iterdir()] == ["key.npz"]
    with np.load(kept.file("key")) as file:
        np.testing.assert_array_equal(file["a"], [0, 1, 2])
    assert "could not be kept" in capsys.readouterr().out


CACHES = [  # on which system, if not on all, with which variables, where
    ("linux", {}, "~/.cache/cnnlessons"),
    ("linux", {"XDG_CACHE_HOME": os.path.expanduser("~/elsewhere")}, "~/elsewhere/cnnlessons"),
    ("darwin", {}, "~/Library/Caches/cnnlessons"),
    ("win32", {}, "~/AppData/Local/cnnlessons"),
    (sys.platform, {"CNNLESSONS_CACHE": "~/mine"}, "~/mine"),
]


@pytest.mark.parametrize(("variables", "expected"), [case[1:] for case in CACHES if case[0] == sys.platform])
def test_the_cache_lies_where_the_system_keeps_such_files(monkeypatch, variables, expected):
    for name in ("CNNLESSONS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert kept.folder() == Path(expected).expanduser()


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


def test_what_a_residual_network_leaves_out_is_left_out():
    from cnnlessons import models

    images = np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype(np.float32)
    networks = {
        (relu, shortcut): models.residual_network((16, 16, 3), 4, 8, relu=relu, shortcut=shortcut, seed=1)
        for relu in models.RELUS
        for shortcut in (True, False)
    }
    weights = {key: network.get_weights() for key, network in networks.items()}
    for (relu, shortcut), network in networks.items():
        assert all(
            np.array_equal(a, b) for a, b in zip(weights[relu, shortcut], weights["everywhere", True], strict=True)
        )
        names = [layer.name for layer in network.layers]
        assert sum("relu" in name for name in names) == {"everywhere": 9, "between": 5, "after": 5, "stem": 1}.get(
            relu, 0
        )
        assert sum("add" in name for name in names) == 4 * shortcut
        one, two, both = (network.predict_on_batch(each) for each in (images[:1], images[1:], images.sum(0)[None]))
        zero = network.predict_on_batch(np.zeros_like(images[:1]))
        assert np.allclose(one + two - zero, both, atol=1e-4) == (relu == "nowhere")
    with pytest.raises(ValueError, match=r"relu must be one of everywhere, .*, got 'here'"):
        models.residual_network((16, 16, 3), 4, relu="here")


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
