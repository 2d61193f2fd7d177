"""What made a file: versions, hashes, machine. Nothing here depends on time or place."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bsd.document import Document, Part
from bsd.threads import available_cores

DISTRIBUTION = "bsd-toolkit"
_CHUNK_BYTES = 1 << 20


class Environment(Part):
    """The software and the processor that a number was made on."""

    toolkit: str
    python: str
    system: str
    processor: str
    cores: int
    packages: dict[str, str]


def toolkit_version() -> str:
    """Version of the installed distribution; its only source is ``pyproject.toml``."""
    return version(DISTRIBUTION)


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Installed versions of the named distributions; absent ones are left out."""
    found = {}
    for name in sorted(names):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def environment(packages: Iterable[str] = ()) -> Environment:
    """Describe this machine and the versions of `packages` on it."""
    return Environment(
        toolkit=toolkit_version(),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        processor=_processor_name(),
        cores=available_cores(),
        packages=package_versions(packages),
    )


def sha256_bytes(content: bytes | memoryview) -> str:
    """SHA-256 of `content`, 64 lowercase hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file, read in pieces of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_document(document: Document) -> str:
    """SHA-256 of a document's JSON text: equal settings have equal hashes."""
    return sha256_bytes(document.to_json().encode())


def _processor_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
