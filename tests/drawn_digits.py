"""Digits as people draw them, as strokes: points (row, column) from 0, top and left, to 1."""

from itertools import pairwise

import numpy as np


def arc(row, column, high, wide, start, end):
    """Part of an ellipse around (row, column); degrees count counterclockwise from the right."""
    angles = np.radians(np.linspace(start, end, 2 + abs(end - start) // 10))
    return np.column_stack([row - high * np.sin(angles), column + wide * np.cos(angles)])


def line(*corners):
    """Straight lines from corner to corner, ten points each."""
    parts = [start + np.linspace(0, 1, 10)[:, None] * (np.array(end) - start) for start, end in pairwise(corners)]
    return np.concatenate(parts)


def join(*parts):
    return np.concatenate(parts)


STYLES = {
    0: [[arc(0.5, 0.5, 0.45, 0.3, 90, 450)], [arc(0.5, 0.5, 0.45, 0.2, 100, 470)]],
    1: [
        [line((0.05, 0.5), (0.95, 0.5))],
        [line((0.28, 0.3), (0.05, 0.52), (0.95, 0.52))],
        [line((0.28, 0.3), (0.05, 0.52), (0.95, 0.52)), line((0.95, 0.3), (0.95, 0.74))],
    ],
    2: [[join(arc(0.3, 0.5, 0.25, 0.27, 160, -30), line((0.45, 0.72), (0.95, 0.22), (0.95, 0.8)))]],
    3: [
        [join(arc(0.28, 0.46, 0.23, 0.26, 150, -90), arc(0.72, 0.46, 0.23, 0.3, 90, -150))],
        [join(line((0.05, 0.25), (0.05, 0.72), (0.42, 0.45)), arc(0.68, 0.46, 0.27, 0.29, 90, -150))],
    ],
    4: [
        [line((0.05, 0.32), (0.58, 0.22), (0.58, 0.82)), line((0.3, 0.65), (0.95, 0.65))],
        [line((0.95, 0.62), (0.05, 0.62), (0.65, 0.18), (0.65, 0.85))],
    ],
    5: [
        [
            join(line((0.05, 0.3), (0.45, 0.27)), arc(0.67, 0.47, 0.27, 0.28, 130, -150)),
            line((0.05, 0.3), (0.05, 0.75)),
        ]
    ],
    6: [[join(arc(0.6, 0.72, 0.56, 0.48, 105, 180), arc(0.68, 0.5, 0.27, 0.26, 180, 540))]],
    7: [
        [line((0.07, 0.2), (0.07, 0.8), (0.95, 0.42))],
        [line((0.07, 0.2), (0.07, 0.8), (0.95, 0.42)), line((0.5, 0.32), (0.5, 0.78))],
    ],
    8: [
        [
            join(
                arc(0.28, 0.5, 0.23, 0.22, 30, 270),
                arc(0.73, 0.5, 0.22, 0.27, 90, -270),
                arc(0.28, 0.5, 0.23, 0.22, -90, 60),
            )
        ],
        [arc(0.28, 0.5, 0.23, 0.21, 90, 450), arc(0.73, 0.5, 0.22, 0.26, 90, 450)],
    ],
    9: [
        [join(arc(0.3, 0.48, 0.25, 0.25, 10, 370), line((0.28, 0.73), (0.95, 0.66)))],
        [
            join(
                arc(0.3, 0.48, 0.25, 0.25, 10, 370),
                line((0.28, 0.73), (0.6, 0.73)),
                arc(0.68, 0.48, 0.27, 0.25, 0, -130),
            )
        ],
    ],
}


def varied(strokes, rng):
    """The same digit by another hand: elsewhere, larger or smaller, wider, turned, slanted, with jitter."""
    size, wide, slant = rng.uniform(0.35, 0.9), rng.uniform(0.8, 1.25), rng.uniform(-0.1, 0.35)
    turn = np.radians(rng.uniform(-6, 6))
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    drawn = []
    for stroke in strokes:
        points = (stroke - 0.5) * [1, wide] @ [[1, -slant], [0, 1]] @ turned
        jitter = np.pad(rng.normal(0, 0.018, points.shape), ((2, 2), (0, 0)), mode="edge")
        smooth = np.lib.stride_tricks.sliding_window_view(jitter, 5, axis=0).mean(-1)  # a hand does not tremble
        drawn.append(size * (points + smooth))
    low, high = np.min([s.min(0) for s in drawn], axis=0), np.max([s.max(0) for s in drawn], axis=0)
    shrink = min(1, 0.96 / (high - low).max())
    place = 0.02 + rng.uniform(0, 1, 2) * (0.96 - shrink * (high - low))
    return [shrink * (stroke - low) + place for stroke in drawn]


def fifty(seed=0):
    """Five drawings of each digit, its styles in turn: a list of (digit, strokes)."""
    rng = np.random.default_rng(seed)
    return [
        (digit, varied(styles[number % len(styles)], rng)) for digit, styles in STYLES.items() for number in range(5)
    ]
