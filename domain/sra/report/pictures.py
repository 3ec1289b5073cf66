"""Kind and size of a logo, read from its first bytes, so that a file that would unpack to gigabytes is never unpacked."""

from typing import Literal

JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})


def picture_size(content: bytes) -> tuple[Literal["png", "jpg"], int, int]:
    """Kind, width and height in pixels; ValueError when it is neither a PNG nor a JPEG."""
    if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR" and len(content) >= 24:
        return "png", int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
    if content.startswith(b"\xff\xd8\xff"):
        place = 2
        while place + 9 <= len(content) and content[place] == 0xFF:
            marker, length = content[place + 1], int.from_bytes(content[place + 2 : place + 4])
            if marker in JPEG_FRAMES:
                height, width = content[place + 5 : place + 7], content[place + 7 : place + 9]
                return "jpg", int.from_bytes(width), int.from_bytes(height)
            place += 2 + max(length, 2)
    raise ValueError("the logo is neither a PNG nor a JPEG file")
