# python -m pytest tests/test_scale_plot.py
from xml.etree import ElementTree

from benchmarks.scale_plot import STEPS, plot


def test_a_line_goes_through_every_size_and_up():
    results = {
        str(num): {"steps": {step: {"seconds": num / 50, "peak_mb": 200.0} for step in STEPS}}
        for num in (100, 1_000, 10_000)
    }
    drawn = ElementTree.fromstring(plot(results))
    lines = [
        [tuple(map(float, point.split(","))) for point in line.get("points").split()]
        for line in drawn.iter("{http://www.w3.org/2000/svg}polyline")
    ]
    assert len(lines) == 2 * len(STEPS)
    seconds, memory = lines[0], lines[-1]
    assert [x for x, _ in seconds] == sorted({x for x, _ in seconds})
    assert [y for _, y in seconds] == sorted({y for _, y in seconds}, reverse=True)  # 0 is on top
    assert len({y for _, y in memory}) == 1


def test_one_size_alone_can_be_drawn():
    steps = {"fetch": {"seconds": 1.0, "peak_mb": 100.0}}
    assert "polyline" in plot({"100": {"steps": steps}})
