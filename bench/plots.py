"""Pictures of what was measured, as SVG that is readable on light and dark pages.

    python -m bench.plots           draws bench/plots anew from bench/whole.json and bench/storms.json

Text is text, in the colour of the page it stands on; each picture has a title and a description for those who
do not see it.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, floor, log10
from pathlib import Path
from statistics import median
from typing import Any
from xml.sax.saxutils import escape

import orjson

from bench.names import CROWD, HITS, MISSES, WRITES

WIDTH = 720
_ROW, _LABELS, _TOP, _FIGURES = 30, 236, 56, 150
# Of a chart over time: where its panels are.
_LEFT, _RIGHT, _PANEL, _GAP, _LEGEND = 72, 20, 150, 44, 26
_CHARACTER = 7.2

# Colours that differ in brightness too (Okabe and Ito); of the first the dark page has a lighter one.
_STYLE = """\
svg { color: #1b1f24; font: 13px system-ui, sans-serif; }
text { fill: currentColor; }
.title { font-weight: 600; font-size: 15px; }
.small { font-size: 12px; opacity: .75; }
.axis { stroke: currentColor; opacity: .25; }
.range { stroke: currentColor; stroke-width: 1.5; opacity: .6; }
.shade { fill: currentColor; opacity: .07; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.a { --hue: #0072b2; } .b { --hue: #8a8f98; } .c { --hue: #d55e00; } .d { --hue: #009e73; }
.e { --hue: #cc79a7; }
.bar { fill: var(--hue); } .line, .key { stroke: var(--hue); } .key { stroke-width: 3; }
@media (prefers-color-scheme: dark) { svg { color: #e6edf3; } .a { --hue: #56b4e9; } .c { --hue: #f0803c; } }
"""

# The pictures of whole.json, by load.
OF_WHOLE = {HITS: "hits", MISSES: "misses", WRITES: "writes", CROWD: "readers"}


@dataclass(frozen=True)
class Bar:
    """A figure, with the least and the most of its rounds."""

    name: str
    least: float
    middle: float
    most: float
    is_ours: bool = False


@dataclass(frozen=True)
class Line:
    """What is drawn over time: a name, a colour of the style, and a value for each moment."""

    name: str
    colour: str
    # None where there is nothing to be drawn.
    values: Sequence[float | None]
    is_dashed: bool = False


@dataclass(frozen=True)
class Panel:
    """Lines with one scale, which is logarithmic where values differ a thousandfold."""

    unit: str
    lines: Sequence[Line]
    is_logarithmic: bool = False


def bars(title: str, unit: str, found: Sequence[Bar]) -> str:
    """Bars from the top down; a thin line is from the least to the most."""
    most = max([bar.most for bar in found] or [0]) or 1
    scale = (WIDTH - _LABELS - _FIGURES) / most
    said = "; ".join(f"{bar.name}: {bar.middle:,.0f}" for bar in found)
    lines: list[str] = []
    for number, bar in enumerate(found):
        top = _TOP + number * _ROW
        middle = top + 10
        least, end = _LABELS + bar.least * scale, _LABELS + bar.most * scale
        figures = f'{bar.middle:,.0f} <tspan class="small">{bar.least:,.0f}–{bar.most:,.0f}</tspan>'
        lines += [
            _text(_LABELS - 10, middle + 4, escape(_cut(bar.name)), anchor="end"),
            _box("bar a" if bar.is_ours else "bar b", _LABELS, top, bar.middle * scale, 20),
            _rule("range", least, middle, end, middle),
            _text(end + 8, middle + 4, figures),
        ]
    return _picture(title, f"{unit}. {said}.", _TOP + len(found) * _ROW + 10, unit, lines)


def over_time(
    title: str,
    description: str,
    moments: Sequence[float],
    shaded: tuple[float, float],
    panels: Sequence[Panel],
) -> str:
    """Panels one above the other over the same seconds, of which some are shaded."""
    end = (moments[-1] + moments[1] - moments[0]) if len(moments) > 1 else 1.0
    scale = (WIDTH - _LEFT - _RIGHT) / end
    lines: list[str] = []
    top = _TOP
    for panel in panels:
        lines += _panel(panel, moments, scale, shaded, top + _LEGEND)
        top += _LEGEND + _PANEL + _GAP
    foot = top - _GAP + 18
    for second in range(0, floor(end) + 1, _step(end)):
        lines.append(_text(_LEFT + second * scale, foot, f"{second} s", "small", "middle"))
    return _picture(title, description, foot + 12, _UNDER_TIME, lines)


def _panel(
    panel: Panel, moments: Sequence[float], scale: float, shaded: tuple[float, float], top: float
) -> Iterator[str]:
    most = max([value or 0.0 for line in panel.lines for value in line.values] or [1.0]) or 1.0
    height = _log_height(most) if panel.is_logarithmic else _even_height(most)
    left, right = (_LEFT + at * scale for at in shaded)
    yield _box("shade", left, top, right - left, _PANEL)
    for mark in height.marks:
        y = top + _PANEL * (1 - height.of(mark))
        yield _rule("axis", _LEFT, y, WIDTH - _RIGHT, y)
        yield _text(_LEFT - 8, y + 4, f"{mark:,.0f}", "small", "end")
    yield _text(_LEFT, top - 10, escape(panel.unit), "small")
    at = _LEFT + len(panel.unit) * _CHARACTER + 24
    for line in panel.lines:
        dash = ' stroke-dasharray="5 4"' if line.is_dashed else ""
        yield _rule(f"key {line.colour}", at, top - 14, at + 18, top - 14, dash)
        yield _text(at + 24, top - 10, escape(line.name))
        at += 24 + len(line.name) * _CHARACTER + 22
        for drawn, part in groupby(zip(moments, line.values, strict=True), lambda pair: pair[1] is not None):
            if drawn:
                points = " ".join(
                    f"{_LEFT + moment * scale:.1f},{top + _PANEL * (1 - height.of(value or 0)):.1f}"
                    for moment, value in part
                )
                yield f'<polyline class="line {line.colour}" points="{points}"{dash}/>'


@dataclass(frozen=True)
class _Height:
    marks: Sequence[float]
    is_logarithmic: bool = False

    def of(self, value: float) -> float:
        """From 0 at the bottom of a panel to 1 at its top."""
        if not self.is_logarithmic:
            return value / self.marks[-1]
        low, high = log10(self.marks[0]), log10(self.marks[-1])
        return (log10(max(value, self.marks[0])) - low) / (high - low)


def _even_height(most: float) -> _Height:
    size = 10 ** floor(log10(most))
    step = next(size * part for part in (0.2, 0.25, 0.5, 1, 2, 2.5) if most / (size * part) <= 5)
    return _Height([step * number for number in range(ceil(most / step) + 1)])


def _log_height(most: float) -> _Height:
    return _Height([10.0**power for power in range(max(ceil(log10(most)), 1) + 1)], is_logarithmic=True)


def _step(end: float) -> int:
    return next(step for step in (1, 2, 5, 10, 30, 60, 600) if end / step <= 16)


def _cut(name: str) -> str:
    return name if len(name) <= 34 else f"{name[:33]}…"


def _text(x: float, y: float, inside: str, kind: str = "label", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{inside}</text>'


def _rule(kind: str, x: float, y: float, to_x: float, to_y: float, more: str = "") -> str:
    return f'<line class="{kind}" x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"{more}/>'


def _box(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _picture(title: str, description: str, height: float, under: str, lines: Sequence[str]) -> str:
    size = f'viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}"'
    told = 'role="img" aria-labelledby="title description"'
    whole = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {told}>',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="description">{escape(description)}</desc>',
        f"<style>\n{_STYLE}</style>",
        _text(12, 24, escape(title), "title"),
        *([_text(12, 42, escape(under), "small")] if under else []),
        *lines,
        "</svg>\n",
    ]
    return "\n".join(whole)


def draw(folder: Path) -> None:
    """All pictures of which the folder has the figures, into `plots` in it."""
    into = folder / "plots"
    into.mkdir(exist_ok=True)
    for source, pictures in (("whole.json", _of_whole), ("storms.json", _of_storms)):
        if folder.joinpath(source).exists():
            for name, text in pictures(orjson.loads(folder.joinpath(source).read_bytes())):
                into.joinpath(f"{name}.svg").write_text(text, encoding="utf-8")


def _of_whole(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for what, loads in raw["rounds"].items():
        found = [_bar(server, rounds) for server, rounds in loads.items()]
        if what in OF_WHOLE:
            yield OF_WHOLE[what], bars(f"{what[0].upper()}{what[1:]}", _UNDER_BARS, found)


_UNDER_BARS = (
    "Requests a second that were answered as they should be; the median of the rounds, least to most"
)

_UNDER_TIME = "What was due in each half second, and what became of it; while it is shaded, more was"


def _bar(server: str, rounds: Sequence[Mapping[str, float]]) -> Bar:
    rates = sorted(max(one["requests"] - one["failed"], 0) / one["seconds"] for one in rounds)
    return Bar(server, rates[0], median(rates), rates[-1], server.startswith("taskapi"))


def _of_storms(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if raw["bursts"]:
        yield "burst", _storm("A burst of readers", raw["bursts"][-1])
    if raw["overload"].get("misses"):
        yield "overload", _storm("Overload by misses, on one core", raw["overload"]["misses"][-1])


def _storm(title: str, storm: Mapping[str, Any]) -> str:
    """The last round: what was due in each half second, and what became of it."""
    moments = [begin for begin, _ in storm["windows"]]
    seen = [one for _, one in storm["windows"]]
    usual = seen[0]["offered"]
    many = [begin for begin, one in storm["windows"] if one["offered"] > 2 * usual]
    shaded = (many[0], many[-1] + moments[1]) if many else (0.0, 0.0)
    rates = [
        Line("offered", "b", [one["offered"] for one in seen], is_dashed=True),
        Line("answered in 1 s", "a", [one["in_time"] for one in seen]),
        Line("later", "e", [one["good"] - one["in_time"] for one in seen]),
        Line("refused", "d", [one["refused"] for one in seen]),
        Line("failed", "c", [one["failed"] for one in seen]),
    ]
    most, longest = max(one["offered"] for one in seen), max(one["p99"] for one in seen)
    description = (
        f"Of what was due in each half second: {usual:,.0f} requests a second, and {most:,.0f} "
        f"from second {shaded[0]:.1f} to {shaded[1]:.1f}. The longest p99 is {longest:,.0f} ms."
    )
    times = [one["p99"] if one["good"] else None for one in seen]
    p99 = Panel("ms, by a logarithm", [Line("p99", "a", times)], is_logarithmic=True)
    return over_time(title, description, moments, shaded, [Panel("requests a second", rates), p99])


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
