/** A service that answers what a test says. */

import { vi } from "vitest";

export interface Asked {
  method: string;
  address: string;
  headers: Headers;
  body: unknown;
}

type Give = (asked: Asked) => Response | Promise<Response>;

export function json(document: unknown, status = 200): Response {
  return new Response(JSON.stringify(document), { status });
}

export function problem(status: number, detail: string, headers: Record<string, string> = {}) {
  return new Response(JSON.stringify({ title: "No", status, detail }), { status, headers });
}

/** Replace ``fetch``; gives the list of what was asked, which grows. */
export function serve(give: Give): Asked[] {
  const asked: Asked[] = [];
  vi.stubGlobal("fetch", async (address: string, options: RequestInit = {}) => {
    const { method = "GET", body } = options;
    const one = {
      method,
      address,
      headers: new Headers(options.headers),
      body: typeof body === "string" ? (JSON.parse(body) as unknown) : body,
    };
    asked.push(one);
    return await give(one);
  });
  return asked;
}

/** A promise that the test fulfils when it wants. */
export function later<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}
