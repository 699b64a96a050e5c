"""Refuse requests that hold a phrase its owner has blocked.

Decides: whether any text of the request holds a blocked phrase, however it is capitalised, spaced or composed.

May lose or repeat: nothing; the same request under the same list is decided alike every time.

Never: calls a model, changes a text, or repeats a blocked phrase in an error, a record or a log.
"""

from stages.moderate.worker import Moderate

__all__ = ["Moderate"]
