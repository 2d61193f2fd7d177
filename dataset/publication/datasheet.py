"""``datasheet.md``: what a dataset is, how it was made, and what must not be expected of it.

The questions are those of Gebru et al., Datasheets for Datasets (CACM 64(12), 2021), as far as
the toolkit can answer them from what it measured.
"""

from __future__ import annotations

from typing import Final

from jinja2 import Environment, StrictUndefined

from dataset.publication.facts import PublicationFacts
from dataset.sequence_facts import BlurLengths
from dataset.splits import SPLITS

_TEMPLATE: Final = """\
# {{ about.name }}

Pairs of one blurry and one sharp frame of the same moment, recorded by two cameras behind one \
beam splitter. Revision {{ about.revision }}{% if about.history %}, after \
{% for state in about.history %}{% if not loop.first %}, {% endif %}revision {{ state.revision }} \
(manifest `{{ state.manifest_sha256[:12] }}`){% endfor %}{% endif %}. Written by bsd-toolkit \
{{ about.toolkit }}. The content is named by the SHA-256 of `manifest.jsonl` in `dataset.json`.

## What it holds

Frames of {{ about.width_px }}×{{ about.height_px }} px, 8-bit sRGB. Exposures \
{{ facts.sharp_us | number }} µs (sharp) and {{ facts.blurry_us | number }} µs (blurry), setting \
{{ facts.setting }}\
{% if about.rate_hz %}, {{ about.rate_hz | number }} pairs per second{% endif %}.

| split | sequences | pairs |
|---|---|---|
{% for split in splits %}
| {{ split }} | {{ about.counts[split].sequences if split in about.counts else 0 }} \
| {{ about.counts[split].frames if split in about.counts else 0 }} |
{% endfor %}

A scene is in one split only. Splits are only added to: what was published once never moves.

{% for item in about.frames_left_out %}
{% if loop.first %}
Left out:

| clip or scene | reason |
|---|---|
{% endif %}
| {{ item.scene }} | {{ item.reason }} |
{% else %}
Nothing that was given to the build is left out.
{% endfor %}

## How it was recorded

Optics: {{ facts.optics }}. ND filter before the blurry camera: {{ facts.nd_transmission | \
percent }}. Each view has its own sensor; both are triggered by one pulse and the shorter \
exposure lies in the middle of the longer one.

| view | camera | pixel format | bits | note |
|---|---|---|---|---|
{% for camera in facts.cameras %}
| {{ camera.role }} | {{ camera.model }} | {{ camera.pixel_format }} | {{ camera.bits }} \
| {{ camera.note }} |
{% endfor %}

| session | recorded on | clips used | calibration |
|---|---|---|---|
{% for session in facts.sessions %}
| {{ session.session }} | {{ session.recorded_on or "not stated" }} | {{ session.clips }} \
| `{{ session.calibration_sha256[:12] }}` |
{% endfor %}

## How pairs were made

The blurry view keeps its own noise: black level and defective pixels are corrected, nothing is \
interpolated but the colour filter. The sharp view is brought to the blurry one's geometry and \
shading in one resampling. Both are clipped to a common white level, and white balance is \
constant over a sequence and the same for both.

{% for name, value in facts.options.items() %}
- {{ name }}: {{ value }}
{% endfor %}

## Calibration

{% for item in facts.tolerances %}
{% if loop.first %}
| item | residual | limit | uncertainty (1 σ) | session | note |
|---|---|---|---|---|---|
{% endif %}
| {{ item.item }} | {{ item.value | number(item.unit) }} | {{ item.limit | number(item.unit) }} \
| {{ item.sigma | number(item.unit) }} | {{ item.session }} | {{ item.note }} |
{% else %}
No tolerances were stated.
{% endfor %}

## Gates

Every clip that is published kept to these; those that did not are listed above.

{% for item in facts.gate_limits %}
{% if loop.first %}
| gate | limit | why |
|---|---|---|
{% endif %}
| {{ item.gate }} | {{ item.limit | number(item.unit) }} | {{ item.why }} |
{% else %}
No limits were stated.
{% endfor %}

## Sequences

{% for item in about.sequences %}
{% if loop.first %}
| sequence | scene | clip | pairs | crop (x, y, w, h) | white balance (R, G, B) | blur of the \
blurry view, median / p95 | of the sharp view | gates passed |
|---|---|---|---|---|---|---|---|---|
{% endif %}
| {{ item.split }}/{{ item.sequence }} | {{ item.scene }} | {{ item.session }}/{{ item.clip }} \
| {{ item.frames }} | {{ item.crop_px | join(", ") }} | {{ item.white_balance | rgb }} \
| {{ item.blurry_blur_px | blur }} | {{ item.sharp_blur_px | blur }} \
| {{ item.gates | selectattr("passed") | list | length }} of {{ item.gates | length }}\
{% set open = item.gates | selectattr("passed", "none") | list | length %}\
{{ ", %d had nothing to judge" % open if open }} |
{% else %}
No facts of single sequences were stated.
{% endfor %}

## Files beside RGB

For all frames or for none, each under the number of its frame:

- `RAW`: the samples as they were sensed, of the blurry camera those of the frame, of the sharp \
one those around it. `ImageDescription` of the TIFF has the colours of the upper left 2×2 cell, \
row by row, and the significant bits.
- `map.npy` of a sequence: float32 (h, w, 2), for each pixel of Blur/RAW its (x, y) in pixels of \
Sharp/RAW, by green, pixel centres at integers.
- `Linear`: uint16 samples of light, aligned and without white balance; `dataset.json` states \
for each sequence how many counts one DN of the blurry camera is, and which count is black.
- `Mask`: 255 where a clipped sample had a share in the pixel, else 0.

## Limits

{% for text in limits %}
- {{ text }}
{% endfor %}

## People and consent

{{ facts.consent }}

## Licence

The data: {{ facts.licence.name }}{% if facts.licence.url %}, <{{ facts.licence.url }}>\
{% endif %}; see `LICENSE-DATA.txt`. The software that made it has a licence of its own.
{% if facts.contact %}

Questions and withdrawals: {{ facts.contact }}
{% endif %}

## How to check it

`python -m dataset.verify DIR` compares every file with the manifest. `build.json` is the plan by \
which it was built.
"""
_GENERAL_LIMITS: Final = (
    "The sharp view is not free of blur: its own exposure blurs it too. The table of sequences"
    " states how much.",
    "The two views are from two sensors: noise is independent, and colours agree only within the"
    " stated tolerances.",
    "Scores near the ceilings of the calibration say nothing about a model.",
    "Where a view is saturated, the pair is not comparable: leave those pixels out (Mask).",
)
_SIGNS: Final = {"percent": "%"}
_SPECIAL: Final = frozenset("\\`*_{}[]<>#|~")


def datasheet(facts: PublicationFacts) -> str:
    """The datasheet as Markdown text; the same for the same facts."""
    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # Markdown: `_plain` escapes what comes from outside
        finalize=_plain,
    )
    environment.filters |= {"number": _number, "percent": _percent, "rgb": _rgb, "blur": _blur}
    return environment.from_string(_TEMPLATE).render(
        facts=facts,
        about=facts.description,
        splits=SPLITS,
        limits=(*facts.known_limits, *_GENERAL_LIMITS),
    )


def _plain(value: object) -> object:
    """Names and sentences from outside must not become markup or a new line."""
    if not isinstance(value, str):
        return value
    line = " ".join(value.split())
    return "".join(f"\\{letter}" if letter in _SPECIAL else letter for letter in line) or " "


def _number(value: float | None, unit: str = "") -> str:
    if value is None:
        return "–"
    text = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # never 1.6e+04
    return f"{text}{f' {_SIGNS.get(unit, unit)}' if unit else ''}"


def _percent(value: float | None) -> str:
    return "not stated" if value is None else f"{100 * value:.4g} %"


def _rgb(values: tuple[float, float, float]) -> str:
    return ", ".join(_number(value) for value in values)


def _blur(lengths: BlurLengths | None) -> str:
    return "–" if lengths is None else f"{lengths.median_px:.3g} / {lengths.p95_px:.3g} px"
