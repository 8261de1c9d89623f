"""Decode PNG, JPEG, TIFF, BMP and WebP files to grey pixels."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np

from fractura.errors import DamagedFileError, TooLargeError, UnsupportedFileError
from fractura.imaging import codecs, tiff_tags
from fractura.imaging.colour import in_colour
from fractura.imaging.frames import choose_frame
from fractura.imaging.grey import Decoded, Samples, bits_in_use, luma, stretch
from fractura.imaging.limits import MAX_PIXELS, check_size

_PNG_PIXELS = (b"IHDR", b"IDAT", b"IEND")
_PNG_PALETTE = (b"PLTE", b"tRNS")
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_TIFF_JPEG = 7
_UNASSOCIATED_ALPHA = 2


def find_decoder(data: bytes) -> Callable[[bytes, int | None], Decoded] | None:
    """The decoder for the format that the first bytes show, or None.

    A decoder takes the file and the frame (from 1, or None) and raises :class:`LoadError`.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return _tiff
    if data.startswith(b"BM"):
        return _bmp
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp
    return None


def _jpeg(data: bytes, frame: int | None) -> Decoded:
    choose_frame(frame, 1)
    jpeg = codecs.read_jpeg_markers(data)
    samples = codecs.decode_jpeg(data, jpeg)
    decoded = _to_grey(samples, jpeg.precision, tiff_tags.orientation(jpeg.exif))
    if jpeg.components == 3 and samples.ndim == 2:
        decoded = decoded._replace(in_colour=_small_in_colour(data))
    if jpeg.complete:
        return decoded
    return decoded._replace(warnings=(codecs.TRUNCATED, *decoded.warnings))


def _small_in_colour(data: bytes) -> bool:
    """Of a JPEG that was decoded to grey: its colours are decoded at an eighth of the size."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            image.draft("RGB", (1, 1))
            return in_colour(np.asarray(image.convert("RGB")), 255)
    except (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError):
        return False


def _png(data: bytes, frame: int | None) -> Decoded:
    """Only the chunks that make the pixels reach libpng: the others can be bombs, or wrong."""
    choose_frame(frame, 1)
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise DamagedFileError("the PNG data ends before its header")
    width, height, depth, colour, *methods = struct.unpack_from(">IIBBBBB", data, 16)
    check_size(width, height)
    if depth not in _PNG_DEPTHS.get(colour, ()) or methods not in ([0, 0, 0], [0, 0, 1]):
        raise DamagedFileError("the PNG header names an impossible kind of pixel")
    kept, channels, orientation = [data[:8]], _PNG_CHANNELS[colour], 1
    for kind, start, end in codecs.png_chunks(data):
        if kind in _PNG_PIXELS or (kind in _PNG_PALETTE and colour == 3):
            kept.append(data[start:end])
            channels += kind == b"tRNS"
        elif kind == b"eXIf":
            orientation = tiff_tags.orientation(data[start + 8 : end - 4])
        elif kind == b"acTL":
            raise UnsupportedFileError("it is an animated PNG, not a radiograph")
    shape = (height, width, channels) if channels > 1 else (height, width)
    out = np.empty(shape, np.uint16 if depth == 16 else np.uint8)
    try:
        samples = codecs.decode("png", b"".join(kept), out=out)
    except DamagedFileError:
        # imagecodecs never lets go of the array of a damaged file, so its memory is taken away.
        out.resize((0,), refcheck=False)
        raise
    return _to_grey(samples, None, orientation)._replace(bits=depth)


def _bmp(data: bytes, frame: int | None) -> Decoded:
    choose_frame(frame, 1)
    if len(data) < 26:
        raise DamagedFileError("the BMP data ends before its header")
    width, height = struct.unpack_from("<HH" if data[14] == 12 else "<ii", data, 18)
    check_size(width, abs(height))
    # Not imagecodecs' bmp_decode: it crashes on damaged files.
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=["BMP"]) as image:
            check_size(*image.size)
            samples = np.asarray(image.convert("RGB" if image.mode == "P" else None))
    except (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError) as error:
        raise DamagedFileError("the BMP data could not be decoded") from error
    return _to_grey(samples, None, 1)


def _webp(data: bytes, frame: int | None) -> Decoded:
    choose_frame(frame, 1)
    kind, orientation = data[12:16], 1
    if len(data) < 30:
        raise DamagedFileError("the WebP data ends before its header")
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        if data[20] & 0x02:
            raise UnsupportedFileError("it is an animated WebP, not a radiograph")
        exif = data.rfind(b"EXIF")
        if data[20] & 0x08 and exif >= 0:
            orientation = tiff_tags.orientation(data[exif + 8 :].removeprefix(b"Exif\0\0"))
    elif kind == b"VP8L":
        packed = int.from_bytes(data[21:25], "little")
        width, height = 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    check_size(width, height)
    return _to_grey(codecs.decode("webp", data), None, orientation)


def _tiff(data: bytes, frame: int | None) -> Decoded:
    # Bit 0 of the subfile type marks a reduced copy of another page.
    pages = [
        (index, tags)
        for index, tags in enumerate(tiff_tags.directories(data))
        if not tags.first(tiff_tags.NEW_SUBFILE_TYPE, 0) & 1
    ]
    if not pages:
        raise DamagedFileError("the TIFF data holds no image")
    index, tags = pages[choose_frame(frame, len(pages))]
    check_size(tags.first(tiff_tags.WIDTH, 0), tags.first(tiff_tags.HEIGHT, 0))
    if tags.first(tiff_tags.TILE_WIDTH, 1) * tags.first(tiff_tags.TILE_LENGTH, 1) > MAX_PIXELS:
        raise TooLargeError("the tiles of the TIFF file are too large")
    channels = tags.first(tiff_tags.SAMPLES_PER_PIXEL, 1)
    photometric = tags.first(tiff_tags.PHOTOMETRIC, 1)
    is_jpeg = tags.first(tiff_tags.COMPRESSION, 1) == _TIFF_JPEG
    if channels > 4 or not (photometric <= 3 or (photometric == 6 and is_jpeg)):
        raise UnsupportedFileError(
            f"it is a TIFF in colour space {photometric} with {channels} samples a pixel; "
            "save it in grey or RGB first"
        )
    samples = codecs.decode("tiff", data, index=index)
    if samples.ndim == 3 and tags.first(tiff_tags.PLANAR_CONFIGURATION, 1) == 2:
        samples = np.moveaxis(samples, 0, 2)
    bits = tags.first(tiff_tags.BITS_PER_SAMPLE, 1)
    orientation = tags.first(tiff_tags.ORIENTATION, 1)
    if photometric == 3:
        colour_map = tags.values(tiff_tags.COLOR_MAP, 3 << 16)
        decoded = _to_grey(_apply_palette(samples, colour_map), None, orientation)
        return decoded._replace(bits=bits)
    if samples.ndim == 3 and tags.first(tiff_tags.EXTRA_SAMPLES, 0) != _UNASSOCIATED_ALPHA:
        samples = samples[..., :1] if samples.shape[2] < 3 else samples[..., :3]
    decoded = _to_grey(samples, bits, orientation)
    return decoded._replace(pixels=1 - decoded.pixels) if photometric == 0 else decoded


def _apply_palette(samples: Samples, colour_map: tuple[int, ...]) -> Samples:
    """Colours of TIFF 6.0, section 5: all reds, then all greens, then all blues, 16 bits each."""
    if samples.dtype.kind not in "ub" or samples.ndim != 2 or len(colour_map) < 3:
        raise DamagedFileError("the TIFF data has no valid palette")
    colours = len(colour_map) // 3
    palette = np.array(colour_map[: 3 * colours], np.uint64).astype(np.uint16).reshape(3, colours)
    return np.take(palette.T, samples, axis=0, mode="clip")


def _to_grey(samples: Samples, bits: int | None, orientation: int) -> Decoded:
    """Grey of samples ``[H, W]`` or ``[H, W, 1..4]``: grey, grey-alpha, RGB, RGBA.

    ``bits`` is the declared depth, where the format has one. Alpha is composited over black.
    """
    if samples.ndim == 2:
        samples = samples[..., np.newaxis]
    if samples.ndim != 3 or not 1 <= samples.shape[2] <= 4 or samples.size == 0:
        raise DamagedFileError("the decoded data is not an image")
    samples = _orient(samples, orientation)
    channels = 1 if samples.shape[2] < 3 else 3
    colour, alpha = samples[..., :channels], samples[..., channels:]
    stored = min(bits or 64, 1 if samples.dtype == np.bool_ else 8 * samples.dtype.itemsize)
    if samples.dtype.kind in "bu" and samples.dtype.itemsize <= 2:
        used, warnings = bits_in_use(int(colour.max()), stored)
        top = float((1 << used) - 1)
        opaque = float((1 << 8 * samples.dtype.itemsize) - 1)
    else:
        top = opaque = 1.0
        colour, warnings = stretch(colour)
    grey = luma(colour, top) if channels == 3 else colour[..., 0] / np.float32(top)
    if alpha.size and not alpha.any():
        warnings = (*warnings, "the image is transparent everywhere; transparency was ignored")
    elif alpha.size:
        grey *= alpha[..., 0] / np.float32(opaque)
    np.clip(grey, 0, 1, out=grey)
    return Decoded(
        np.ascontiguousarray(grey),
        stored,
        warnings=warnings,
        in_colour=channels == 3 and in_colour(colour, top),
    )


def _orient(samples: Samples, orientation: int) -> Samples:
    """Apply EXIF orientation 1..8 (Exif 2.32, tag 0x0112) to ``[H, W, C]``."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    return samples
