"""Patience with a store on a machine that is busy with other tests: what is remembered is tested, not how fast."""

import pytest

from stages.audit.worker import Audit

PLENTY_S = 10.0


def have_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything wait for the store and the encoder for as long as it takes."""
    monkeypatch.setattr("pipeline.adapters.answer_cache.PATIENCE_S", PLENTY_S)
    monkeypatch.setattr("pipeline.adapters.likeness.ENCODE_S", PLENTY_S)
    monkeypatch.setattr("pipeline.adapters.likeness.STORE_S", PLENTY_S)
    monkeypatch.setattr("pipeline.adapters.past_drafts.ENCODE_S", PLENTY_S)
    monkeypatch.setattr("pipeline.adapters.past_entries.STORE_S", PLENTY_S)
    monkeypatch.setitem(Audit.__init__.__kwdefaults__ or {}, "patience_s", PLENTY_S)
