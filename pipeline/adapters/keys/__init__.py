"""Keys of callers in the bucket `keys`: `KeyStore` changes them, `KeyBook` holds a copy that is always up to date."""

from pipeline.adapters.keys.book import KeyBook
from pipeline.adapters.keys.store import KeyStore, parse_record

__all__ = ["KeyBook", "KeyStore", "parse_record"]
