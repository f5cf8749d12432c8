"""From a picture file, whatever its format, to pixels: upright, on white, 8 bits, gray or colour."""

import io
import sys
import warnings
from functools import cache
from multiprocessing import current_process
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

# Formats that Pillow decodes by itself; others, such as EPS, start another program.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "PPM")
_GRAY = ("1", "L", "LA")
_PHOTOMETRIC = 262  # the tag of TIFF that says whether 0 is white


class Unreadable(Exception):
    """A file that gives no pixels; the message goes on after the file's name."""


class Decoded(NamedTuple):
    """A picture whose brightness may still have to be found out: files of 16 bits often use fewer."""

    values: np.ndarray  #: (H, W, C) of uint8, or float32 values as they are stored in 16 bits
    most: int | None  #: the largest of those, before any resizing
    coarse: bool  #: whether Pillow has kept the upper 8 of 16 bits only, as it does with colours
    white_is_zero: bool
    area: int  #: pixels of the file


_DEPTHS = (1, 2, 4, 8, 10, 12, 14, 16)  # bits, of masks, cameras and scanners


def pixels(read, size=None):
    """Return the first picture of a file, (H, W, 1) or (H, W, 3) of uint8; what gives no pixels is `Unreadable`.

    With a `size`, the largest centred square is resized to that height and width, with anti-aliasing.
    """
    return in_eight_bits(decoded(read, size), 16)


def depth(decoded_pictures):
    """Return how many of 16 bits the pictures of a data set use, all together; None if none has 16."""
    most = [picture.most for picture in decoded_pictures if picture.most is not None]
    return next(bits for bits in _DEPTHS if max(most) < 2**bits) if most else None


def in_eight_bits(picture, depth):
    """Return the pixels of a `Decoded` as uint8 if white is the largest number of so many bits."""
    if picture.most is None or (picture.coarse and depth == 16):
        return picture.values
    if picture.coarse:
        raise Unreadable(f"holds colours of {depth} bits in 16, of which Pillow keeps the upper 8; save it with 8 bits")
    white = 2**depth - 1
    values = white - picture.values if picture.white_is_zero else picture.values
    return np.clip(np.rint(values * (255 / white)), 0, 255).astype(np.uint8)


def decoded(read, size=None):
    """Return a `Decoded`; parameters and errors are those of `pixels`."""
    try:
        data = read()
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _decoded(data, size)
    except Unreadable:
        raise
    except UnidentifiedImageError:
        raise Unreadable(_what_it_is(data)) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unreadable(f"has too many pixels; the limit is {Image.MAX_IMAGE_PIXELS:,}; save it smaller") from None
    except Exception as error:  # a damaged file can raise nearly anything, in zipfile and in each of Pillow's decoders
        raise Unreadable(f"is damaged or cannot be read ({error or type(error).__name__})") from None


def progress(files, what):
    """Return `files` with a progress bar, which appears only if they take more than a second."""
    return tqdm(
        files,
        desc=what,
        delay=1,
        leave=False,
        mininterval=0.5,
        file=sys.stdout,  # a notebook paints the other stream red
        disable=current_process().name != "MainProcess",  # a worker would write into the bar of its experiment
        unit=" images",
        bar_format="{desc} {percentage:3.0f} %|{bar:20}| {rate_fmt}, {remaining} left",
    )


@cache
def _formats():
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _decoded(data, size):
    with Image.open(io.BytesIO(data), formats=_formats()) as picture:
        area, coarse = picture.width * picture.height, ";16" in str(picture.tile)
        scaled = picture.mode == "I" and picture.format == "PPM"  # Pillow has made 65535 of the largest value
        white_is_zero = getattr(picture, "tag_v2", {}).get(_PHOTOMETRIC) == 0
        if size is not None:
            picture.draft(None, (4 * size, 4 * size))  # large JPEG files are read at 1/2, 1/4 or 1/8, which saves time
        picture, most = ImageOps.exif_transpose(picture), None
    if scaled or picture.mode.startswith("I;16"):
        values = np.asarray(picture).astype(np.float32)
        picture, most, coarse = Image.fromarray(values), int(values.max()), False
    else:
        if coarse:
            extrema = picture.getextrema() if len(picture.getbands()) > 1 else [picture.getextrema()]
            most = 256 * max(high for _, high in extrema[: 1 if picture.mode in _GRAY else 3]) + 255
        picture = _eight_bits(picture)
    if size is not None:
        picture = ImageOps.fit(picture, (size, size), Image.Resampling.BICUBIC)
    array = np.asarray(picture)
    return Decoded(array[..., np.newaxis] if array.ndim == 2 else array, most, coarse, white_is_zero, area)


def _eight_bits(picture):
    """Return a picture in mode L or RGB; what is transparent becomes white."""
    if picture.mode in ("I", "F"):
        raise Unreadable("has 32-bit pixels, whose black and white are not known; save it with 8 or 16 bits")
    mode = "L" if picture.mode in _GRAY else "RGB"
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert(mode)


def _what_it_is(data):
    if not data:
        return "is empty"
    if data[4:8] == b"ftyp":  # the container of HEIC photographs and of videos
        return "is a HEIC photograph or a video, which Pillow does not read; save it as JPEG or PNG"
    return "is not a picture that Pillow reads"
