import { describe, expect, it, vi } from "vitest";

import type { Finding, ReadingDocument } from "../src/api";
import { byId } from "../src/dom";
import {
  drawFindings,
  drawReading,
  drawThreshold,
  firstThreshold,
  LOWEST,
  scoreAt,
} from "../src/panel";
import { decided, finding, found, notEvaluated, reading } from "./material";

const points = found().operating_points;
const slider = (): HTMLInputElement => byId("threshold", HTMLInputElement);

describe("the slider", () => {
  it("reaches from the lowest score to one, evenly by the logarithm", () => {
    expect(scoreAt(0)).toBeCloseTo(LOWEST, 12);
    expect(scoreAt(500)).toBeCloseTo(Math.sqrt(LOWEST), 12);
    expect(scoreAt(1000)).toBe(1);
  });

  it.each([0, 1, 250, 777, 999, 1000])("stands at %i for the score of that position", (at) => {
    drawThreshold(scoreAt(at), points);
    expect(slider().value).toBe(String(at));
  });

  it("stands at its ends for scores beyond", () => {
    drawThreshold(0, points);
    expect(slider().value).toBe("0");
    drawThreshold(2, points);
    expect(slider().value).toBe("1000");
  });

  it("says its score, and which operating point that is", () => {
    const pressed = (): (string | null)[] =>
      [...byId("points").children].map((button) => button.getAttribute("aria-pressed"));
    drawThreshold(0.05, points);
    expect(slider().getAttribute("aria-valuetext")).toBe("5.0 %");
    expect(byId("threshold-value").textContent).toBe("5.0 %");
    expect(pressed()).toEqual(["true", "false"]);
    drawThreshold(0.4, points);
    expect(pressed()).toEqual(["false", "true"]);
    drawThreshold(0.401, points);
    expect(pressed()).toEqual(["false", "false"]);
    expect([...byId("points").querySelectorAll("button")].map(({ title }) => title)).toEqual([
      "Boxes from 5.0 %",
      "Boxes from 40 %",
    ]);
  });
});

describe("the first threshold", () => {
  it.each(["fracture", "uncertain"] as const)("shows what is suspected: %s", (decision) => {
    expect(firstThreshold(decided(decision, 0.5), found(0.3, 0.1))).toBe(0.05);
  });

  it("shows no box where there is no fracture", () => {
    const none = decided("no fracture", 0.1);
    expect(firstThreshold(none, found())).toBe(0.4);
    expect(firstThreshold(none, found(0.39))).toBe(0.4);
    const above = firstThreshold(none, found(0.2, 0.7, 0.5));
    expect(above).toBeGreaterThan(0.7);
    expect(above).toBeLessThan(0.72);
    expect(firstThreshold(none, found(1))).toBe(1);
  });
});

describe("a reading", () => {
  const facts = (): string[] => [...byId("facts").children].map((node) => node.textContent);
  const warnings = (): string[] => [...byId("warnings").children].map((node) => node.textContent);
  const buttons = (): HTMLButtonElement[] => [...byId("downloads").querySelectorAll("button")];
  const usable = (): (string | undefined)[] =>
    buttons()
      .filter(({ hidden, disabled }) => !hidden && !disabled)
      .map(({ dataset }) => dataset.name);

  it.each([
    ["fracture", "Fracture"],
    ["uncertain", "Uncertain"],
    ["no fracture", "No fracture"],
  ] as const)("that is done says its decision: %s", (decision, name) => {
    drawReading(decided(decision, 0.126));
    expect(byId("no-reading").hidden).toBe(true);
    expect(byId("reading").hidden).toBe(false);
    expect(byId("reading").classList.contains("unread")).toBe(false);
    expect(byId("decision").dataset.kind).toBe(decision);
    expect(byId("decision-name").textContent).toBe(name);
    expect(byId("decision-share").textContent).toBe("13 %");
    expect(byId("gauge", HTMLMeterElement).hidden).toBe(false);
    expect(byId("gauge", HTMLMeterElement).value).toBeCloseTo(0.126);
  });

  it.each([
    ["queued", "Waiting"],
    ["running", "Being read"],
    ["failed", "Could not be read"],
  ] as const)("that is %s says so, and offers nothing", (state, name) => {
    drawReading(decided("fracture", 0.9));
    drawReading(reading(1, { state, reading: null }));
    expect(byId("reading").classList.contains("unread")).toBe(true);
    expect(byId("decision").dataset.kind).toBe(state);
    expect(byId("decision-name").textContent).toBe(name);
    expect(byId("decision-share").textContent).toBe("");
    expect(byId("gauge").hidden).toBe(true);
    expect(facts()).toEqual(["Image", "Radiograph 00000000"]);
    expect(usable()).toEqual([]);
  });

  it("lists what is known of the image", () => {
    const document = reading(1, { is_dicom: true });
    drawReading(document);
    expect(facts()).toEqual([
      ...["Image", "Radiograph 00000000"],
      ...["Region", "hand, 100 %"],
      ...["Size", "373 × 454, DICOM"],
      ...["Model", document.reading?.model],
    ]);
  });

  it("leaves out the region where there is none", () => {
    const { reading: said } = reading();
    if (!said) throw new Error("the example has no reading");
    drawReading(reading(1, { is_dicom: false, reading: { ...said, region: null } }));
    expect(facts()).not.toContain("Region");
    expect(facts()).toContain("373 × 454");
  });

  it("that was not evaluated says why, and neither a probability nor that there is none", () => {
    drawReading(notEvaluated("the picture shows a cat"));
    expect(byId("decision-name").textContent).toBe("Not evaluated");
    expect(byId("decision-share").textContent).toBe("");
    expect(byId("gauge").hidden).toBe(true);
    expect(warnings()).toEqual(["Not evaluated: the picture shows a cat."]);
  });

  it("lists warnings and the error", () => {
    const { reading: said } = reading();
    if (!said) throw new Error("the example has no reading");
    drawReading(reading(1, { reading: { ...said, warnings: ["turned", "small"] } }));
    expect(warnings()).toEqual(["turned", "small"]);
    const error = { type: "LoadError", message: "not a picture" };
    drawReading(reading(2, { state: "failed", reading: null, error }));
    expect(warnings()).toEqual(["not a picture"]);
  });

  it.each<[Partial<ReadingDocument>, string[]]>([
    [{ is_dicom: false }, ["report.pdf", "overlay.png", "reading.json"]],
    [
      { is_dicom: true },
      ["report.pdf", "overlay.png", "reading.json", "sr.dcm", "gsps.dcm", "sc.dcm"],
    ],
    [{ is_dicom: true, image_kept: false }, ["reading.json"]],
  ])("with %j offers what can be made of it", (changed, names) => {
    drawReading(reading(1, changed));
    expect(usable()).toEqual(names);
  });
});

describe("findings", () => {
  const list = (): HTMLButtonElement[] => [...byId("findings").querySelectorAll("button")];
  const two: [Finding, Finding] = [finding(0.4), finding(0.1)];
  const nothing = (): void => undefined;

  it("are numbered, with those below the operating point told apart", () => {
    drawFindings(two, 3, 0.4, two[1], nothing);
    expect(byId("findings-count").textContent).toBe("2 of 3");
    expect(list().map(({ textContent }) => textContent)).toEqual([
      "1fracture40 %",
      "2fracture10 %",
    ]);
    expect(list().map(({ dataset }) => dataset.kind)).toEqual(["sure", "unsure"]);
    expect(list().map((button) => button.getAttribute("aria-current"))).toEqual([null, "true"]);
    expect(byId("no-findings").textContent).toBe("");
  });

  it("say why there are none", () => {
    drawFindings([], 3, 0.4, null, nothing);
    expect(byId("no-findings").textContent).toContain("No box reaches this score");
    drawFindings([], 0, 0.4, null, nothing);
    expect(byId("no-findings").textContent).toBe("The model marks no place.");
  });

  it("are jumped to", () => {
    const jump = vi.fn();
    drawFindings(two, 2, 0.4, null, jump);
    list()[1]?.click();
    expect(jump).toHaveBeenCalledExactlyOnceWith(two[1]);
  });

  it("keep the focus when they are drawn again", () => {
    drawFindings(two, 2, 0.4, null, nothing);
    for (const at of [0, 1]) {
      list()[at]?.focus();
      drawFindings(two, 2, 0.4, two[1], nothing);
      expect(document.activeElement).toBe(list()[at]);
    }
    drawFindings([two[0]], 2, 0.4, null, nothing);
    byId("note").focus();
    drawFindings(two, 2, 0.4, two[1], nothing);
    expect(document.activeElement).toBe(byId("note"));
  });
});
