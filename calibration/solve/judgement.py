"""One figure against its limit."""

from __future__ import annotations

from calibration.bundle.document import Item


def failed(name: str, text: str, *, setting: str = "", unit: str = "") -> Item:
    """Without a figure, and broken."""
    return Item(
        name=name, setting=setting, value=None, limit=None, unit=unit, passed=False, text=text
    )


def unusable(name: str, text: str, *, setting: str = "", unit: str = "") -> Item:
    """Clips were recorded for it, and cannot be used."""
    item = failed(name, text, setting=setting, unit=unit)
    return item.model_copy(update={"unusable": True})


def judged(
    name: str,
    value: float | None,
    limit: float | None,
    unit: str,
    text: str,
    *,
    setting: str = "",
) -> Item:
    """A figure, without its sign, against its limit; without one of them nothing is judged."""
    passed = None if value is None or limit is None else bool(abs(value) <= limit)
    return Item(
        name=name, setting=setting, value=value, limit=limit, unit=unit, passed=passed, text=text
    )
