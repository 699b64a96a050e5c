"""What looks alike and is not: letters of another alphabet among Latin ones, and characters that nobody sees."""

from pipeline.likeness.reading import Reading

__all__ = ["script"]


def script(new: Reading, old: Reading) -> bool:
    """Whether neither hides what the other does not, no word mixes alphabets, and both are written in the same ones.

    What is hidden may be an instruction that a model reads and a person does not.
    """
    if new.hidden != old.hidden:
        return False
    return not new.mixed and not old.mixed and new.scripts == old.scripts
