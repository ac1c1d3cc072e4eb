"""Colors of the page, read from its style sheets: contrast (WCAG 2.2) and what is left of them with any vision."""

import re
from itertools import combinations

import numpy as np
import pytest
from matplotlib.markers import MarkerStyle

from restorelab.report import plots
from restorelab.report.charts.heat_map import STEPS
from restorelab.report.charts.look import COLORS
from restorelab.report.page import asset

CSS = str(asset("style.css"))
THEMES = {"light": 0, "dark": 1}

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(color: str) -> np.ndarray:
    digits = color.lstrip("#")
    digits = "".join(d * 2 for d in digits) if len(digits) == 3 else digits
    value = np.array([int(digits[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    low, high = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b))
    return (high + 0.05) / (low + 0.05)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Ottosson 2020."""
    cones = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                      [0.0883024619, 0.2817188376, 0.6299787005]]) @ np.clip(rgb, 0, 1)  # fmt: skip
    return np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                     [0.0259040371, 0.7827717662, -0.8086757660]]) @ np.cbrt(cones)  # fmt: skip


def named(name: str, theme: str) -> str:
    found = re.search(rf"--{name}: light-dark\((#\w+), (#\w+)\)", CSS)
    assert found, name
    return found[1 + THEMES[theme]]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", ["paper", "raised", "field", "mark"])
@pytest.mark.parametrize("text", ["ink", "soft", "accent", "good", "bad", "amber"])
def test_words_can_be_read(text: str, ground: str, theme: str) -> None:
    assert contrast(named(text, theme), named(ground, theme)) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("verdict", ["good", "bad", "amber", "blue", "soft"])
def test_chips_can_be_read(verdict: str, theme: str) -> None:
    assert contrast(named("chip", theme), named(verdict, theme)) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_lines_can_be_seen_and_told_apart_with_any_vision(theme: str) -> None:
    palette = [named(f"c{number}", theme) for number in range(COLORS)]
    assert all(contrast(color, named("paper", theme)) >= 3 for color in [*palette, named("cx", theme)])
    for vision, matrix in VISION.items():
        seen = [oklab(np.array(matrix) @ linear(color)) for color in palette]
        nearest = min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2))
        assert nearest >= (0.07 if vision == "tritan" else 0.1), vision  # a just noticeable difference is about 0.02


def test_plotted_figures_have_the_colors_of_the_light_page() -> None:
    assert tuple(named(f"c{number}", "light") for number in range(COLORS)) == plots.COLORS
    markers = {plots.marker(number) for number in range(COLORS)}
    assert len(markers) == COLORS
    assert markers <= set(MarkerStyle.markers)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("step", [f"{ramp}{number}" for ramp in "sd" for number in range(STEPS + 1)])
def test_numbers_on_the_colors_of_a_heat_map_can_be_read(step: str, theme: str) -> None:
    found = re.search(
        rf"\.{step} {{ --in: light-dark\((#\w+), (#\w+)\)(?:; --on: light-dark\((#\w+), (#\w+)\))? }}", CSS
    )
    assert found, step
    text = found[3 + THEMES[theme]] or named("ink", theme)
    assert contrast(found[1 + THEMES[theme]], text) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_the_ramps_go_one_way(theme: str) -> None:
    def lightness(step: str) -> float:
        found = re.search(rf"\.{step} {{ --in: light-dark\((#\w+), (#\w+)\)", CSS)
        assert found
        return float(oklab(linear(found[1 + THEMES[theme]]))[0])

    rising = [lightness(f"s{number}") for number in range(STEPS + 1)]
    assert (np.diff(rising if theme == "dark" else rising[::-1]) > 0).all()
    around = [lightness(f"d{number}") for number in range(STEPS + 1)]
    away = np.diff(around) * (1 if theme == "dark" else -1)
    assert (away[: STEPS // 2] < 0).all()
    assert (away[STEPS // 2 :] > 0).all()
