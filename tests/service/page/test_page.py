"""The page in a real Chromium, against the real service."""

import io
import json
from time import monotonic

import numpy as np
import pytest
from PIL import Image

from fractura import Reader, load

from .conftest import SECRET

ROWS = "#worklist button"


def send(page, *paths):
    page.set_input_files("#files", [str(path) for path in paths])
    for path in paths:
        page.locator(ROWS, has_text=path.name).locator("[data-kind=fracture]").wait_for(
            state="attached"
        )


def show(page, name):
    page.locator(ROWS, has_text=name).click()
    page.locator("#stage.ready").wait_for()
    page.locator("#about", has_text=name).wait_for()


def picture(page):
    """What the viewport shows, without what lies over it; grey, 0..255."""
    hide = "for (const id of ['layers', 'boxes']) document.getElementById(id).style.opacity = "
    page.evaluate(hide + "0")
    data = page.locator("#viewport").screenshot()
    page.evaluate(hide + "1")
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"), np.float32)


def middle(page):
    box = page.locator("#viewport").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, start, end):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    page.mouse.move(*end)
    page.mouse.up()


def settle(page):
    """Wait until what was asked for is drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 60)))")


def drawn_boxes(page):
    """Boxes over the image, in its pixels, the best one first."""
    shapes = page.locator("#boxes g:is(.sure, .unsure)").all()
    boxes = [shape.get_attribute("data-box") for shape in reversed(shapes)]
    return [[float(corner) for corner in box.split()] for box in boxes]


@pytest.fixture
def page(open_page, service, radiographs):
    page = open_page(service)
    send(page, radiographs / "wrist.png", radiographs / "wrist.dcm")
    return page


def test_sent_files_are_read_and_their_boxes_drawn(page, radiographs):
    assert page.locator(f"{ROWS} img").count() >= 1
    assert page.get_by_text("not a certified medical device").count() == 1
    for name in ("wrist.png", "wrist.dcm"):
        show(page, name)
        expected = Reader().read_file(radiographs / name)
        assert drawn_boxes(page) == [
            pytest.approx(finding.box.as_list(), abs=0.02) for finding in expected.findings
        ]
        assert page.locator("#findings li").count() == len(expected.findings)
        assert page.locator("#decision-name").inner_text().lower() == expected.decision


def test_boxes_follow_the_image_whatever_the_view(page):
    """Every corner of the first box, back through the view, is where the model put it."""
    show(page, "wrist.png")
    page.locator("#stage").focus()
    x_min, y_min, x_max, y_max = drawn_boxes(page)[0]
    wanted = [(x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max)]
    for key in ("0", "+", "r", "ArrowLeft", "r"):
        page.keyboard.press(key)
        settle(page)
        points = page.locator("#boxes g.sure polygon").last.get_attribute("points").split()
        left, top = (page.locator("#viewport").bounding_box()[side] for side in "xy")
        for point, (x, y) in zip(points, wanted, strict=True):
            column, row = map(float, point.split(","))
            page.mouse.move(left + column, top + row)
            _, seen_x, _, seen_y, _ = page.locator("#probe").inner_text().split()
            assert (float(seen_x), float(seen_y)) == pytest.approx((x, y), abs=1.1)


def test_pixels_follow_window_invert_and_presets(page, radiographs):
    show(page, "wrist.dcm")
    settle(page)
    first = picture(page)
    stored = load(radiographs / "wrist.dcm").pixels
    height, width = first.shape
    scale = min(width / stored.shape[1], height / stored.shape[0])
    seen = np.asarray(
        Image.fromarray(stored).resize((round(200 * scale), round(240 * scale)), Image.BILINEAR)
    )
    top, left = (height - seen.shape[0]) // 2, (width - seen.shape[1]) // 2
    inside = first[top : top + seen.shape[0], left : left + seen.shape[1]]
    assert np.abs(inside / 255 - seen)[60:-60, 60:-60].mean() < 0.02

    x, y = middle(page)
    drag(page, (x, y), (x - 120, y + 60))
    settle(page)
    dragged = picture(page)
    assert np.abs(dragged - first).mean() > 5
    assert page.locator("#preset").input_value() == "custom"

    page.keyboard.press("0")
    settle(page)
    assert np.abs(picture(page) - first).mean() < 0.5
    page.keyboard.press("i")
    settle(page)
    inverted = picture(page)[top : top + seen.shape[0], left : left + seen.shape[1]]
    assert np.abs(inverted[60:-60, 60:-60] + inside[60:-60, 60:-60] - 255).mean() < 2
    page.keyboard.press("i")
    for key in "34":
        page.keyboard.press(key)
        settle(page)
        assert np.abs(picture(page) - first).mean() > 1


def test_overlays_switch_on_and_off(page):
    show(page, "wrist.png")

    def drawn(layer="layers"):
        return page.evaluate(f"document.getElementById('{layer}').toDataURL().length")

    def until(condition, layer="layers"):
        end = monotonic() + 20
        while not condition(drawn(layer)):
            assert monotonic() < end
            page.wait_for_timeout(50)
        return drawn(layer)

    empty = drawn()
    page.get_by_role("button", name="Heatmap").click()
    until(lambda length: length > empty)
    page.get_by_role("button", name="Heatmap").click()
    until(lambda length: length == empty)
    page.select_option("#comparison", "slider")
    half = until(lambda length: length > 2 * empty)
    page.fill("#curtain", "90")
    until(lambda length: empty < length < half)
    page.select_option("#comparison", "side")
    until(lambda length: length > 2 * empty, "beside")
    page.get_by_role("button", name="Boxes").click()
    assert drawn_boxes(page) == []


def test_the_slider_filters_and_a_finding_jumps_to_its_box(page, radiographs):
    show(page, "wrist.png")
    reader = Reader()
    every = reader.read(load(radiographs / "wrist.png"), all_findings=True).findings
    page.fill("#threshold", "0")
    assert len(drawn_boxes(page)) == len(every)
    page.get_by_role("button", name="High specificity").click()
    least = reader.description.operating_points.high_specificity.box_score
    sure = [finding for finding in every if finding.score >= least]
    assert 0 < len(drawn_boxes(page)) == len(sure) < len(every)
    page.locator("#findings button").first.click()
    settle(page)
    points = page.locator("#boxes g.chosen polygon").last.get_attribute("points").split()
    corners = np.array([[float(value) for value in point.split(",")] for point in points])
    size = page.locator("#viewport").bounding_box()
    centre = corners.mean(0)
    assert centre == pytest.approx([size["width"] / 2, size["height"] / 2], abs=2)
    assert np.ptp(corners, axis=0).max() > 0.2 * size["height"]


def test_marks_are_kept_after_reload_and_can_be_deleted(page, service):
    show(page, "wrist.png")
    page.fill("#note", "as I see it")
    page.get_by_role("button", name="Agree", exact=True).click()
    page.locator("#marks li", has_text="as I see it").wait_for()
    page.get_by_role("button", name="Missed fracture").click()
    x, y = middle(page)
    drag(page, (x - 60, y - 40), (x + 60, y + 80))
    page.fill("#note", "ulna")
    page.get_by_role("button", name="Save missed fracture").click()
    page.locator("#marks li", has_text="ulna").wait_for()
    drawn = page.locator("#boxes g.mark").get_attribute("data-box")

    page.reload()
    page.locator("#stage.ready").wait_for()
    page.locator("#boxes g.mark").wait_for()
    assert page.locator("#boxes g.mark").get_attribute("data-box") == drawn
    assert page.locator("#marks li").count() == 2
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export all marks").click()
    assert len(waiting.value.path().read_text("utf-8").splitlines()) >= 1
    for _ in range(2):
        before = page.locator("#marks li").count()
        page.get_by_role("button", name="Delete mark").first.click()
        page.locator("#marks li").nth(before - 1).wait_for(state="detached")
    page.reload()
    page.locator("#stage.ready").wait_for()
    assert page.locator("#marks li").count() == 0


def test_results_download(page):
    starts = {"PDF report": b"%PDF-", "Overlay PNG": b"\x89PNG", "JSON": b"{"}
    dicom = dict.fromkeys(("DICOM SR", "DICOM GSPS", "DICOM SC"), b"\0" * 128 + b"DICM")
    for name, offered in (("wrist.png", starts), ("wrist.dcm", starts | dicom)):
        show(page, name)
        for label, start in offered.items():
            with page.expect_download() as waiting:
                page.get_by_role("button", name=label, exact=True).click()
            data = waiting.value.path().read_bytes()
            assert data.startswith(start), (name, label)
            if label == "JSON":
                assert json.loads(data)["reading"]["fracture"]["decision"] == "fracture"
        assert page.get_by_role("button", name="DICOM SR").count() == ("DICOM SR" in offered)


def test_all_goes_by_keyboard(open_page, service, radiographs):
    page = open_page(service)
    choosers = []
    page.on("filechooser", lambda chooser: choosers.append(chooser))
    end = monotonic() + 30
    while not choosers:  # Chromium refuses one until it has seen a person act
        assert monotonic() < end
        page.keyboard.press("u")
        page.wait_for_timeout(500)
    choosers[0].set_files([str(radiographs / "wrist.png")])
    page.locator("#about", has_text="wrist.png").wait_for()
    page.keyboard.press("Tab")
    for _ in range(40):
        if page.evaluate("document.activeElement.id") == "stage":
            break
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "stage"
    settle(page)
    first = picture(page)
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    settle(page)
    assert np.abs(picture(page) - first).mean() > 2
    page.keyboard.press("n")
    assert page.locator("#boxes g.chosen").count() == 1
    page.keyboard.press("m")
    before = page.locator("#boxes g.draft").get_attribute("data-box")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert page.locator("#boxes g.draft").get_attribute("data-box") != before
    page.keyboard.press("Enter")
    page.locator("#marks li", has_text="Missed fracture").wait_for()
    page.keyboard.press("m")
    page.keyboard.press("Escape")
    assert page.locator("#boxes g.draft").count() == 0
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keyboard shortcuts").is_visible()
    page.keyboard.press("Escape")
    with page.expect_download():
        page.keyboard.press("s")


def test_a_phone_shows_one_part_at_a_time(open_page, service, radiographs):
    page = open_page(service, 360, 740)
    send(page, radiographs / "wrist.png")
    page.locator("#stage.ready").wait_for()
    for width in (360, 390):
        page.set_viewport_size({"width": width, "height": 740})
        for view, part in (("Worklist", "#list"), ("Image", "#stage"), ("Reading", "#panel")):
            page.locator("#views").get_by_role("button", name=view).click()
            assert page.locator(part).is_visible()
            sizes = page.evaluate(
                "[document.documentElement, document.querySelector('nav'), document.querySelector("
                "'aside'), document.querySelector('#toolbar')]"
                ".map(e => e.scrollWidth - e.clientWidth)"
            )
            assert sizes == [0, 0, 0, 0]
        small = page.evaluate(
            "[...document.querySelectorAll('#panel button, #views button')].filter(b =>"
            " b.offsetHeight && !b.matches('.link, .head button') && b.offsetHeight < 44)"
            ".map(b => b.textContent)"
        )
        assert small == []


def test_a_file_that_is_no_radiograph_is_refused_beside_the_others(
    open_page, service, radiographs, tmp_path
):
    page = open_page(service, refused=(422,))
    (tmp_path / "notes.txt").write_text("no radiograph")
    page.set_input_files("#files", [tmp_path / "notes.txt", radiographs / "wrist.png"])
    fault = page.get_by_role("alert").filter(has_text="not a PNG")
    fault.wait_for()
    page.locator("#stage.ready").wait_for()
    page.get_by_role("button", name="Dismiss notes.txt").click()
    fault.wait_for(state="detached")


def test_a_token_is_asked_for_once(open_page, guarded_service, radiographs):
    page = open_page(guarded_service, refused=(401,))
    dialog = page.get_by_role("dialog", name="A token is needed")
    dialog.wait_for()
    page.fill("#token-input", "wrong")
    page.get_by_role("button", name="Continue").click()
    page.fill("#token-input", SECRET)
    page.get_by_role("button", name="Continue").click()
    dialog.wait_for(state="hidden")
    send(page, radiographs / "wrist.png")
    page.locator("#stage.ready").wait_for()
    page.reload()
    page.locator("#stage.ready").wait_for()
    assert not dialog.is_visible()


def test_a_screen_reader_finds_names_and_landmarks(page):
    show(page, "wrist.png")
    for role, name in (
        ("navigation", "Worklist"),
        ("main", "Radiograph"),
        ("complementary", "Reading"),
        ("application", "Radiograph viewer"),
        ("slider", "Show boxes from"),
        ("meter", "Probability of a fracture"),
    ):
        assert page.get_by_role(role, name=name).count() == 1, name
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, select, textarea')].filter(e =>"
        " !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).map(e => e.outerHTML)"
    )
    assert unnamed == []
    assert page.locator("#announcement[role=status]").inner_text() != ""
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
