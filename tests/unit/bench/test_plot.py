"""Plots are valid SVG that shows every number."""

import xml.etree.ElementTree as ET

import pytest

from bench import plot

SVG = "{http://www.w3.org/2000/svg}"


def parsed(*pictures: str) -> ET.Element:
    return ET.fromstring(plot.stacked(pictures))


def test_each_point_has_a_dot_inside_the_picture() -> None:
    points = [(2.0, 0.5), (1_000.0, 900.0), (30.0, 12.0)]
    drawn = parsed(plot.lines("a < b & c", "x", "y", {"one": points, "none": []}, log_x=True, log_y=True))
    dots = list(drawn.iter(f"{SVG}circle"))
    assert len(dots) == 3
    assert all(plot.LEFT <= float(dot.attrib["cx"]) <= plot.WIDTH - plot.RIGHT for dot in dots)
    assert all(plot.TOP <= float(dot.attrib["cy"]) <= plot.HEIGHT - plot.BOTTOM for dot in dots)
    assert any(text.text == "a < b & c" for text in drawn.iter(f"{SVG}text"))


def test_a_stack_is_as_high_as_its_parts_together() -> None:
    drawn = parsed(plot.bars("cost", "us", {"a": {"x": 3.0, "y": 1.0}, "b": {"x": 2.0, "y": -0.1}}))
    bars = [bar for bar in drawn.iter(f"{SVG}rect") if float(bar.attrib["width"]) > 10 and "x" in bar.attrib]
    first, second, third, fourth = (float(bar.attrib["height"]) for bar in bars)
    assert first == pytest.approx(3 * second, abs=0.2)
    assert third == pytest.approx(2 * second, abs=0.2)
    assert fourth == 0


def test_ticks_are_round_and_few() -> None:
    assert plot.Axis(0, 97).ticks() == [0, 20, 40, 60, 80]
    assert plot.Axis(1.8, 1_100, log=True).ticks() == [10, 100, 1_000]


def test_nothing_to_plot_is_said() -> None:
    with pytest.raises(ValueError, match="nothing to plot"):
        plot.lines("empty", "x", "y", {"one": []})
