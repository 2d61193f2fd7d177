"""Ready scenes: what stands before the rig for each purpose of a clip."""

from __future__ import annotations

from typing import Any

_GREY_WALL = {"picture": {"kind": "flat", "reflectance": (0.18, 0.18, 0.18)}, "distance_mm": 8000.0}


def _standing(picture: dict[str, Any], distance_mm: float = 2000.0) -> dict[str, Any]:
    return {"layers": [_GREY_WALL, {"picture": picture, "distance_mm": distance_mm}]}


def _photograph(name: str, width_mm: float, **fields: Any) -> dict[str, Any]:
    return {"kind": "photograph", "name": name, "width_mm": width_mm, **fields}


# Widths are such that a picture's texel is at most one pixel at f = 1,600 px: as sharp as can be.
SCENES: dict[str, dict[str, Any]] = {
    "photographs": {
        "layers": [
            {"picture": _photograph("brick", 1600.0, extent="mirror"), "distance_mm": 6000.0},
            {
                "picture": _photograph("coffee", 1100.0),
                "distance_mm": 4000.0,
                "centre_mm": (-350.0, 250.0),
            },
            {
                "picture": _photograph("astronaut", 640.0),
                "distance_mm": 2500.0,
                "centre_mm": (150.0, -60.0),
            },
            {
                "picture": _photograph("chelsea", 260.0, outline="ellipse"),
                "distance_mm": 1500.0,
                "centre_mm": (-120.0, 90.0),
                "motion": {"velocity_mm_s": (700.0, 0.0, 0.0), "reverse_every_s": 0.35},
            },
        ]
    },
    "noise": {"layers": [{"picture": {"kind": "noise", "width_mm": 600.0}}]},
    "flat": {"layers": [{"picture": {"kind": "flat"}}]},
    "dark": {"cap": True},
    "chessboard": _standing({"kind": "chessboard"}),
    "charuco": _standing({"kind": "charuco"}),
    "chart": _standing({"kind": "chart"}),
    "dots": _standing({"kind": "dots"}),
    "led_bar": _standing({"kind": "led_bar"}, 1000.0),
}
"""Name → fields of a `SceneConfig`."""


def scene_fields(name: str) -> dict[str, Any]:
    """Fields of a ready scene; `ValueError` names those that there are."""
    if name not in SCENES:
        raise ValueError(f"no scene '{name}'; there are {', '.join(SCENES)}")
    return SCENES[name]
