import { beforeEach, describe, expect, it, vi } from "vitest";

import { byId } from "../src/dom";
import { makeDraft, type Draft } from "../src/draft";
import { layOut, scaled, viewerWith } from "./viewer";

const WIDTH = 500;
const HEIGHT = 300;

let draft: Draft;
let changed: ReturnType<typeof vi.fn<() => void>>;

beforeEach(() => {
  layOut();
  const surface = byId("boxes", SVGSVGElement);
  vi.spyOn(surface, "getBoundingClientRect").mockReturnValue(new DOMRect(100, 50, 400, 200));
  vi.spyOn(surface, "setPointerCapture").mockReturnValue();
  changed = vi.fn();
  draft = makeDraft(changed);
});

function pointer(type: string, x: number, y: number): PointerEvent {
  const event = new PointerEvent(type, { clientX: 100 + x, clientY: 50 + y, cancelable: true });
  byId("boxes", SVGSVGElement).dispatchEvent(event);
  return event;
}

/** Draw from one point of the viewport to another. */
function drag(from: [number, number], to: [number, number]): void {
  pointer("pointerdown", ...from);
  pointer("pointermove", ...to);
  pointer("pointerup", ...to);
}

function key(name: string, shiftKey = false): boolean {
  return draft.key(new KeyboardEvent("keydown", { key: name, shiftKey }));
}

describe("a draft", () => {
  it("begins as a box in the middle of what is seen", () => {
    draft.start(scaled(2), WIDTH, HEIGHT);
    expect(draft.active).toBe(true);
    expect(draft.box).toEqual([80, 40, 120, 60]);
    expect(byId("stage").classList.contains("drawing")).toBe(true);
    expect(changed).toHaveBeenCalledTimes(1);
  });

  it("has its corners in order where the image is turned", () => {
    draft.start(
      viewerWith(([x, y]) => [400 - y, x]),
      WIDTH,
      HEIGHT,
    );
    expect(draft.box).toEqual([280, 160, 320, 240]);
  });

  it("ends without a trace", () => {
    draft.start(scaled(1), WIDTH, HEIGHT);
    draft.stop();
    expect(draft.active).toBe(false);
    expect(draft.box).toBeNull();
    expect(byId("stage").classList.contains("drawing")).toBe(false);
    expect(changed).toHaveBeenCalledTimes(2);
    expect(key("ArrowLeft")).toBe(false);
    drag([10, 10], [50, 50]);
    expect(draft.box).toBeNull();
  });
});

describe("by pointer", () => {
  it("a box is drawn in pixels of the image, whichever corner comes first", () => {
    draft.start(scaled(2), WIDTH, HEIGHT);
    drag([100, 60], [20, 10]);
    expect(draft.box).toEqual([10, 5, 50, 30]);
    expect(byId("announcement").textContent).toContain("Box drawn");
  });

  it("it is seen while it is drawn, and the browser does nothing of its own", () => {
    draft.start(scaled(1), WIDTH, HEIGHT);
    changed.mockClear();
    expect(pointer("pointerdown", 10, 10).defaultPrevented).toBe(true);
    pointer("pointermove", 30, 40);
    expect(draft.box).toEqual([10, 10, 30, 40]);
    expect(changed).toHaveBeenCalledTimes(1);
  });

  it("it ends at the image's edges", () => {
    draft.start(scaled(0.5, 10, 10), WIDTH, HEIGHT);
    drag([-20, -20], [1000, 1000]);
    expect(draft.box).toEqual([0, 0, WIDTH, HEIGHT]);
  });

  it.each([
    [13, 100],
    [100, 13],
  ])("a click or a slip to %i, %i makes no new box", (x, y) => {
    draft.start(scaled(1), WIDTH, HEIGHT);
    const { box } = draft;
    pointer("pointerdown", 10, 10);
    pointer("pointerup", x, y);
    expect(draft.box).toEqual(box);
    pointer("pointermove", 90, 90);
    expect(draft.box).toEqual(box);
  });

  it("four pixels are a box", () => {
    draft.start(scaled(1), WIDTH, HEIGHT);
    pointer("pointerdown", 10, 10);
    pointer("pointerup", 14, 14);
    expect(draft.box).toEqual([10, 10, 14, 14]);
  });

  it("what the browser takes over is not drawn on", () => {
    draft.start(scaled(1), WIDTH, HEIGHT);
    const { box } = draft;
    pointer("pointerdown", 10, 10);
    pointer("pointercancel", 0, 0);
    pointer("pointermove", 90, 90);
    expect(draft.box).toEqual(box);
  });
});

describe("by keys", () => {
  beforeEach(() => {
    draft.start(scaled(1), WIDTH, HEIGHT);
    drag([100, 100], [140, 150]);
    changed.mockClear();
  });

  it.each([
    ["ArrowLeft", [95, 100, 135, 150]],
    ["ArrowRight", [105, 100, 145, 150]],
    ["ArrowUp", [100, 95, 140, 145]],
    ["ArrowDown", [100, 105, 140, 155]],
  ])("%s moves it by a hundredth of the image's longer side", (name, box) => {
    expect(key(name)).toBe(true);
    expect(draft.box).toEqual(box);
    expect(changed).toHaveBeenCalledTimes(1);
  });

  it.each([
    ["ArrowLeft", [100, 100, 135, 150]],
    ["ArrowRight", [100, 100, 145, 150]],
    ["ArrowUp", [100, 100, 140, 145]],
    ["ArrowDown", [100, 100, 140, 155]],
  ])("Shift and %s changes its size", (name, box) => {
    expect(key(name, true)).toBe(true);
    expect(draft.box).toEqual(box);
  });

  it("it keeps its size at the edges", () => {
    for (let press = 0; press < 100; press += 1) key("ArrowRight");
    for (let press = 0; press < 100; press += 1) key("ArrowDown");
    expect(draft.box).toEqual([WIDTH - 40, HEIGHT - 50, WIDTH, HEIGHT]);
    for (let press = 0; press < 100; press += 1) key("ArrowLeft");
    for (let press = 0; press < 100; press += 1) key("ArrowUp");
    expect(draft.box).toEqual([0, 0, 40, 50]);
  });

  it("it grows to the edges and shrinks to four pixels", () => {
    for (let press = 0; press < 100; press += 1) key("ArrowRight", true);
    for (let press = 0; press < 100; press += 1) key("ArrowDown", true);
    expect(draft.box).toEqual([100, 100, WIDTH, HEIGHT]);
    for (let press = 0; press < 100; press += 1) key("ArrowLeft", true);
    for (let press = 0; press < 100; press += 1) key("ArrowUp", true);
    expect(draft.box).toEqual([100, 100, 104, 104]);
  });

  it("a small box keeps its other side, and stays in the image", () => {
    drag([WIDTH - 4, 100], [WIDTH, 104]);
    key("ArrowDown", true);
    expect(draft.box).toEqual([WIDTH - 4, 100, WIDTH, 109]);
    key("ArrowLeft", true);
    expect(draft.box).toEqual([WIDTH - 4, 100, WIDTH, 109]);
  });

  it("other keys are not the draft's", () => {
    const { box } = draft;
    expect(key("a")).toBe(false);
    expect(key("Enter")).toBe(false);
    expect(draft.box).toEqual(box);
    expect(changed).not.toHaveBeenCalled();
  });
});

it("steps by whole pixels of a small image", () => {
  draft.start(scaled(10), 40, 20);
  drag([100, 100], [140, 140]);
  key("ArrowRight");
  expect(draft.box).toEqual([11, 10, 15, 14]);
});
