import { describe, expect, it, vi } from "vitest";

import { alarm, announce, byId, html, percent, svg, timeOf } from "../src/dom";

describe("an element", () => {
  it("has attributes that are set and none that are not", () => {
    const node = html("input", { type: "range", max: 9, hidden: true, checked: false, id: null });
    expect(node.outerHTML).toBe('<input type="range" max="9" hidden="">');
    expect(html("p", { title: undefined }, "a ", html("b", {}, "<i>")).outerHTML).toBe(
      "<p>a <b>&lt;i&gt;</b></p>",
    );
  });

  it("of a drawing is SVG", () => {
    const node = svg("g", { class: "sure" }, svg("rect", { x: 0 }));
    expect(node.namespaceURI).toBe("http://www.w3.org/2000/svg");
    expect(node.firstElementChild?.getAttribute("x")).toBe("0");
  });

  it("of the markup is found by its id and its kind", () => {
    expect(byId("gauge", HTMLMeterElement).id).toBe("gauge");
    expect(byId("boxes", SVGSVGElement).id).toBe("boxes");
    expect(() => byId("nothing")).toThrow("no HTMLElement #nothing");
    expect(() => byId("gauge", HTMLInputElement)).toThrow("no HTMLInputElement #gauge");
  });
});

describe("a message", () => {
  it("is for screen readers, and for all only where it shall be seen", () => {
    announce("Saved.");
    expect(byId("announcement").textContent).toBe("Saved.");
    expect(byId("toasts").children).toHaveLength(0);
    vi.useFakeTimers();
    announce("Seen.", true);
    expect(byId("toasts").textContent).toBe("Seen.");
    expect(byId("toasts").firstElementChild?.getAttribute("aria-hidden")).toBe("true");
    vi.advanceTimersByTime(5999);
    expect(byId("toasts").children).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(byId("toasts").children).toHaveLength(0);
  });

  it("of a fault is a sentence that can be dismissed, or goes by itself", () => {
    vi.useFakeTimers();
    alarm(new Error("the disk is full"));
    alarm("odd");
    const [first, second] = byId("toasts").children;
    expect(first?.getAttribute("role")).toBe("alert");
    expect(first?.querySelector("span")?.textContent).toBe("The disk is full");
    expect(second?.querySelector("span")?.textContent).toBe("Odd");
    expect(first?.querySelector("button")?.getAttribute("aria-label")).toBe("Dismiss");
    first?.querySelector("button")?.click();
    expect([...byId("toasts").children]).toEqual([second]);
    vi.advanceTimersByTime(15_000);
    expect(byId("toasts").children).toHaveLength(0);
  });
});

it.each([
  [1, "100 %"],
  [0.126, "13 %"],
  [0.1, "10 %"],
  [0.0994, "9.9 %"],
  [0.01, "1.0 %"],
  [0.00126, "0.13 %"],
  [0, "0.00 %"],
])("shows %f with the digits that count", (share, text) => {
  expect(percent(share)).toBe(text);
});

it("shows the day of times that are not today's", () => {
  vi.useFakeTimers({ now: new Date(2026, 0, 31, 23, 0) });
  const today = timeOf(new Date(2026, 0, 31, 14, 3).toISOString());
  const before = timeOf(new Date(2026, 0, 30, 14, 3).toISOString());
  expect(today).toMatch(/^(14|02)\D03\b/);
  expect(before).toContain(today);
  expect(before).toMatch(/\b30\b/);
});
