import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fractura.findings import Box, Finding, Reading
from fractura.imaging.draw import heat, overlay, side_by_side
from fractura.imaging.labels import place_labels
from fractura.imaging.radiograph import Radiograph
from fractura.imaging.style import BLACK, DECISION_COLOURS, SKY_BLUE, VERMILLION, YELLOW


def _radiograph(height, width, grey=None):
    pixels = np.random.default_rng(0).random((height, width), dtype=np.float32)
    return Radiograph(pixels if grey is None else np.full_like(pixels, grey), "0" * 64)


def _reading(radiograph, boxes=(), scores=None, decision="fracture", warnings=(), label="fracture"):
    scores = scores or [0.9] * len(boxes)
    return Reading(
        path=None,
        sha256=radiograph.sha256,
        model="test",
        width=radiograph.width,
        height=radiograph.height,
        probability=0.87,
        decision=decision,
        findings=tuple(
            Finding(label, score, Box(*box)) for score, box in zip(scores, boxes, strict=True)
        ),
        region="hand",
        region_probability=0.9,
        warnings=warnings,
    )


def _count(picture, colour):
    return int(np.all(picture == colour, axis=2).sum())


def test_the_frame_lies_around_the_box():
    radiograph = _radiograph(900, 900, grey=0.4)
    picture = overlay(radiograph, _reading(radiograph, [(100, 200, 300, 260)]))
    assert picture.dtype == np.uint8
    row = picture[230].tolist()
    grey = [102] * 3
    assert row[95:101] == [grey, list(BLACK), *[list(VERMILLION)] * 2, list(BLACK), grey]
    assert row[299:305] == [grey, list(BLACK), *[list(VERMILLION)] * 2, list(BLACK), grey]
    assert picture[197:199, 97:303].tolist() == [[list(VERMILLION)] * 206] * 2
    assert np.all(picture[200:260, 100:300] == 102)


@pytest.mark.parametrize(("height", "width"), [(454, 373), (373, 454), (1440, 1152)])
def test_small_radiographs_are_enlarged_and_large_ones_kept(height, width):
    radiograph = _radiograph(height, width)
    picture = overlay(radiograph, _reading(radiograph))
    scale = max(1, 900 / max(height, width))
    assert picture.shape[1] == round(width * scale)
    assert round(height * scale) + 60 < picture.shape[0] < round(height * scale) * 1.15
    if scale == 1:
        shown = np.rint(radiograph.pixels * 255).astype(np.uint8)
        assert np.array_equal(picture[:height], np.stack([shown] * 3, axis=2))


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(0, 360), st.integers(0, 440)),
    st.tuples(st.integers(3, 120), st.integers(3, 120)),
)
def test_no_label_hides_a_box(corner, size):
    radiograph = _radiograph(454, 373)
    box = (*corner, min(corner[0] + size[0], 373), min(corner[1] + size[1], 454))
    inside = tuple(
        slice(int(np.ceil(low * 900 / 454)) + 3, int(high * 900 / 454) - 3)
        for low, high in ((box[1], box[3]), (box[0], box[2]))
    )
    drawn = overlay(radiograph, _reading(radiograph, [box]))
    plain = overlay(radiograph, _reading(radiograph))
    assert np.array_equal(drawn[inside], plain[inside])
    assert not np.array_equal(drawn, plain)


boxes_and_sizes = st.lists(
    st.tuples(
        st.integers(0, 590),
        st.integers(0, 390),
        st.integers(5, 60),
        st.integers(5, 60),
        st.integers(10, 80),
    ),
    min_size=1,
    max_size=8,
)


@given(boxes_and_sizes)
def test_labels_stay_inside_the_picture(drawn):
    boxes = [(x, y, min(x + w, 600), min(y + h, 400)) for x, y, w, h, _ in drawn]
    sizes = [(width, 20) for *_, width in drawn]
    places = place_labels(boxes, sizes, (600, 400), 3)
    for (left, top, right, bottom), size in zip(places, sizes, strict=True):
        assert left >= 0
        assert top >= 0
        assert right <= 600
        assert bottom <= 400
        assert (right - left, bottom - top) == size


def test_labels_give_way_to_boxes_and_to_each_other():
    row = [(100 + 30 * i, 100, 120 + 30 * i, 120) for i in range(5)]
    above = [(100 + 30 * i, 78, 120 + 30 * i, 97) for i in range(5)]
    boxes = row + above
    places = place_labels(boxes, [(40, 18)] * 10, (600, 400), 3)
    area = np.zeros((400, 600), dtype=int)
    for left, top, right, bottom in boxes + places:
        area[top:bottom, left:right] += 1
    assert area.max() == 1


def test_a_label_wider_than_the_picture_starts_at_its_edge():
    assert place_labels([(2, 2, 4, 4)], [(50, 20)], (10, 10), 3)[0][:2] == (0, 0)


def test_scores_from_the_high_specificity_point_are_solid_and_the_others_dashed():
    radiograph = _radiograph(900, 900, grey=0.4)
    boxes = [(100, 200, 300, 260), (500, 600, 620, 800)]
    reading = _reading(radiograph, boxes, [0.6, 0.59])
    picture = overlay(radiograph, reading, solid_from=0.6)
    first, second = picture[197:263, 97:303], picture[597:803, 497:623]
    ring = 206 * 66 - 202 * 62
    assert _count(first, VERMILLION) == ring
    assert _count(first, YELLOW) == 0
    assert 0.4 * ring < _count(second, YELLOW) < 0.7 * (206 * 126 - 202 * 122)
    assert all(picture[y, x].tolist() == list(YELLOW) for y in (597, 802) for x in (497, 622))
    uncertain = overlay(radiograph, _reading(radiograph, boxes, [0.6, 0.59], "uncertain"))
    assert _count(uncertain[597:803, 497:623], YELLOW) == 206 * 126 - 202 * 122


@pytest.mark.parametrize("decision", DECISION_COLOURS)
def test_the_caption_has_the_colour_of_the_decision(decision):
    radiograph = _radiograph(450, 370)
    strip = overlay(radiograph, _reading(radiograph, decision=decision))[900:]
    others = set(DECISION_COLOURS.values()) - {DECISION_COLOURS[decision]}
    assert _count(strip, DECISION_COLOURS[decision]) > 1000
    assert all(_count(strip, colour) == 0 for colour in others)
    assert SKY_BLUE in DECISION_COLOURS.values()


def test_warnings_are_printed():
    radiograph = _radiograph(450, 370)
    plain = overlay(radiograph, _reading(radiograph))
    warned = overlay(radiograph, _reading(radiograph, warnings=("the file ends early " * 9,)))
    assert len(warned) > len(plain) + 50
    assert _count(warned[900:], YELLOW) > 300


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (700, 1), (3, 2), (4000, 5000)])
@pytest.mark.parametrize("with_heat", [False, True])
def test_every_size_and_every_box_can_be_drawn(shape, with_heat):
    radiograph = _radiograph(*shape)
    height, width = shape
    boxes = [
        (0, 0, width, height),
        (-500, -500, -400, -400),
        (width + 50, height + 50, width + 60, height + 60),
        (width - 0.5, -3, width + 9, 2),
        (0.2, 0.2, 0.2, 0.2),
    ]
    heatmap = np.ones((3, 4), np.float32) if with_heat else None
    before = radiograph.pixels.copy()
    reading = _reading(radiograph, boxes, [0.9, 0.8, 0.7, 0.3, 0.2], label="lesion")
    picture = overlay(radiograph, reading, heatmap=heatmap, solid_from=0.5)
    assert picture.dtype == np.uint8
    assert picture.shape[0] > max(height, 900 * height / max(shape))
    assert picture.shape[1] >= max(width, 250)
    assert np.array_equal(radiograph.pixels, before)
    assert _count(picture, VERMILLION) > 0


def test_boxes_follow_a_radiograph_that_was_resized_after_reading():
    radiograph = _radiograph(450, 300, grey=0.4)
    reading = _reading(radiograph, [(50, 60, 150, 160)])
    double = _radiograph(900, 600, grey=0.4)
    assert np.array_equal(overlay(double, reading), overlay(radiograph, reading))


def test_heat_leaves_the_cold_grey_and_blends_the_hot():
    pixels = np.full((40, 60), 0.4, dtype=np.float32)
    assert np.all(heat(pixels, np.zeros((5, 7), np.float32)) == 102)
    hot = heat(pixels, np.ones((5, 7), np.float32), opacity=0.5)
    assert hot.shape == (40, 60, 3)
    viridis_top = np.array([253, 231, 36])
    assert np.abs(hot.astype(int) - (102 + viridis_top) / 2).max() <= 1
    side = heat(pixels, np.array([[0, 1]], np.float32))
    assert np.all(side[:, 0] == 102)
    assert np.ptp(side[:, -1].astype(int), axis=1).min() > 50


def test_panels_have_one_width_and_start_at_one_height():
    grey = np.full((450, 300), 0.4, dtype=np.float32)
    picture = np.full((1000, 600, 3), (10, 20, 30), dtype=np.uint8)
    whole = side_by_side([grey, picture], ["original", "overlay"])
    first = np.argwhere(np.all(whole == 102, axis=2))
    second = np.argwhere(np.all(whole == (10, 20, 30), axis=2))
    assert np.ptp(first, axis=0).tolist() == [899, 599]
    assert np.ptp(second, axis=0).tolist() == [999, 599]
    assert first[0, 0] == second[0, 0] > 30
    assert second[0, 1] > first[-1, 1]
    assert whole.shape[1] - 1 == second[-1, 1]


def test_panels_need_a_title_each():
    with pytest.raises(ValueError, match="argument"):
        side_by_side([np.zeros((9, 9), np.float32)] * 2, ["original"])


def test_a_large_side_by_side_is_kept_to_the_size_of_a_screen():
    grey = np.zeros((4000, 5000), dtype=np.float32)
    whole = side_by_side([grey, grey], ["a", "b"])
    assert whole.shape[1] < 3300
