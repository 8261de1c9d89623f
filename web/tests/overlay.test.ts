import { beforeEach, describe, expect, it, vi, type MockInstance } from "vitest";

import { byId } from "../src/dom";
import { drawScene, type Scene } from "../src/overlay";
import { finding, mark } from "./material";
import { layOut, scaled, viewerWith } from "./viewer";

type Call = [name: string, ...values: unknown[]];

let getContext: MockInstance;
let calls: Map<HTMLCanvasElement, Call[]>;

/** Notes what is drawn on each canvas, with the opacity at that time. */
function recorder(this: HTMLCanvasElement): CanvasRenderingContext2D {
  const noted: Call[] = calls.get(this) ?? [];
  calls.set(this, noted);
  const note =
    (name: string) =>
    (...values: unknown[]): void => {
      noted.push([name, ...values]);
    };
  const context = {
    globalAlpha: 1,
    fillStyle: "",
    setTransform: note("setTransform"),
    clearRect: note("clearRect"),
    save: note("save"),
    restore: note("restore"),
    beginPath: note("beginPath"),
    rect: note("rect"),
    clip: note("clip"),
    transform: note("transform"),
    fillRect: note("fillRect"),
    drawImage: (picture: unknown) => noted.push(["drawImage", picture, context.globalAlpha]),
  };
  return context as unknown as CanvasRenderingContext2D;
}

beforeEach(() => {
  layOut();
  calls = new Map();
  getContext = vi
    .spyOn(HTMLCanvasElement.prototype, "getContext")
    .mockImplementation(recorder as never);
});

function scene(changed: Partial<Scene> = {}): Scene {
  return {
    width: 100,
    height: 50,
    findings: [],
    solidFrom: 0.4,
    marks: [],
    chosen: null,
    draft: null,
    boxes: true,
    heatmap: null,
    opacity: 0.5,
    enhanced: null,
    comparison: "off",
    curtain: 0.25,
    ...changed,
  };
}

function bitmap(width: number, height: number): ImageBitmap {
  return { width, height, close: () => undefined };
}

const canvas = (id: string): HTMLCanvasElement => byId(id, HTMLCanvasElement);
const on = (id: string): Call[] => calls.get(canvas(id)) ?? [];
const drawn = (id: string): Call[] => on(id).filter(([name]) => name === "drawImage");
const frames = (): SVGElement[] => [...byId("boxes", SVGSVGElement).children] as SVGElement[];
const kinds = (): (string | null)[] => frames().map((frame) => frame.getAttribute("class"));
const texts = (): (string | null | undefined)[] =>
  frames().map((frame) => frame.querySelector("text")?.textContent);

describe("boxes", () => {
  it("of findings lie with the best on top, those below the operating point dashed", () => {
    const findings = [finding(0.9), finding(0.4), finding(0.3999)];
    drawScene(scaled(1), scene({ findings }));
    expect(texts()).toEqual(["40 %", "40 %", "90 %"]);
    expect(kinds()).toEqual(["unsure", "sure", "sure"]);
  });

  it("show which one is chosen", () => {
    const [first, second] = [finding(0.9), finding(0.1)];
    drawScene(scaled(1), scene({ findings: [first, second], chosen: second }));
    expect(kinds()).toEqual(["unsure chosen", "sure"]);
  });

  it("are those of missed fractures, too, but no other mark's", () => {
    const marks = [
      mark(1, { kind: "missed", box: [1, 2, 3, 4] }),
      mark(2, { kind: "agree", box: [5, 6, 7, 8] }),
      mark(3, { kind: "missed", box: null }),
    ];
    drawScene(scaled(1), scene({ marks }));
    expect(kinds()).toEqual(["mark"]);
    expect(frames()[0]?.getAttribute("data-box")).toBe("1 2 3 4");
    expect(texts()).toEqual(["missed"]);
  });

  it("can be hidden, but not the one that is drawn", () => {
    const marks = [mark(1, { kind: "missed", box: [1, 2, 3, 4] })];
    const hidden = { findings: [finding(0.9)], marks, boxes: false };
    drawScene(scaled(1), scene({ ...hidden, draft: [5, 6, 7, 8] }));
    expect(kinds()).toEqual(["draft"]);
    expect(texts()).toEqual(["missed fracture"]);
    drawScene(scaled(1), scene(hidden));
    expect(kinds()).toEqual([]);
  });

  it("lie where the image does, whose pixels' edges are continuous", () => {
    const findings = [finding(0.9, [10, 20, 30, 60])];
    drawScene(scaled(2, 5, -7), scene({ findings }));
    const layer = byId("boxes", SVGSVGElement);
    expect(layer.getAttribute("viewBox")).toBe("0 0 400 200");
    const outlines = [...layer.querySelectorAll("polygon")].map((one) =>
      one.getAttribute("points"),
    );
    expect(outlines).toEqual(Array(2).fill("25.0,33.0 65.0,33.0 65.0,113.0 25.0,113.0"));
  });

  it("turn with the image, and their words stay upright at the top left", () => {
    const turned = viewerWith(([x, y]) => [300 - y, 100 + x]);
    drawScene(turned, scene({ findings: [finding(0.9, [10, 20, 30, 60])] }));
    const [frame] = frames();
    expect(frame?.querySelector("polygon")?.getAttribute("points")).toBe(
      "280.0,110.0 280.0,130.0 240.0,130.0 240.0,110.0",
    );
    const at = (name: string, kind: string): number =>
      Number(frame?.querySelector(kind)?.getAttribute(name));
    expect([at("x", "rect"), at("y", "rect")]).toEqual([239, 90]);
    expect([at("x", "text"), at("y", "text")]).toEqual([244, 103]);
    expect(at("width", "rect")).toBeCloseTo(10 + 7.1 * "90 %".length);
  });

  it.each([
    [23, "3"],
    [22, "24"],
  ])("with their top at %i have their words at %s, where they are seen", (top, y) => {
    drawScene(scaled(1), scene({ draft: [10, top, 60, 150] }));
    expect(frames()[0]?.querySelector("rect")?.getAttribute("y")).toBe(y);
  });
});

describe("a canvas", () => {
  it("has a pixel for each of the screen's and is cleared", () => {
    vi.stubGlobal("devicePixelRatio", 1.5);
    drawScene(scaled(1), scene());
    expect([canvas("layers").width, canvas("layers").height]).toEqual([600, 300]);
    expect(on("layers")).toEqual([
      ["setTransform", 1.5, 0, 0, 1.5, 0, 0],
      ["clearRect", 0, 0, 400, 200],
    ]);
    expect(on("beside")).toEqual([]);
  });

  it.each(["width", "height"] as const)("follows the %s of the viewport", (side) => {
    drawScene(scaled(1), scene());
    canvas("layers")[side] = 10;
    drawScene(scaled(1), scene());
    expect([canvas("layers").width, canvas("layers").height]).toEqual([400, 200]);
  });

  it("keeps its memory where its size is the same", () => {
    drawScene(scaled(1), scene());
    const set = vi.spyOn(canvas("layers"), "width", "set");
    drawScene(scaled(1), scene());
    expect(set).not.toHaveBeenCalled();
    expect(getContext).toHaveBeenLastCalledWith("2d");
  });

  it("that cannot be drawn on is a fault", () => {
    getContext.mockReturnValue(null);
    expect(() => {
      drawScene(scaled(1), scene());
    }).toThrow("cannot draw");
  });
});

describe("pictures", () => {
  it("the heatmap lies over the whole image, as opaque as is wanted", () => {
    const heatmap = bitmap(200, 25);
    drawScene(scaled(3, 5, 7), scene({ heatmap, opacity: 0.3 }));
    expect(drawn("layers")).toEqual([["drawImage", heatmap, 0.3]]);
    expect(on("layers")).toContainEqual(["transform", 1.5, 0, 0, 6, 5, 7]);
  });

  it("turn with the image", () => {
    const turned = viewerWith(([x, y]) => [300 - y, 100 + x]);
    drawScene(turned, scene({ heatmap: bitmap(100, 50) }));
    expect(on("layers")).toContainEqual(["transform", 0, 1, -1, 0, 300, 100]);
  });

  it("the enhanced one begins at the curtain, with a line there, under the heatmap", () => {
    const [enhanced, heatmap] = [bitmap(100, 50), bitmap(100, 50)];
    drawScene(scaled(1), scene({ enhanced, heatmap, comparison: "slider" }));
    const names = on("layers").map(([name]) => name);
    expect(on("layers")).toContainEqual(["rect", 100, 0, 300, 200]);
    expect(on("layers")).toContainEqual(["fillRect", 99, 0, 2, 200]);
    expect(names.indexOf("clip")).toBeLessThan(names.indexOf("drawImage"));
    expect(names.lastIndexOf("restore")).toBeGreaterThan(names.indexOf("fillRect"));
    expect(drawn("layers")).toEqual([
      ["drawImage", enhanced, 1],
      ["drawImage", heatmap, 0.5],
    ]);
    expect(on("beside")).toEqual([]);
  });

  it("the enhanced one stands beside alone", () => {
    const enhanced = bitmap(100, 50);
    drawScene(scaled(1), scene({ enhanced, comparison: "side" }));
    expect(drawn("layers")).toEqual([]);
    expect(drawn("beside")).toEqual([["drawImage", enhanced, 1]]);
  });

  it("the enhanced one is not drawn where nothing is compared", () => {
    drawScene(scaled(1), scene({ enhanced: bitmap(100, 50) }));
    expect(drawn("layers")).toEqual([]);
    expect(on("beside")).toEqual([]);
  });
});
