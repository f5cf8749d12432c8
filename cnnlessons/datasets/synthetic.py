"""Images that are made from a seed: lines, taught in lesson 04, and spectrograms of melodies, in lesson 10.

A sound is a sum of sine waves, its partials. What tells instruments apart is which partials there are, how loud, and
how they begin, waver and fade. The recipes below are caricatures: J.-C. Risset and D. L. Wessel, "Exploration of timbre
by analysis and synthesis", in D. Deutsch (ed.), "The Psychology of Music", 2nd ed. 1999.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy import signal

from cnnlessons import ops, shapes
from cnnlessons.datasets.records import Dataset, check_noise
from cnnlessons.kernels import ORIENTATIONS


def lines(count=1000, size=16, noise=0.1, orientations=("horizontal", "vertical"), seed=0):
    """Return images of one bright line each; the class is its orientation.

    A line crosses the whole image, in any row or column; a diagonal one covers at least half of the rows.
    The mean of all horizontal lines is the mean of all vertical ones, so no linear classifier gets them all right.

    Parameters
    ----------
    count : int
        Images in all, at least five a class; a fifth of them are test images. The classes are equally frequent.
    size : int
        Height and width, at least 4.
    noise : float
        Standard deviation of the Gaussian noise. Dark is 0.25, bright is 0.75; what leaves [0, 1] is clipped.
    orientations : sequence of str
        The classes: two or more of "horizontal", "vertical", "backslash", "slash".
    seed : int

    Returns
    -------
    Dataset
        Images (N, size, size, 1).
    """
    shapes.whole_number(size, "size", 4)
    shapes.whole_number(seed, "seed", 0)
    check_noise(noise)
    known = [orientation for orientation in ORIENTATIONS if orientation in orientations]
    if isinstance(orientations, str) or len(known) < 2 or len(known) < len(orientations):
        raise ValueError(
            f"orientations must be two or more of {', '.join(ORIENTATIONS)}, each once, got {orientations!r}"
        )
    shapes.whole_number(count, "count", 5 * len(orientations))  # a test image a class
    row, column = np.indices((size, size))
    distances = {
        "horizontal": row - size // 2,
        "vertical": column - size // 2,
        "backslash": row - column,
        "slash": row + column - (size - 1),
    }
    distance = np.stack([distances[orientation] for orientation in orientations])  # (classes, size, size)
    rng = np.random.default_rng(seed)
    train = _draw_lines(count - count // 5, distance, noise, rng)
    test = _draw_lines(count // 5, distance, noise, rng)
    return Dataset(*train, *test, tuple(orientations), f"drawn here, noise {noise}, seed {seed}")


def _draw_lines(count, distance, noise, rng):
    """Return images and labels; `distance` (classes, size, size) is how far each pixel lies from the middle line."""
    labels = rng.permutation(np.arange(count) % len(distance))
    offset = rng.integers(distance.shape[1], size=(count, 1, 1)) - distance.shape[1] // 2
    images = np.where(distance[labels] == offset, 0.75, 0.25)  # (count, size, size)
    images += rng.normal(scale=noise, size=images.shape)
    return np.clip(images, 0, 1)[..., np.newaxis].astype(np.float32), labels


RATE = 8000  # samples a second
SIZE = 32  # bands of frequency, and moments in time
_WINDOW, _STEP = 512, 256  # samples: 64 ms, every 32 ms
SAMPLES = _WINDOW + (SIZE - 1) * _STEP  # about a second
_RANGE = 60  # dB from black to white
_AT_ONCE = 40  # sounds: SciPy's view of all their windows counts 32 MB each, and a browser's arrays end at 2 GB


class Instrument(NamedTuple):
    """How an instrument's notes sound."""

    partials: tuple  #: frequencies, as multiples of the note's
    slope: float  #: the partial of frequency k has the amplitude k ** -slope
    attack: float  #: seconds until the note is at its loudest
    decay: float  #: how fast it fades: by a factor of e in 1 / decay seconds, high partials faster
    vibrato: float  #: how far the frequency wavers, as a share of it
    breath: float  #: amplitude of the noise within the note


_HARMONIC = tuple(range(1, 13))
_BELL = (0.5, 1, 1.2, 1.5, 2, 2.5, 2.67, 3, 4, 5.33)  # a minor-third bell's, hum note first
INSTRUMENTS = {
    "organ": Instrument(_HARMONIC, 0.8, 0.03, 0.0, 0.0, 0.01),
    "clarinet": Instrument(_HARMONIC[::2], 0.8, 0.05, 0.0, 0.0, 0.02),
    "flute": Instrument(_HARMONIC[:6], 1.5, 0.08, 0.0, 0.006, 0.05),
    "violin": Instrument(_HARMONIC, 0.8, 0.12, 0.0, 0.012, 0.03),
    "guitar": Instrument(_HARMONIC, 0.8, 0.005, 1.5, 0.0, 0.01),
    "bell": Instrument(_BELL, 0.4, 0.002, 1.0, 0.0, 0.01),
}


def spectrograms(count=1200, noise=0.1, seed=0):
    """Return spectrograms of short melodies; the class is the instrument that plays.

    Two or three notes of 200 to 600 Hz follow one another, each with its own loudness and balance of partials. An
    image shows 32 bands of 125 Hz, the lowest at the bottom, at 32 moments of a second. The brightness is the level
    in decibels: the loudest place of an image is 1, and 60 dB below it and less is 0.

    Parameters
    ----------
    count : int
        Images in all, at least five a class; a fifth of them are test images, drawn from a seed of their own. The
        classes are equally frequent.
    noise : float
        Standard deviation of the noise behind the melody, relative to that of the melody.
    seed : int

    Returns
    -------
    Dataset
        Images (N, 32, 32, 1).
    """
    shapes.whole_number(seed, "seed", 0)
    shapes.whole_number(count, "count", 5 * len(INSTRUMENTS))  # a test image a class
    check_noise(noise)
    train = _images(count - count // 5, noise, np.random.default_rng([seed, 0]))
    test = _images(count // 5, noise, np.random.default_rng([seed, 1]))
    return Dataset(*train, *test, tuple(INSTRUMENTS), f"synthesised here, noise {noise}, seed {seed}")


def melody(instrument, seed=0):
    """Return a short melody as an instrument plays it.

    Parameters
    ----------
    instrument : str
        A class of `spectrograms`.
    seed : int

    Returns
    -------
    ndarray of float64, shape (8448,)
        Standard deviation 1, at 8,000 samples a second.
    """
    if instrument not in INSTRUMENTS:
        raise ValueError(f"there is no instrument {instrument!r}; there are: {', '.join(INSTRUMENTS)}")
    return _melody(INSTRUMENTS[instrument], np.random.default_rng(shapes.whole_number(seed, "seed", 0)))


def spectrogram(sounds):
    """Return the images of sounds: (N, 8448), such as `melody` returns, -> (N, 32, 32, 1) of `spectrograms`.

    The image of silence is 0 everywhere.
    """
    sounds = ops.finite(sounds, "sounds", f"(N, {SAMPLES})", 2)
    if sounds.shape[1] != SAMPLES:
        raise ValueError(f"sounds must have shape (N, {SAMPLES:,}), a second each, got {sounds.shape}")
    if len(sounds) > _AT_ONCE:
        parts = np.array_split(sounds, np.arange(_AT_ONCE, len(sounds), _AT_ONCE))
        return np.concatenate([spectrogram(part) for part in parts])
    sounds, _ = ops.scaled(sounds, axis=1)
    _, _, power = signal.spectrogram(
        sounds, RATE, "hann", nperseg=_WINDOW, noverlap=_WINDOW - _STEP, detrend=False, scaling="spectrum"
    )  # (N, 257, 32)
    bands = power[:, 1:].reshape(len(sounds), SIZE, -1, SIZE).sum(axis=2)  # without the constant part
    bands = bands[:, ::-1, :, np.newaxis]  # low frequencies at the bottom
    loudest = bands.max(axis=(1, 2, 3), keepdims=True)
    level = 10 * np.log10(bands / np.where(loudest > 0, loudest, 1) + 1e-12)
    return np.clip(1 + level / _RANGE, 0, 1).astype(np.float32)


def _images(count, noise, rng):
    """Return images and labels."""
    labels = rng.permutation(np.arange(count) % len(INSTRUMENTS))
    recipes = list(INSTRUMENTS.values())
    sounds = np.stack([_melody(recipes[label], rng) for label in labels])
    return spectrogram(sounds + noise * rng.standard_normal(sounds.shape)), labels


def _melody(instrument, rng):
    notes = rng.integers(2, 4)
    ends = np.sort(rng.uniform(0.25, 0.8, notes - 1)) * SAMPLES
    edges = np.round([rng.uniform(0, 0.15) * SAMPLES, *ends, SAMPLES]).astype(int)
    sound = np.zeros(SAMPLES)
    for first, last in pairwise(edges):
        if last > first:
            sound[first:last] = _note(instrument, 200 * 3 ** rng.random(), last - first, rng)
    return sound / sound.std()


_TURN = np.float32(2 * np.pi)


def _note(instrument, frequency, samples, rng):
    """Return one note; loudness and balance of partials are its own."""
    seconds = np.arange(samples) / RATE
    wavering = instrument.vibrato * np.sin(2 * np.pi * (rng.uniform(4, 7) * seconds + rng.random()))
    cycles = frequency * np.cumsum(1 + wavering) / RATE
    sound = instrument.breath * rng.standard_normal(samples)
    for partial in instrument.partials:
        amplitude = partial**-instrument.slope * np.exp(0.8 * rng.standard_normal())
        if partial * frequency * (1 + instrument.vibrato) < RATE / 2:  # what lies above would come back below
            turns = partial * cycles + rng.random()
            wave = np.sin(_TURN * (turns - np.floor(turns)).astype(np.float32))  # four times as fast as in float64
            if instrument.decay:
                wave *= np.exp(np.float32(-instrument.decay * (1 + partial / 4)) * seconds.astype(np.float32))
            sound += amplitude * wave
    fade_in = np.minimum(seconds / instrument.attack, 1)
    fade_out = np.minimum((samples - np.arange(samples)) / (0.01 * RATE), 1)  # no click at the end
    return np.exp(0.3 * rng.standard_normal()) * fade_in * fade_out * sound
