/** Documents as the service gives them: the examples of its description, changed where wanted. */

import openapi from "../openapi.json";
import type { Display, Finding, Findings, Mark, ReadingDocument } from "../src/api";

const { schemas } = openapi.components;
const READING = schemas.ReadingDocument.examples[0] as unknown as ReadingDocument;
const DISPLAY = schemas.DisplayDocument.examples[0] as unknown as Display;

export function display(changed: Partial<Display> = {}): Display {
  return { ...DISPLAY, ...changed };
}

/** A reading that is done; ``number`` tells several apart, higher ones are newer. */
export function reading(number = 1, changed: Partial<ReadingDocument> = {}): ReadingDocument {
  return {
    ...READING,
    id: number.toString(16).padStart(32, "0"),
    created_at: `2026-01-31T12:${String(number).padStart(2, "0")}:00.000000Z`,
    ...changed,
  };
}

/** The same with another decision. */
export function decided(
  decision: NonNullable<ReadingDocument["reading"]>["fracture"]["decision"],
  probability: number,
): ReadingDocument {
  const { reading: said, ...rest } = reading();
  if (!said) throw new Error("the example has no reading");
  const fracture = { ...said.fracture, decision, probability };
  return { ...rest, reading: { ...said, fracture } };
}

/** The same where nothing is said about bone. */
export function notEvaluated(sentence: string): ReadingDocument {
  const document = decided("not evaluated", 0.1);
  if (!document.reading) throw new Error("the example has no reading");
  const reason = { code: "unlike", sentence } as const;
  const fracture = { ...document.reading.fracture, reliable: false, reason };
  return { ...document, reading: { ...document.reading, fracture, findings: [] } };
}

export function finding(score: number, box: Finding["box"] = [10, 20, 30, 60]): Finding {
  return { label: "fracture", score, box };
}

export function found(...scores: number[]): Findings {
  return {
    findings: scores.map((score) => finding(score)),
    operating_points: {
      high_sensitivity: { probability: 0.2, box_score: 0.05 },
      high_specificity: { probability: 0.8, box_score: 0.4 },
    },
  };
}

export function mark(number = 1, changed: Partial<Mark> = {}): Mark {
  return {
    id: String(number).padStart(32, "a"),
    reading_id: reading().id,
    kind: "agree",
    box: null,
    note: "",
    who: "local",
    created_at: "2026-01-31T12:00:00Z",
    ...changed,
  };
}
