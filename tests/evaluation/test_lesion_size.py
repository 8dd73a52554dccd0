"""Length, width and area of shapes whose size is known."""

import numpy as np
import pytest

from helpers.data import masks
from helpers.data.phantom import physics
from helpers.evaluation import lesion_size
from helpers.evaluation.postprocessing import RULE

SPACINGS = [(0.1, 0.1), (0.05, 0.05), (0.06, 0.1), (0.12, 0.07)]


def drawn(inside, spacing, side=50):
    """Return a mask of a shape; inside: of x and y in mm from the centre."""
    down, across = spacing
    rows, columns = int(side / down), int(side / across)
    y, x = np.mgrid[:rows, :columns]
    return inside(x * across - side / 2, y * down - side / 2)


def along(angle, x, y):
    """Return coordinates along a direction, in degrees, and across it."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return x * c + y * s, -x * s + y * c


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("angle", [0, 20, 45, 90])
@pytest.mark.parametrize("axes", [(30, 20), (15, 15), (12, 7), (35, 9)])
def test_an_ellipse_has_its_size_within_two_per_cent(axes, angle, spacing):
    long, short = axes

    def inside(x, y):
        u, v = along(angle, x, y)
        return (2 * u / long) ** 2 + (2 * v / short) ** 2 <= 1

    found = lesion_size.measure(drawn(inside, spacing), spacing)
    assert found["length"] == pytest.approx(long, rel=0.02)
    assert found["width"] == pytest.approx(short, rel=0.02)
    area = np.pi * long * short / 4
    assert found["area"] == pytest.approx(area, rel=0.02)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("sides", [(20, 20), (30, 10), (12, 25)])
def test_a_rectangle_is_as_long_as_its_diagonal(sides, spacing):
    def inside(x, y):
        return (np.abs(x) <= sides[0] / 2) & (np.abs(y) <= sides[1] / 2)

    found = lesion_size.measure(drawn(inside, spacing), spacing)
    diagonal = np.hypot(*sides)
    assert found["length"] == pytest.approx(diagonal, rel=0.02)
    # both corners beside the diagonal, at right angles to it
    width = 2 * sides[0] * sides[1] / diagonal
    assert found["width"] == pytest.approx(width, rel=0.02)
    assert found["area"] == pytest.approx(sides[0] * sides[1], rel=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_a_phantoms_lesion_is_as_long_as_its_farthest_pixels(seed):
    frame = physics.simulate("malignant", np.random.default_rng(seed))
    (lesion, *_) = frame.masks
    spacing = 0.07, 0.09
    found = lesion_size.measure(lesion, spacing)
    points = np.argwhere(lesion) * spacing
    gaps = [np.hypot(*(points - p).T).max() for p in points[::7]]
    assert found["length"] == pytest.approx(max(gaps) + 0.07, rel=0.02)
    assert found["width"] <= found["length"]
    area = lesion.sum() * 0.07 * 0.09
    assert found["area"] == pytest.approx(area)


def test_the_largest_part_is_measured_and_all_parts_have_the_area():
    mask = np.zeros((50, 60), bool)
    mask[5:15, 5:35] = mask[40:44, 50:54] = True
    found = lesion_size.measure(mask)
    assert found["area"] == 300 + 16
    assert found["length"] == pytest.approx(np.hypot(30, 10), rel=0.02)


def test_nothing_has_no_size_and_a_pixel_one():
    mask = np.zeros((5, 5), bool)
    assert set(lesion_size.measure(mask).values()) == {0}
    mask[2, 2] = True
    assert lesion_size.measure(mask) == {"length": 1, "width": 1, "area": 1}


def test_the_range_holds_all_thresholds_and_the_mirror_image():
    y, x = np.mgrid[:64, :64]
    far = np.hypot(x - 32, y - 32)
    soft = np.clip(1 - far / 40, 0, 1)  # a lesion that fades
    sharp = (far <= 28) * 1.0
    both = np.zeros((2, 64, 64, 3))
    both[:, ..., 1] = soft, sharp
    both[..., 0] = 1 - both[..., 1]
    box = masks.Letterbox.of(64, 64, 64)
    own = lesion_size.measure(soft > 0.5)
    found = lesion_size.ranges(own, both, box, RULE)
    # alone, one image has a radius of 20 at one half, the other one of 28
    assert found["length"] == pytest.approx((40, 56), rel=0.03)
    areas = np.pi * 20**2, np.pi * 28**2
    assert found["area"] == pytest.approx(areas, rel=0.03)
    alone = np.stack([both[0], both[0]])
    low, high = lesion_size.ranges(own, alone, box, RULE)["length"]
    # thresholds of 0.6 and 0.4
    assert (low, high) == pytest.approx((32, 48), rel=0.03)
