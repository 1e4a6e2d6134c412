"""Unpacks a stream in bounded parts: gzip, xz and bzip2 by the standard library, LZ4 frames by the system's liblz4.

apt may keep its lists in LZ4, which the standard library cannot read; liblz4 is there wherever apt is: apt needs it.
What is in the stream is the caller's business, and so is the bound on its whole length.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason

PART_BYTES: Final = 512 * limits.KIB
LZ4_LIBRARY: Final = "liblz4.so.1"
LZ4_FRAME_VERSION: Final = 100
"""LZ4F_VERSION of lz4frame.h, the same in every release of liblz4 1.x."""
_UNKNOWN_PACKINGS: Final = ("zst", "lzma")


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def unpacked(name: str, packed: Iterable[bytes]) -> Iterator[bytes]:
    """`packed` unpacked by the ending of `name`, in parts of at most PART_BYTES; as it is for any other ending.

    Raises CouldNotLook(not-supported) for a packing that cannot be read here; ValueError for a stream that is damaged,
    cut, or followed by more (a second member would otherwise go unseen).
    """
    ending = name.rpartition(".")[2]
    if ending in _UNKNOWN_PACKINGS:
        raise CouldNotLook(Reason.NOT_SUPPORTED, f"lists packed as .{ending} are not read")
    if ending == "lz4":
        return _lz4(packed)
    if ending == "gz":
        return _gzip(packed)
    if ending == "xz":
        import lzma

        return _standard(packed, lzma.LZMADecompressor(memlimit=64 * limits.MIB), lzma.LZMAError)
    if ending == "bz2":
        import bz2

        return _standard(packed, bz2.BZ2Decompressor(), OSError)
    return iter(packed)


def _standard(packed: Iterable[bytes], machine: _Decompressor, fault: type[Exception]) -> Iterator[bytes]:
    try:
        for data in packed:
            part = machine.decompress(data, PART_BYTES)
            while part:
                yield part
                part = b"" if machine.eof or machine.needs_input else machine.decompress(b"", PART_BYTES)
            if machine.unused_data:
                raise ValueError("damaged: more follows after the end")
    except (fault, EOFError) as error:
        raise ValueError(f"damaged: {error}") from None
    if not machine.eof:
        raise ValueError("damaged: the stream ends too early")


def _gzip(packed: Iterable[bytes]) -> Iterator[bytes]:
    import zlib

    machine = zlib.decompressobj(wbits=31)
    try:
        for data in packed:
            while data and not machine.eof:
                part = machine.decompress(data, PART_BYTES)
                data = machine.unconsumed_tail
                if part:
                    yield part
            if data or machine.unused_data:
                raise ValueError("damaged: more follows after the end")
    except zlib.error as error:
        raise ValueError(f"damaged: {error}") from None
    if not machine.eof:
        raise ValueError("damaged: the stream ends too early")


class _Lz4:
    """The three functions of lz4frame.h that unpack a frame."""

    def __init__(self) -> None:
        try:
            library = ctypes.CDLL(LZ4_LIBRARY)
        except OSError:
            raise CouldNotLook(Reason.NOT_SUPPORTED, f"{LZ4_LIBRARY} is needed to read these lists") from None
        size = ctypes.POINTER(ctypes.c_size_t)
        self.create = library.LZ4F_createDecompressionContext
        self.create.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_uint]
        self.create.restype = ctypes.c_size_t
        self.free = library.LZ4F_freeDecompressionContext
        self.free.argtypes = [ctypes.c_void_p]
        self.free.restype = ctypes.c_size_t
        self.decompress = library.LZ4F_decompress
        self.decompress.argtypes = [
            ctypes.c_void_p,
            ctypes.c_void_p,
            size,
            ctypes.c_void_p,
            size,
            ctypes.c_void_p,
        ]
        self.decompress.restype = ctypes.c_size_t
        self.is_error = library.LZ4F_isError
        self.is_error.argtypes = [ctypes.c_size_t]
        self.is_error.restype = ctypes.c_uint


def _lz4(packed: Iterable[bytes]) -> Iterator[bytes]:
    library = _Lz4()
    context = ctypes.c_void_p()
    if library.is_error(library.create(ctypes.byref(context), LZ4_FRAME_VERSION)):
        raise MemoryError("liblz4 made no context")
    try:
        yield from _lz4_parts(library, context, packed)
    finally:
        library.free(context)


def _lz4_parts(library: _Lz4, context: ctypes.c_void_p, packed: Iterable[bytes]) -> Iterator[bytes]:
    room = ctypes.create_string_buffer(PART_BYTES)
    view = memoryview(room).cast("B")
    ended = False
    for data in packed:
        # The buffer stays alive as `source` for as long as liblz4 may look into it.
        source = ctypes.create_string_buffer(data, len(data))
        at = 0
        if data and ended:
            raise ValueError("damaged: more follows after the end")
        while not ended:
            made, taken = ctypes.c_size_t(PART_BYTES), ctypes.c_size_t(len(data) - at)
            hint = library.decompress(
                context,
                ctypes.addressof(room),
                ctypes.byref(made),
                ctypes.addressof(source) + at,
                ctypes.byref(taken),
                None,
            )
            if library.is_error(hint):
                raise ValueError("damaged: not a valid LZ4 frame")
            at += taken.value
            if made.value:
                yield bytes(view[: made.value])
            ended = hint == 0
            # A full room may leave unpacked bytes inside the context even when all input is taken.
            if at >= len(data) and made.value < PART_BYTES:
                break
            if not made.value and not taken.value:
                raise ValueError("damaged: the LZ4 stream does not go on")
        if at < len(data):
            raise ValueError("damaged: more follows after the end")
    if not ended:
        raise ValueError("damaged: the stream ends too early")
