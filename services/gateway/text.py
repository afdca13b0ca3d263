"""Pure: text as it is stored. REST and sockets hand in what people typed; both get the same."""

import unicodedata
from itertools import pairwise

from warren.contracts import limits
from warren.contracts.errors import invalid

_STRIPPED = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}
_JOINER = "\u200d"


def normalise_body(text: str) -> str:
    """A message body: NFC, without control characters but line feed and tab. Refused unless 1..8,000 are left."""
    if not (text.isascii() and text.isprintable()):
        text = unicodedata.normalize("NFC", text).translate(_STRIPPED)
    if not 1 <= len(text) <= limits.BODY_CHARACTERS:
        raise invalid("body", f"1 to {limits.BODY_CHARACTERS:,} characters")
    return text


def normalise_line(text: str, field: str, most: int) -> str:
    """A name or a topic: NFC, one line, no space at its ends or twice. Refused unless 1..`most` characters are left."""
    line = " ".join(unicodedata.normalize("NFC", text).translate(_STRIPPED).split())
    if not 1 <= len(line) <= most:
        raise invalid(field, f"1 to {most} characters")
    return line


def normalise_emoji(text: str) -> str:
    """One grapheme of at most EMOJI_CHARACTERS code points."""
    emoji = unicodedata.normalize("NFC", text)
    if len(emoji) > limits.EMOJI_CHARACTERS or not is_one_grapheme(emoji):
        raise invalid("emoji", "one character")
    return emoji


def is_one_grapheme(text: str) -> bool:
    """Does a person see one character? Follows the rules of UAX 29 that emoji need: marks, joiners, flags, tags."""
    if not text or not text[0].isprintable() or text[0].isspace() or unicodedata.category(text[0]).startswith("M"):
        return False
    if _is_flag_letter(text[0]):
        return len(text) == 2 and _is_flag_letter(text[1])
    return all(
        _extends(character) or (before == _JOINER and character.isprintable() and not character.isspace())
        for before, character in pairwise(text)
    )


def _extends(character: str) -> bool:
    code = ord(character)
    skin_tone, tag = 0x1F3FB <= code <= 0x1F3FF, 0xE0020 <= code <= 0xE007F
    return character == _JOINER or skin_tone or tag or unicodedata.category(character) in ("Mn", "Me", "Mc")


def _is_flag_letter(character: str) -> bool:
    return 0x1F1E6 <= ord(character) <= 0x1F1FF
