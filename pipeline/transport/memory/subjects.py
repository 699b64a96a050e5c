"""Which subjects a pattern names, by NATS' rules."""

__all__ = ["matches"]


def matches(pattern: str, subject: str) -> bool:
    """Whether `subject` fits `pattern`: `*` is one token, a last `>` one or more."""
    wanted, given = pattern.split("."), subject.split(".")
    for index, word in enumerate(wanted):
        if word == ">":
            return len(given) > index
        if index >= len(given) or word not in ("*", given[index]):
            return False
    return len(wanted) == len(given)
