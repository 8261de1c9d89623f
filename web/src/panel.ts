/** The panel beside the radiograph: decision, facts, findings and the operating point. */

import type { Finding, Findings, OperatingPoint, ReadingDocument, Result } from "./api";
import { byId, html, percent } from "./dom";
import { nameOf } from "./uploads";

/** Below it no finding is asked for. */
export const LOWEST = 0.001;
const STEPS = 1000;

export type PointName = keyof Findings["operating_points"];

/** Scores spread evenly by their logarithm, since the operating points are small. */
export function scoreAt(position: number): number {
  return LOWEST ** (1 - position / STEPS);
}

function positionOf(score: number): number {
  return Math.round(
    STEPS * (1 - Math.log(Math.max(LOWEST, Math.min(1, score))) / Math.log(LOWEST)),
  );
}

export function drawReading(document: ReadingDocument): void {
  const { reading, error } = document;
  byId("no-reading").hidden = true;
  byId("reading").hidden = false;
  byId("reading").classList.toggle("unread", !reading);
  const decision = reading?.fracture.decision ?? document.state;
  byId("decision").dataset.kind = decision;
  byId("decision-name").textContent = {
    fracture: "Fracture",
    uncertain: "Uncertain",
    "no fracture": "No fracture",
    "not evaluated": "Not evaluated",
    queued: "Waiting",
    running: "Being read",
    failed: "Could not be read",
    done: "Read",
  }[decision];
  const answered = reading && decision !== "not evaluated";
  byId("decision-share").textContent = answered ? percent(reading.fracture.probability) : "";
  const gauge = byId("gauge", HTMLMeterElement);
  gauge.hidden = !answered;
  gauge.value = reading?.fracture.probability ?? 0;
  const facts: [string, string][] = [["Image", nameOf(document.id)]];
  if (reading?.region) {
    facts.push(["Region", `${reading.region.label}, ${percent(reading.region.probability)}`]);
  }
  if (reading) {
    facts.push([
      "Size",
      `${reading.width} × ${reading.height}${document.is_dicom ? ", DICOM" : ""}`,
    ]);
    facts.push(["Model", reading.model]);
  }
  byId("facts").replaceChildren(
    ...facts.flatMap(([name, value]) => [html("dt", {}, name), html("dd", {}, value)]),
  );
  const warnings = [
    ...notEvaluated(reading),
    ...(reading?.warnings ?? []),
    ...(error ? [error.message] : []),
  ];
  byId("warnings").replaceChildren(...warnings.map((text) => html("li", {}, text)));
  for (const button of byId("downloads").querySelectorAll("button")) {
    const needsImage = Boolean(button.dataset.part);
    button.hidden = button.classList.contains("dicom") && !document.is_dicom;
    button.disabled = !reading || (needsImage && !document.image_kept);
  }
}

/** Why nothing is said about bone; empty where something is. */
function notEvaluated(reading: Result | null): string[] {
  if (reading?.fracture.decision !== "not evaluated") return [];
  return [`Not evaluated: ${reading.fracture.reason?.sentence ?? "no reason is known"}.`];
}

/** Where the slider stands first: what the reading lists is what is seen. */
export function firstThreshold(document: ReadingDocument, found: Findings): number {
  const { high_sensitivity, high_specificity } = found.operating_points;
  if (document.reading?.fracture.decision !== "no fracture") return high_sensitivity.box_score;
  const highest = Math.max(0, ...found.findings.map(({ score }) => score));
  const above = scoreAt(Math.min(STEPS, positionOf(highest) + 1));
  return Math.max(high_specificity.box_score, above);
}

/** Moves the slider; the least threshold that it can show, rounded down to keep the boxes of ``score``. */
export function drawThreshold(score: number, points: Record<PointName, OperatingPoint>): void {
  const slider = byId("threshold", HTMLInputElement);
  slider.value = String(positionOf(score));
  slider.setAttribute("aria-valuetext", percent(score));
  byId("threshold-value").textContent = percent(score);
  for (const button of byId("points").querySelectorAll("button")) {
    const point = points[button.dataset.point as PointName];
    button.setAttribute("aria-pressed", String(Math.abs(point.box_score - score) < 1e-9));
    button.title = `Boxes from ${percent(point.box_score)}`;
  }
}

export function drawFindings(
  shown: readonly Finding[],
  all: number,
  solidFrom: number,
  chosen: Finding | null,
  jump: (finding: Finding) => void,
): void {
  byId("findings-count").textContent = `${shown.length} of ${all}`;
  byId("no-findings").textContent = shown.length
    ? ""
    : all
      ? "No box reaches this score. Move the slider to the left to see what lies below it."
      : "The model marks no place.";
  const list = byId("findings");
  const focused = [...list.children].findIndex((item) => item.contains(document.activeElement));
  list.replaceChildren(
    ...shown.map((finding, index) => {
      const button = html(
        "button",
        {
          type: "button",
          "aria-current": finding === chosen ? "true" : null,
          "data-kind": finding.score >= solidFrom ? "sure" : "unsure",
        },
        html("span", { class: "number" }, String(index + 1)),
        html("span", {}, finding.label),
        html("span", { class: "share" }, percent(finding.score)),
      );
      button.addEventListener("click", () => jump(finding));
      return html("li", {}, button);
    }),
  );
  if (focused >= 0) list.children[focused]?.querySelector("button")?.focus();
}
