"""From a picture file, whatever its format, to pixels: upright, on white, 8 bits, gray or colour."""

import io
import sys
import warnings
from functools import cache

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

# Formats that Pillow decodes by itself; others, such as EPS, start another program.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "PPM")
_GRAY = ("1", "L", "LA")


class Unreadable(Exception):
    """A file that gives no pixels; the message goes on after the file's name."""


def pixels(read, size=None):
    """Return the first picture of a file as an array.

    Parameters
    ----------
    read : function
        Takes nothing and returns the file's bytes.
    size : int, optional
        Height and width: the largest centred square is resized, with anti-aliasing, so nothing is squeezed.

    Returns
    -------
    ndarray (H, W, 1) or (H, W, 3) of uint8
        One channel if the file holds gray values, three if it holds colours or a palette.

    Raises
    ------
    Unreadable
        If it is not a picture, damaged, or larger than Pillow's limit against decompression bombs.
    """
    try:
        data = read()
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = _decoded(data, size)
    except Unreadable:
        raise
    except UnidentifiedImageError:
        raise Unreadable(_what_it_is(data)) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unreadable(f"has too many pixels; the limit is {Image.MAX_IMAGE_PIXELS:,}; save it smaller") from None
    except Exception as error:  # a damaged file can raise nearly anything, in zipfile and in each of Pillow's decoders
        raise Unreadable(f"is damaged or cannot be read ({error or type(error).__name__})") from None
    array = np.asarray(picture)
    return array[..., np.newaxis] if array.ndim == 2 else array


def progress(files, what):
    """Return `files` with a progress bar, which appears only if they take more than a second."""
    return tqdm(
        files,
        desc=what,
        delay=1,
        leave=False,
        mininterval=0.5,
        file=sys.stdout,  # a notebook paints the other stream red
        unit=" images",
        bar_format="{desc} {percentage:3.0f} %|{bar:20}| {rate_fmt}, {remaining} left",
    )


@cache
def _formats():
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _decoded(data, size):
    with Image.open(io.BytesIO(data), formats=_formats()) as picture:
        if size is not None:
            picture.draft(None, (4 * size, 4 * size))  # large JPEG files are read at 1/2, 1/4 or 1/8, which saves time
        picture = _eight_bits(ImageOps.exif_transpose(picture))
    return picture if size is None else ImageOps.fit(picture, (size, size), Image.Resampling.BICUBIC)


def _eight_bits(picture):
    """Return a picture in mode L or RGB; what is transparent becomes white."""
    if picture.mode.startswith("I;16"):
        wide = np.asarray(picture).astype(np.uint32)
        return Image.fromarray(((wide + 128) // 257).astype(np.uint8))  # 65535 = 255 · 257
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
