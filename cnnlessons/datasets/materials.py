"""A folder of pictures for who has none at hand: scraps of six materials, as a phone might have taken them."""

from pathlib import Path

import numpy as np
from PIL import Image

from cnnlessons import shapes
from cnnlessons.datasets import files
from cnnlessons.datasets.photos import photograph

MATERIALS = {"brick": "brick", "coins": "coins", "grass": "grass", "gravel": "gravel", "moon": "moon", "print": "page"}


def materials(path, per_class=28, test_per_class=15, seed=0):
    """Write a folder with pictures of six materials, for `folder`, and return its path. Used in lesson 15.

    The pictures are squares of 50 to 110 pixels, cut out of six photographs, with other brightness and contrast each.
    Those in "train" come from the left three fifths of a photograph, those in "test" from the rest.

    Parameters
    ----------
    path : str or Path
        Made if it is not there. Pictures of an earlier call are written anew; no other file may be in it.
    per_class, test_per_class, seed : int
    """
    rng, path = np.random.default_rng(shapes.whole_number(seed, "seed", 0)), Path(path).expanduser()
    shapes.whole_number(per_class, "per_class", 1)
    shapes.whole_number(test_per_class, "test_per_class", 1)
    _require_no_others(path, {"train": per_class, "test": test_per_class})
    for name, shown in MATERIALS.items():
        photo = photograph(shown)  # (H, W), 0 to 1
        cut = photo.shape[1] * 3 // 5
        for part, half, count in (("train", photo[:, :cut], per_class), ("test", photo[:, cut:], test_per_class)):
            place = Path(path, part, name)
            place.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                Image.fromarray(_scrap(half, rng)).save(place / f"{number:02d}.png")
    return path


def _require_no_others(path, counts):
    """Refuse a folder with files that would be taken for pictures of the materials and are none of this call's."""
    if path.exists():
        own = {f"{part}/{name}/{i:02d}.png" for part in counts for name in MATERIALS for i in range(counts[part])}
        with files.opened(path) as listing:
            others = [file.name for file in listing.files if file.name not in own]
        if others:
            raise ValueError(
                f"path must be a new folder, or hold nothing but the pictures of this call, got {str(path)!r} "
                f"with {len(others)} other files, such as {others[0]!r}; name another folder, or delete this one first"
            )


def _scrap(photo, rng):
    """Return a square cut out of a photograph, in another light: uint8."""
    side = rng.integers(50, 110, endpoint=True)
    top, left = (rng.integers(length - side, endpoint=True) for length in photo.shape)
    scrap = photo[top : top + side, left : left + side]
    scrap = 0.5 + (scrap - scrap.mean()) * rng.uniform(0.5, 1.3) / (6 * scrap.std() + 0.02) + rng.normal(0, 0.1)
    return np.rint(255 * np.clip(scrap, 0, 1)).astype(np.uint8)
