"""The languages that a policy may name: those of two letters in ISO 639-1, and any code of three letters."""

from typing import Final

__all__ = ["ISO_639_1", "language"]

_CODES: Final = (
    "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee "
    "el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io "
    "is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn "
    "mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se "
    "sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi "
    "vo wa wo xh yi yo za zh zu"
)
ISO_639_1: Final = frozenset(_CODES.split())


def language(code: str) -> str:
    """The code, when it can be that of a language.

    Raises:
        ValueError: two letters that no language has.
    """
    if len(code) == 2 and code not in ISO_639_1:
        raise ValueError(f"{code} is no language of ISO 639-1; write one such as en or de")
    return code
