"""One page about a network: a comparison with its verdict, an exam that is sat once, a rubric, and the page as HTML.

The page holds its pictures, asks for nothing from elsewhere, and prints on one sheet of A4.

Taught in lesson 15.
"""

import base64
import html
import re
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import NamedTuple

import numpy as np
from scipy import stats

from cnnlessons import atomic, experiments, ops, shapes
from cnnlessons.network import fitting_labels

TRIES, PER_CLASS = 6, 10  # the least that the rubric asks for
CONTROLS, ATTACK = ("another seed", "never trained"), {"epsilon", "noise", "attack"}  # keys that it asks for
PAGE = Path(__file__).with_name("report.html")
CLAIMS = re.compile(r"\b(better|best|worse|worst|beats?|wins?|superior|inferior|outperforms?)\b", re.IGNORECASE)
BEHIND = ("worse", "worst", "inferior")  # said of the other one
ASIDE = r"\b(?:not|than|unlike|against|over|compared (?:with|to)|(?:instead|in place) of)\s+(?:the\s+)?"
LINKED, NEGATED = r"\b(?:than|over|to|against)\b", r"\b(?:not|no|never|hardly|cannot)\b|n['’]t\b"

# --------------------------------------------------------------------------- what is compared, and what is examined


class Verdict(NamedTuple):
    """Two ways, try by try: how many points more one of them has, and whether that says anything."""

    one: str
    other: str
    differences: np.ndarray  #: (tries,) in points
    interval: experiments.intervals.Interval

    @property
    def better(self):
        """The name of the way that is shown to be better, or None."""
        return self.one if self.interval.low > 0 else self.other if self.interval.high < 0 else None

    def __str__(self):
        said = f"{self.better} is better" if self.better else "cannot be told apart"
        mean, low, high = (f"{number:+.1f}".replace("-", "−") for number in self.interval)
        return f"{self.one} − {self.other}: {mean} points ({low} to {high}), {len(self.differences)} tries: {said}"


def verdict(tries, one, other, redrawn=0.0, level=0.95):
    """Compare two ways whose tries are pairs: the same seed, the same images.

    Parameters
    ----------
    tries : dict of str to array_like, shape (tries,)
        The accuracies of each way, in points, 0 to 100.
    one, other : str
    redrawn, level : float
        As in `experiments.interval`.

    Returns
    -------
    Verdict

    Notes
    -----
    One comparison, by Student's t alone: whoever makes k of them gives each the level 1 − 0.05 / k.

    Taught in lesson 15.
    """
    first, second = (np.asarray(tries[shapes.chosen(way, "way", list(tries))], float) for way in (one, other))
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(
            f"tries must be pairs, one of each way a seed, got shapes {first.shape} for {one!r} and {second.shape} for "
            f"{other!r}; leave out a try without a partner"
        )
    largest = np.max([first, second], initial=0)
    if 0 < largest <= 1:
        raise ValueError(f"tries must be in points, 0 to 100, got shares, none above {largest:g}; multiply them by 100")
    differences = first - second
    return Verdict(one, other, differences, experiments.interval(differences, (-100, 100), level, redrawn))


class Exam:
    """Test images that remember how often they were asked.

    The same answers count once, so that a cell may be run again. Taught in lesson 15.

    Parameters
    ----------
    images : ndarray, shape (N, H, W, C)
    labels : ndarray of int, shape (N,)
    """

    def __init__(self, images, labels):
        self.images = ops.finite(images, "images", "(N, H, W, C)", 4)
        self.labels, self._sheets, self.right = fitting_labels(labels, len(self.images)), set(), None

    def sit(self, predict):
        """Return the logits (N, K) that `predict` gives for the images, and note it.

        Where that fails, no answers were handed in, and nothing is noted.
        """
        logits = ops.finite(predict(self.images), "logits", "(N, K)", 2)
        if len(logits) != len(self.labels):
            raise ValueError(
                f"predict must return a row of logits for each of the {len(self.labels)} images, got {logits.shape}; "
                "give the predict of a network itself: sit(network.predict)"
            )
        fitting_labels(self.labels, len(logits), logits.shape[1])
        answers = logits.argmax(axis=1)
        self._sheets.add(answers.tobytes())
        self.right = answers == self.labels
        return logits

    @property
    def sittings(self):
        """How many different sheets of answers were handed in."""
        return len(self._sheets)

    @property
    def result(self):
        """The share of right answers of the last who sat it, and the ends of its 95 % interval, after Wilson."""
        if self.right is None:
            raise RuntimeError("nobody has sat the exam yet; call sit(network.predict)")
        ends = stats.binomtest(int(self.right.sum()), len(self.right)).proportion_ci(method="wilson")
        return experiments.intervals.Interval(float(self.right.mean()), float(ends.low), float(ends.high))

    def __str__(self):
        mean, low, high = self.result
        return f"{self.right.sum()} of {len(self.right)} right: {mean:.0%} ({low:.0%} to {high:.0%})"


# --------------------------------------------------------------------------- the report


class Check(NamedTuple):
    """A line of the rubric."""

    name: str
    met: bool
    why: str  #: why it matters, or what to do


@dataclass
class Report:
    """What stands on the page. Taught in lesson 15."""

    title: str
    question: str  #: in the reader's words, as the next two
    conclusion: str
    doubt: str
    data: str  #: how many images of what
    chosen: str  #: which network was chosen, and by which rule
    verdicts: list[Verdict]
    exam: Exam
    chance: float  #: the accuracy of who always says the commonest class, 0 to 1
    agreement: dict[str, float]  #: of the maps, with "another seed" and "never trained"
    attack: dict[str, float]  #: "epsilon", and the accuracies under "noise" and "attack", 0 to 1
    figures: dict = field(default_factory=dict)  #: heading to (Picture, caption)

    def rubric(self):
        """Return what makes a report worth believing, as a list of `Check`; whether it is met is read off."""
        smallest = np.unique(self.exam.labels, return_counts=True)[1].min()
        unfounded = _unfounded(self.conclusion, self.verdicts)
        told = f"; yours says {unfounded!r}, and no interval shows that of the way named before it" if unfounded else ""
        return [
            Check("your question", _words(self.question) >= 5,
                  "without a question nobody can say whether the numbers answer it; write five words or more"),
            Check("your conclusion", _words(self.conclusion) >= 20,
                  "numbers draw none: say what you would do tomorrow and how sure you are, in twenty words or more"),
            Check("your doubt", _words(self.doubt) >= 10,
                  "say in ten words or more what could be wrong, or which new images would change your mind"),
            Check("no claim beyond the intervals", bool(self.conclusion.strip()) and not unfounded,
                  f"if two ways cannot be told apart, the conclusion must not say which is ahead{told}"),
            Check(f"{TRIES} tries or more in each comparison",
                  bool(self.verdicts) and all(len(each.differences) >= TRIES for each in self.verdicts),
                  "one try may be luck; raise TRIES"),
            Check("an interval for each comparison",
                  bool(self.verdicts) and all(np.isfinite(each.interval).all() for each in self.verdicts),
                  "a mean alone does not say how far luck reaches"),
            Check("an exam that was sat once", self.exam.sittings == 1,
                  f"it was sat {self.exam.sittings} times; choosing by it flatters the network: take new images"),
            Check(f"{PER_CLASS} exam images or more of each class", smallest >= PER_CLASS,
                  f"the smallest class has {smallest}; a few images hardly narrow down how good it is: add pictures"),
            Check("better than guessing", bool(self.exam.sittings) and self.exam.result.low > self.chance,
                  f"always the commonest class gets {self.chance:.0%}, and the exam's interval does not lie above it"),
            Check("maps beside their controls", self.agreement.keys() >= set(CONTROLS),
                  "a map that an untrained network draws as well shows nothing of what was learned"),
            Check("an attack beside noise", self.attack.keys() >= ATTACK,
                  "without noise of the same size nobody can say whether it is the attack or the network is frail"),
            Check("words for every picture",
                  bool(self.figures) and all(shown.alt and said for shown, said in self.figures.values()),
                  "some who read the page do not see it"),
        ]  # fmt: skip

    def check(self):
        """Print the rubric: what is met, what is missing, and why that matters."""
        checks = self.rubric()
        print(f"{sum(each.met for each in checks)} of {len(checks)} met")
        for each in checks:
            print(f"  ✓ {each.name}" if each.met else f"  ✗ {each.name}: {each.why}")

    def html(self):
        """Return the page, a str."""
        return Template(PAGE.read_text(encoding="utf-8")).substitute(self._parts())

    def _numbers(self):
        """Yield each number of the report that is there, and what it is."""
        if self.exam.sittings:
            mean, low, high = self.exam.result
            yield f"{mean:.0%}", f"right in the exam, {low:.0%} to {high:.0%} of {len(self.exam.labels)} images"
        yield f"{self.chance:.0%}", "by always saying the commonest class"
        if self.attack.keys() >= ATTACK:
            noise, size = f"{self.attack['noise']:.0%}", f"{255 * self.attack['epsilon']:.0f}/255 a pixel"
            yield f"{self.attack['attack']:.0%}", f"under attack; {noise} with noise of the same size, {size}"
        if self.agreement.keys() >= set(CONTROLS):
            told = "likeness of its maps to another seed's, and to those of a network that was never trained"
            yield " / ".join(f"{self.agreement[name]:.2f}" for name in CONTROLS), told

    def _parts(self):
        boxes = "".join(f"<div><b>{_safe(value)}</b> {_safe(said)}</div>" for value, said in self._numbers())
        figures = "".join(
            f'<figure><h2>{_safe(heading)}</h2><img src="{_uri(picture)}" alt="{_safe(picture.alt)}">'
            f"<figcaption>{_safe(caption)}</figcaption></figure>"
            for heading, (picture, caption) in self.figures.items()
        )
        verdicts = "".join(f"<li>{_safe(str(each))}</li>" for each in self.verdicts)
        checks = self.rubric()
        missing = [each.name for each in checks if not each.met]
        rubric = f"Rubric: {len(checks) - len(missing)} of {len(checks)} met."
        rubric += f" Missing: {', '.join(missing)}." if missing else ""
        return {
            "title": _safe(self.title),
            "question": _safe(self.question) or "<em>No question written yet.</em>",
            "conclusion": _safe(self.conclusion) or "<em>Not written yet.</em>",
            "doubt": _safe(self.doubt) or "<em>Not written yet.</em>",
            "data": _safe(self.data), "chosen": _safe(self.chosen), "boxes": boxes, "figures": figures,
            "verdicts": verdicts, "rubric": _safe(rubric),
        }  # fmt: skip

    def write(self, path):
        """Write the page to a file, whole or not at all, and say how to open it."""
        with atomic.writing(Path(path)) as file:
            file.write(self.html().encode())
        print(f"{Path(path).name}: {len(self.figures)} pictures inside, nothing is asked for from elsewhere.")
        print("A double click opens it in the browser; print it there, and choose PDF, for a sheet to hand in.")


def _unfounded(conclusion, verdicts):
    """Return the first word of a conclusion, such as "better", that says what no verdict shows, or None."""
    pairs = [(each.one.lower(), each.other.lower()) for each in verdicts]
    shown = {
        pair if each.better == each.one else pair[::-1]
        for each, pair in zip(verdicts, pairs, strict=True)
        if each.better
    }
    names = "|".join(re.escape(name) for name in sorted({*sum(pairs, ())}, key=len, reverse=True))
    way = rf"(?<!\w)(?:{names or '(?!)'})(?!\w)"
    for sentence in re.split(r"(?<=[.!?;])\s+|\n\s*\n", conclusion):
        for claim in CLAIMS.finditer(sentence):
            told = _told(sentence[: claim.start()].lower(), claim[0].lower(), sentence[claim.end() :].lower(), way)
            if not any(told in ((ahead, behind), (ahead, None), (None, behind)) for ahead, behind in shown):
                return claim[0]
    return None


def _told(before, word, after, way):
    """Return which way a word is said to put ahead and which behind, one of them perhaps None.

    The way is the last that is named before the word, and not by the way, as in "not SGD" or "compared with SGD";
    or, as in "the best is Adam", the first after it. A "not" between them turns it round.
    """
    alone = re.sub(ASIDE + way, "", before)
    named = [*re.finditer(way, alone if re.search(way, alone) else before)]
    found = re.search(way, after)
    linked = found and (word[:4] in ("beat", "outp") or re.search(LINKED, after[: found.start()]))
    if not named:
        return (None, None) if linked or not found or word in BEHIND else (found[0], None)
    between = named[-1].string[named[-1].end() :]
    both = named[-1][0], found[0] if linked and found[0] != named[-1][0] else None
    return both[:: -1 if (word in BEHIND) != bool(re.search(NEGATED, between)) else 1]


def _words(text):
    return len(re.findall(r"\w[\w'’-]*", text))


def _safe(text):
    return html.escape(text.strip())


def _uri(picture):
    return "data:image/png;base64," + base64.b64encode(picture._repr_png_()).decode()
