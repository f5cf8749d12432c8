"""The page of report: what the verdict says, what the exam counts, what the rubric misses, and what the page holds."""

import re

import numpy as np
import pytest

from cnnlessons import datasets, plots, report
from cnnlessons.experiments import interval

LONG = "Tomorrow I take the frozen network, for it costs the least, and I am fairly sure that it reads most of them."
DOUBT = "All scraps come from one photograph each, so another wall may look different to it."


def page(**changed):
    """Return a report to which nothing is missing, but for what is changed."""
    labels = np.repeat([0, 1, 2], 20)
    exam = report.Exam(np.zeros((60, 4, 4, 1)), labels)
    exam.sit(lambda images: np.eye(3)[labels])
    tries = {"one": [50, 52, 51, 55, 49, 50], "other": [48, 53, 50, 51, 52, 49]}
    given = {
        "title": "A <b> & c",
        "question": "Can it tell these three apart?",
        "conclusion": LONG,
        "doubt": DOUBT,
        "data": "60 images",
        "chosen": "one",
        "verdicts": [report.verdict(tries, "one", "other")],
        "exam": exam,
        "chance": 1 / 3,
        "agreement": {"another seed": 0.6, "never trained": 0.1},
        "attack": {"epsilon": 4 / 255, "noise": 0.9, "attack": 0.2},
        "figures": {"Bars": (plots.bars({"a": 1.0, "b": 2.0}, "pieces"), "Two bars.")},
    }
    return report.Report(**given | changed)


def missing(made):
    return [each.name for each in made.rubric() if not each.met]


# --------------------------------------------------------------------------- the verdict


def test_a_verdict_names_a_way_only_if_the_interval_leaves_out_0():
    tries = {"a": [60, 62, 61, 63, 64, 60], "b": [50, 51, 50, 54, 52, 50], "c": [61, 60, 60, 66, 62, 61]}
    assert report.verdict(tries, "a", "b").better == "a"
    assert report.verdict(tries, "b", "a").better == "a"
    assert report.verdict(tries, "a", "c").better is None
    assert "cannot be told apart" in str(report.verdict(tries, "a", "c"))


@pytest.mark.parametrize(
    ("tries", "said"),
    [
        ({"a": [0.9, 0.8], "b": [0.7, 0.6]}, "in points, 0 to 100, got shares, none above 0.9; multiply them by 100"),
        ({"a": [90, 80, 85], "b": [70, 60]}, r"pairs, .* got shapes \(3,\) for 'a' and \(2,\) for 'b'; leave out"),
        ({"a": [90, 80]}, "way must be one of a, got 'b'"),
        ({"a": [], "b": []}, "values must have one axis, a number for each seed"),
    ],
)
def test_tries_that_are_no_pairs_of_points_are_told(tries, said):
    with pytest.raises(ValueError, match=said):
        report.verdict(tries, "a", "b")


def test_a_claim_names_a_way_that_was_shown_to_be_ahead():
    shown = report.verdict({"thawed": [60, 62, 61, 63, 64, 60], "frozen": [50, 51, 50, 54, 52, 50]}, "thawed", "frozen")
    claim = "no claim beyond the intervals"
    assert claim not in missing(page(verdicts=[shown], conclusion=LONG + " Thawed is better than frozen."))
    assert claim in missing(page(verdicts=[shown], conclusion=LONG + " From scratch is better than two layers."))


ADAM = report.verdict({"Adam": [60, 62, 61, 63, 64, 60], "SGD": [50, 51, 50, 54, 52, 50]}, "Adam", "SGD")
TIED = report.verdict({"Adam": [60, 62, 61, 63, 64, 60], "RMS": [61, 60, 60, 66, 62, 61]}, "Adam", "RMS")


@pytest.mark.parametrize(
    ("said", "founded"),
    [
        ("Adam is clearly better than SGD.", True),
        ("SGD is clearly better than Adam, which I would not take.", False),
        ("I looked at Adam. SGD is the best.", False),
        ("SGD is worse than Adam.", True),
        ("Adam is worse than SGD.", False),
        ("SGD is not better than Adam.", True),
        ("Adam isn't better than SGD.", False),
        ("SGD beats Adam.", False),
        ("ADAM beats SGD.", True),
        ("Compared with Adam, SGD is better.", False),
        ("Adam, not SGD, is better.", True),
        ("SGD, not Adam, is better.", False),
        ("The best of the two is Adam.", True),
        ("It is better than Adam.", False),
        ("With Adam it reads better.", True),
        ("Adam is better than RMS.", False),
        ("Adam is better than SGD. RMS is better, too.", False),
    ],
)
def test_the_way_before_a_claim_is_the_one_that_is_shown_to_be_ahead(said, founded):
    made = page(verdicts=[ADAM, TIED], conclusion=f"{LONG} {said}")
    assert missing(made) == [] if founded else ["no claim beyond the intervals"]


def test_the_smallest_class_is_one_that_the_exam_holds():
    exam = report.Exam(np.zeros((40, 4, 4, 1)), np.repeat([1, 2], 20))
    assert "10 exam images or more of each class" not in missing(page(exam=exam))


def test_more_tries_with_the_same_images_never_make_the_interval_shorter_than_the_images_allow():
    rng = np.random.default_rng(0)
    lengths = [np.ptp(interval(rng.normal(size=count), redrawn=1 / 3)[1:]) for count in (10, 100, 10_000)]
    assert min(lengths) > 2 * 1.96 * np.sqrt(1 / 3) * 0.7
    values = rng.normal(size=6)
    mean, low, high = interval(values, redrawn=1 / 3)
    assert (high - low) / np.ptp(interval(values)[1:]) == pytest.approx(np.sqrt(1 + 6 / 3))
    assert mean == pytest.approx(values.mean())


# --------------------------------------------------------------------------- the exam


def test_the_exam_counts_different_answers_and_not_how_often_a_cell_runs():
    labels = np.array([0, 1, 1, 0])
    exam = report.Exam(np.zeros((4, 2, 2, 1)), labels)
    with pytest.raises(RuntimeError, match=r"nobody has sat the exam yet; call sit"):
        _ = exam.result
    for _ in range(3):
        exam.sit(lambda images: np.eye(2)[[0, 1, 0, 0]])
    assert exam.sittings == 1
    assert str(exam).startswith("3 of 4 right: 75%")
    exam.sit(lambda images: np.eye(2)[[0, 1, 1, 0]])
    assert exam.sittings == 2


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.arange(5)[:, None], r"labels must be 5 whole numbers.*\(5, 1\); use labels\[:, 0\]"),
        (np.eye(5), r"from one-hot rows use labels.argmax\(axis=1\)"),
        (np.arange(4), r"labels must be 5 whole numbers, one an image, got int64 of shape \(4,\)"),
        (np.arange(5.0), r"use labels.astype\(int\)"),
        (np.arange(5) - 1, "labels must be 0 or more, got -1 to 3"),
    ],
)
def test_labels_that_are_not_one_an_image_are_refused_before_the_exam(labels, words):
    with pytest.raises(ValueError, match=words):
        report.Exam(np.zeros((5, 2, 2, 1)), labels)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda images: np.eye(5)[:3], r"a row of logits for each of the 5 images, got \(3, 5\)"),
        (lambda images: np.arange(5.0), r"logits must have 2 axes, \(N, K\), got 1"),
        (lambda images: np.full((5, 5), np.nan), "logits must be finite"),
        (lambda images: np.eye(5)[:, :3], "since the network has 3 outputs, got 0 to 4"),
        (lambda images: [][0], "list index out of range"),
    ],
)
def test_an_exam_at_which_nothing_was_handed_in_has_not_been_sat(answer, words):
    exam = report.Exam(np.zeros((5, 2, 2, 1)), np.arange(5))
    with pytest.raises((ValueError, IndexError), match=words):
        exam.sit(answer)
    assert (exam.sittings, exam.right) == (0, None)
    exam.sit(lambda images: np.eye(5))
    assert (exam.sittings, str(exam)[:14]) == (1, "5 of 5 right: ")


# --------------------------------------------------------------------------- the rubric


def test_nothing_is_missing_to_a_whole_report_and_it_says_so(capsys):
    page().check()
    assert missing(page()) == []
    assert capsys.readouterr().out.startswith("12 of 12 met\n  ✓ your question")


def sat_twice():
    made = page()
    made.exam.sit(lambda images: np.eye(3)[np.zeros(60, int)])
    made.exam.sit(lambda images: np.eye(3)[made.exam.labels])
    return made


def small_exam():
    labels = np.array([0, 1, 0, 1])
    exam = report.Exam(np.zeros((4, 4, 4, 1)), labels)
    exam.sit(lambda images: np.eye(2)[labels])
    return page(exam=exam, chance=0.5)


FEW = report.verdict({"a": [60, 62], "b": [50, 51]}, "a", "b")
MADE = {
    "your question": lambda: page(question="Which?"),
    "your conclusion": lambda: page(conclusion="It works."),
    "your doubt": lambda: page(doubt=""),
    "no claim beyond the intervals": lambda: page(conclusion=LONG + " The frozen one is BETTER."),
    "6 tries or more in each comparison": lambda: page(verdicts=[FEW]),
    "an interval for each comparison": lambda: page(
        verdicts=[report.verdict({"a": [60], "b": [50]}, "a", "b")._replace(
            interval=report.experiments.intervals.Interval(10, -np.inf, np.inf), differences=np.ones(6))]
    ),
    "an exam that was sat once": sat_twice,
    "10 exam images or more of each class": small_exam,
    "better than guessing": lambda: page(chance=0.99),
    "maps beside their controls": lambda: page(agreement={"another seed": 0.5}),
    "an attack beside noise": lambda: page(attack={"epsilon": 0.1, "attack": 0.2}),
    "words for every picture": lambda: page(figures={"Bars": (plots.bars({"a": 1.0}, "pieces"), "")}),
}  # fmt: skip


def test_where_nothing_is_concluded_no_claim_is_kept_within_the_intervals():
    assert missing(page(conclusion=" ")) == ["your conclusion", "no claim beyond the intervals"]


def test_a_page_without_an_exam_or_controls_is_written_as_far_as_it_goes():
    labels = np.array([0, 1] * 10)
    bare = page(exam=report.Exam(np.zeros((20, 4, 4, 1)), labels), agreement={}, attack={})
    assert {"better than guessing", "maps beside their controls", "an attack beside noise"} <= set(missing(bare))
    assert bare.html().count("<div><b>") == 1
    same = page(chance=0.5, attack={"epsilon": 0.1, "noise": 0.5, "attack": 0.5})
    assert same.html().count("<div><b>") == 4  # equal numbers stand each for itself


@pytest.mark.parametrize("name", MADE)
def test_the_rubric_names_what_is_missing_and_why_it_matters(name):
    made = MADE[name]()
    assert missing(made) == [name]
    (check,) = (each for each in made.rubric() if not each.met)
    assert len(check.why) > 10


# --------------------------------------------------------------------------- the page


def test_the_page_holds_its_pictures_with_words_and_asks_for_nothing_from_elsewhere():
    text = page().html()
    assert "http" not in text
    assert not re.search(r"<(script|link|iframe)|@import|url\(", text)
    images = re.findall(r"<img [^>]*>", text)
    assert images
    assert all(re.search(r'src="data:image/png;base64,[^"]{100,}" alt="[^"]{10,}"', image) for image in images)
    assert 'lang="en"' in text
    assert "<title>A &lt;b&gt; &amp; c</title>" in text
    assert LONG in text


def test_what_is_not_written_is_said_on_the_page(tmp_path, capsys):
    page(question="", conclusion=" ", doubt="").write(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.count("ot written yet.") + text.count("No question written yet.") == 3
    assert "Missing: your question, your conclusion, your doubt, no claim beyond the intervals." in text
    assert str(tmp_path) not in capsys.readouterr().out


# --------------------------------------------------------------------------- the folder for who has none


def test_the_materials_are_a_folder_whose_parts_share_no_pixel_of_a_photograph(tmp_path):
    made = datasets.folder(datasets.materials(tmp_path / "materials", per_class=6, test_per_class=3), least=9)
    assert made.class_names == ("brick", "coins", "grass", "gravel", "moon", "print")
    assert np.bincount(made.train_labels).tolist() == [6] * 6
    assert np.bincount(made.test_labels).tolist() == [3] * 6
    assert not made.skipped
    assert "files of 2," in made.source


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert datasets.materials("~/pictures", 1, 1) == tmp_path / "home" / "pictures"
    assert len(datasets.folder("~/pictures").train_labels) == 6
    page().write("~/page.html")
    assert {file.name for file in (tmp_path / "home").iterdir()} == {"pictures", "page.html"}
    (tmp_path / "home" / "photo").write_bytes((tmp_path / "home/pictures/train/coins/00.png").read_bytes())
    assert datasets.photograph("~/photo").ndim == 2
    assert [file.name for file in tmp_path.iterdir()] == ["home"]


def test_materials_are_not_mixed_with_other_pictures(tmp_path):
    place = datasets.materials(tmp_path / "materials", 3, 2)
    before = {file: file.read_bytes() for file in place.rglob("*.png")}
    datasets.materials(place, 3, 2)
    assert {file: file.read_bytes() for file in place.rglob("*.png")} == before
    with pytest.raises(
        ValueError, match=r"hold nothing but.* 6 other files, such as 'test/brick/01.png'; name another"
    ):
        datasets.materials(place, 3, 1, seed=1)
    with pytest.raises(ValueError, match=r" 6 other files, such as 'train/brick/02.png'"):
        datasets.materials(place, 2, 2)
    assert {file: file.read_bytes() for file in place.rglob("*.png")} == before
    assert len(datasets.folder(datasets.materials(place, 4, 2)).train_labels) == 24


@pytest.mark.parametrize("counts", [{"per_class": 2.5}, {"test_per_class": "2"}, {"per_class": 0}])
def test_materials_are_counted_in_whole_pictures_and_refused_before_any_is_written(tmp_path, counts):
    with pytest.raises(
        (TypeError, ValueError), match=rf"^{next(iter(counts))} must be (a whole number|at least 1), got"
    ):
        datasets.materials(tmp_path / "materials", **counts)
    assert not (tmp_path / "materials").exists()


def test_a_class_with_fewer_pictures_than_asked_for_is_named(tmp_path):
    place = datasets.materials(tmp_path / "materials", per_class=1, test_per_class=1)
    with pytest.raises(ValueError, match=r"at least 5 different images.*'brick' in .* holds 2; add images"):
        datasets.folder(place, least=5)
