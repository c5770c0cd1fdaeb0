"""What rules want to know of binary files: core dumps, symbols for debuggers, module sections.

Formats: ELF (https://refspecs.linuxfoundation.org/elf/elf.pdf), Mach-O, and WebAssembly
(https://webassembly.github.io/spec/core/binary/).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_CORE = 4
"""The ELF type of a core dump."""
_SEGMENT_64 = 0x19
"""The Mach-O load command that names a segment."""


def is_core_dump(head: bytes) -> bool:
    """Whether a file begins as a core dump of a Unix system does."""
    if head[:4] != b"\x7fELF" or len(head) < 18:
        return False
    kind: int = struct.unpack_from(_order(head) + "H", head, 16)[0]
    return kind == _CORE


def debug_size(data: bytes) -> int:
    """Bytes of symbols for debuggers in an ELF or 64-bit Mach-O file."""
    try:
        if data[:4] == b"\x7fELF" and data[4:5] == b"\x02":
            return sum(size for name, size in _elf_sections(data) if name.startswith(b".debug_"))
        if data[:4] == b"\xcf\xfa\xed\xfe":
            return _dwarf_size(data)
    except struct.error:
        return 0
    return 0


def _order(head: bytes) -> str:
    return ">" if head[5:6] == b"\x02" else "<"


def _elf_sections(data: bytes) -> Iterator[tuple[bytes, int]]:
    order = _order(data)
    table: int = struct.unpack_from(order + "Q", data, 0x28)[0]
    size, count, names = struct.unpack_from(order + "HHH", data, 0x3A)
    if size < 0x40 or names >= count:
        return
    texts: int = struct.unpack_from(order + "Q", data, table + names * size + 0x18)[0]
    for number in range(count):
        at = table + number * size
        name: int = struct.unpack_from(order + "I", data, at)[0]
        length: int = struct.unpack_from(order + "Q", data, at + 0x20)[0]
        start = texts + name
        yield data[start : start + 40].partition(b"\0")[0], length


def _dwarf_size(data: bytes) -> int:
    (commands,) = struct.unpack_from("<I", data, 16)
    at, total = 32, 0
    for _ in range(min(commands, 1000)):
        command, size = struct.unpack_from("<II", data, at)
        if command == _SEGMENT_64 and data[at + 8 : at + 24].rstrip(b"\0") == b"__DWARF":
            total += struct.unpack_from("<Q", data, at + 48)[0]
        if size < 8:
            break
        at += size
    return total


def wasm_sections(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of the custom sections of a WebAssembly module."""
    if not data.startswith(b"\0asm"):
        return
    at = 8
    while at < len(data):
        kind = data[at]
        size, at = leb128(data, at + 1)
        end = at + size
        if kind == 0:
            length, name_at = leb128(data, at)
            yield data[name_at : name_at + length], data[name_at + length : end]
        at = end


def leb128(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned number of at most 35 bits, and the offset behind it."""
    value = shift = 0
    while at < len(data) and shift < 35:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            break
    return value, at
