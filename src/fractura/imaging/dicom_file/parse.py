"""Parse the elements of a DICOM file with bounded time and memory."""

from __future__ import annotations

import warnings
import zlib
from io import BytesIO

from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset, read_partial
from pydicom.tag import BaseTag, Tag

from fractura.errors import DamagedFileError, LoadError, TooLargeError
from fractura.imaging.limits import MAX_FILE_BYTES

_MAX_READS = 200_000

# Its remarks on sloppy files would reach a person's terminal; what matters is checked by us.
warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom\.")


class CountedStream(BytesIO):
    """Bytes that may be read only so often, so that millions of empty elements end in an error."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read bytes, as a file does, and refuse what reads without end."""
        self._reads += 1
        if self._reads > _MAX_READS:
            raise TooLargeError("its DICOM data has too many elements")
        return super().read(size)


def parse(data: bytes, keywords: list[str]) -> Dataset:
    """Parse the named elements, up to and with the pixel data, and the file meta information.

    Raises:
        DamagedFileError: the elements cannot be parsed.
        TooLargeError: they are too many, or inflate to too much.
    """
    try:
        return _parse(data, [Tag(keyword) for keyword in keywords])
    except LoadError:
        raise
    except Exception as error:  # pydicom raises many types on damaged elements
        raise DamagedFileError("its DICOM elements are damaged") from error


def _parse(data: bytes, tags: list[BaseTag | int]) -> Dataset:
    start = 132 if data[128:132] == b"DICM" else 0
    stream = CountedStream(data)
    stream.seek(start)
    meta = Dataset()
    if data[start : start + 2] == b"\x02\0":
        meta = read_dataset(stream, False, True, stop_when=lambda tag, *_: tag.group != 2)
    if meta.get("TransferSyntaxUID") != uid.DeflatedExplicitVRLittleEndian:
        stream.seek(0)
        return read_partial(stream, _is_after_pixels, force=True, specific_tags=tags)
    # pydicom would inflate without a limit.
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = inflater.decompress(stream.read(), MAX_FILE_BYTES)
    if inflater.unconsumed_tail:
        raise TooLargeError(f"its deflated data holds more than {MAX_FILE_BYTES:,} bytes")
    dataset = read_dataset(
        CountedStream(inflated), False, True, stop_when=_is_after_pixels, specific_tags=tags
    )
    dataset.file_meta = FileMetaDataset(meta)
    return dataset


def _is_after_pixels(tag: int, *_: object) -> bool:
    return tag > 0x7FE00010
