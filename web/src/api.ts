/** The REST service's documents and how they are fetched. */

import { askForToken } from "./token";

export type Corners = [xMin: number, yMin: number, xMax: number, yMax: number];
export type Decision = "fracture" | "uncertain" | "no fracture";
export type MarkKind = "agree" | "disagree" | "missed";

export interface Finding {
  label: string;
  score: number;
  box: Corners;
}

export interface Reading {
  sha256: string;
  model: string;
  width: number;
  height: number;
  fracture: { probability: number; decision: Decision };
  findings: Finding[];
  region: { label: string; probability: number } | null;
  warnings: string[];
}

export interface ReadingDocument {
  id: string;
  state: "queued" | "running" | "done" | "failed";
  is_dicom: boolean;
  created_at: string;
  finished_at: string | null;
  image_kept: boolean;
  reading: Reading | null;
  error: { type: string; message: string } | null;
}

export interface OperatingPoint {
  probability: number;
  box_score: number;
}

export interface Findings {
  findings: Finding[];
  operating_points: { high_sensitivity: OperatingPoint; high_specificity: OperatingPoint };
}

export interface Display {
  rows: number;
  columns: number;
  bits: number;
  slope: number;
  intercept: number;
  window: { center: number; width: number };
  invert: boolean;
  spacing_mm: [row: number, column: number] | null;
}

export interface Mark {
  id: string;
  kind: MarkKind;
  box: Corners | null;
  note: string;
  who: string;
  created_at: string;
}

/** What the service answered in place of what was asked for (RFC 9457). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly retryAfter = 0,
  ) {
    super(detail);
  }
}

const TOKEN = "fractura-token";

export function token(): string | null {
  return sessionStorage.getItem(TOKEN);
}

/** Ask the person for a token and keep it until the tab is closed. */
export async function renewToken(): Promise<void> {
  sessionStorage.setItem(TOKEN, await askForToken());
}

export function problemOf(status: number, body: string, retryAfter: string | null): Problem {
  let detail = `the service answered with status ${status}`;
  try {
    const { detail: said, title } = JSON.parse(body) as { detail?: string; title?: string };
    detail = said ?? title ?? detail;
  } catch {
    // A proxy in between may answer in HTML; its status is what can be told.
  }
  return new Problem(status, detail, Number(retryAfter) || 0);
}

export async function request(path: string, options: RequestInit = {}): Promise<Response> {
  for (;;) {
    const used = token();
    const headers = new Headers(options.headers);
    if (used) headers.set("Authorization", `Bearer ${used}`);
    let response: Response;
    try {
      response = await fetch(path, { ...options, headers });
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new Problem(0, "the service does not answer; is it still running?");
    }
    if (response.ok) return response;
    if (response.status === 401) {
      if (token() === used) await renewToken();
      continue;
    }
    throw problemOf(response.status, await response.text(), response.headers.get("Retry-After"));
  }
}

export async function json<T>(path: string, options?: RequestInit): Promise<T> {
  return (await (await request(path, options)).json()) as T;
}

export function post<T>(path: string, body: unknown): Promise<T> {
  return json<T>(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

export function of(id: string, part = ""): string {
  return `v1/readings/${encodeURIComponent(id)}${part}`;
}
