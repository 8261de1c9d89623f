/** The REST service's documents and how they are fetched. */

import type { components, paths } from "./openapi";
import { askForToken } from "./token";

type Schemas = components["schemas"];

export type Finding = Schemas["FindingDocument"];
export type Corners = Finding["box"];
export type ReadingDocument = Schemas["ReadingDocument"];
export type Result = NonNullable<ReadingDocument["reading"]>;
export type Findings = Schemas["FindingList"];
export type OperatingPoint = Schemas["OperatingPointDocument"];
export type Display = Schemas["DisplayDocument"];
export type Mark = Schemas["MarkDocument"];
export type MarkKind = Mark["kind"];

type Path = keyof paths;
type Answer<Operation> = Operation extends {
  responses: Record<200, { content: { "application/json": infer Document } }>;
}
  ? Document
  : Operation extends {
        responses: Record<201, { content: { "application/json": infer Document } }>;
      }
    ? Document
    : never;
type Body<Operation> = Operation extends {
  requestBody: { content: { "application/json": infer Document } };
}
  ? Document
  : never;
type Query<P extends Path> = paths[P]["get"] extends { parameters: { query?: infer Query } }
  ? Query
  : never;

type Parameter = string | number | boolean | null;

/** What a path of the service's is filled with. */
export type Values<P extends Path> = { query?: Query<P> } & (P extends `${string}{id}${string}`
  ? { id: string }
  : { id?: never });

type BelowReading<P> = P extends `/v1/readings/{id}${infer Part}` ? Part : never;
/** What can be asked of a reading: the ends of the paths that begin with the reading's own. */
export type Part = BelowReading<Path>;

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

/** Ask the person for a token and keep it, unless there is another than the refused one already. */
export async function renewToken(refused: string | null): Promise<void> {
  if (token() === refused) sessionStorage.setItem(TOKEN, await askForToken());
}

export function problemOf(status: number, body: string, retryAfter: string | null): Problem {
  let detail = `the service answered with status ${status}`;
  try {
    const { detail: said, title } = JSON.parse(body) as Partial<Schemas["Problem"]>;
    detail = said ?? title ?? detail;
  } catch {
    // A proxy in between may answer in HTML; its status is what can be told.
  }
  return new Problem(status, detail, Number(retryAfter) || 0);
}

export async function request(address: string, options: RequestInit = {}): Promise<Response> {
  for (;;) {
    const used = token();
    const headers = new Headers(options.headers);
    if (used) headers.set("Authorization", `Bearer ${used}`);
    let response: Response;
    try {
      response = await fetch(address, { ...options, headers });
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new Problem(0, "the service does not answer; is it still running?");
    }
    if (response.ok) return response;
    if (response.status === 401) {
      await renewToken(used);
      continue;
    }
    throw problemOf(response.status, await response.text(), response.headers.get("Retry-After"));
  }
}

/** The address of a path, relative to the page so that the service may lie below any prefix. */
export function address<P extends Path>(path: P, values: Values<P>): string {
  const filled = path.slice(1).replace("{id}", encodeURIComponent(values.id ?? ""));
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries<Parameter>(values.query ?? {})) {
    if (value !== null) query.set(name, String(value));
  }
  const search = query.toString();
  return search ? `${filled}?${search}` : filled;
}

export async function get<P extends Path>(
  path: P,
  values: Values<P>,
): Promise<Answer<paths[P]["get"]>> {
  const response = await request(address(path, values));
  return (await response.json()) as Answer<paths[P]["get"]>;
}

export async function post<P extends Path>(
  path: P,
  values: Values<P>,
  body: Body<paths[P]["post"]>,
): Promise<Answer<paths[P]["post"]>> {
  const response = await request(address(path, values), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Answer<paths[P]["post"]>;
}
