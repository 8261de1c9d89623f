import { beforeEach, describe, expect, it, vi } from "vitest";

import { address, get, post, problemOf, request, token } from "../src/api";
import { found, mark, reading } from "./material";
import { json, later, problem, serve } from "./service";

const askForToken = vi.hoisted(() => vi.fn<() => Promise<string>>());
vi.mock("../src/token", () => ({ askForToken }));

beforeEach(() => {
  askForToken.mockReset().mockRejectedValue(new Error("a token is asked for"));
});

function signIn(secret: string): void {
  sessionStorage.setItem("fractura-token", secret);
}

describe("an address", () => {
  it("is relative to the page", () => {
    expect(address("/v1/readings", {})).toBe("v1/readings");
  });

  it("is filled with the id and what is asked, each encoded", () => {
    const query = { heatmap: true };
    expect(address("/v1/readings/{id}/overlay.png", { id: "a/../b?", query })).toBe(
      "v1/readings/a%2F..%2Fb%3F/overlay.png?heatmap=true",
    );
    expect(address("/v1/readings", { query: { before: "a&b", limit: 5 } })).toBe(
      "v1/readings?before=a%26b&limit=5",
    );
  });

  it("leaves out what is null", () => {
    expect(address("/v1/readings", { query: { limit: 5, before: null } })).toBe(
      "v1/readings?limit=5",
    );
  });
});

describe("a problem", () => {
  it("says the detail, else the title, else the status", () => {
    expect(problemOf(422, '{"title": "No", "detail": "not a picture"}', null).message).toBe(
      "not a picture",
    );
    expect(problemOf(422, '{"title": "No"}', null).message).toBe("No");
    expect(problemOf(502, "<html>Bad gateway</html>", null).message).toBe(
      "the service answered with status 502",
    );
  });

  it("knows the status and the seconds to wait", () => {
    expect(problemOf(429, "{}", "7")).toMatchObject({ status: 429, retryAfter: 7 });
    expect(problemOf(503, "{}", null)).toMatchObject({ status: 503, retryAfter: 0 });
    expect(problemOf(503, "{}", "Sat, 31 Jan 2026 12:00:00 GMT").retryAfter).toBe(0);
  });
});

describe("a request", () => {
  it("has no token where none is known, and the one that is", async () => {
    const asked = serve(() => json({}));
    await request("v1/models");
    signIn("secret");
    await request("v1/models", { headers: { Accept: "text/plain" } });
    expect(asked.map(({ headers }) => headers.get("Authorization"))).toEqual([
      null,
      "Bearer secret",
    ]);
    expect(asked[1]?.headers.get("Accept")).toBe("text/plain");
  });

  it("that is refused asks for a token, keeps it and is made again", async () => {
    askForToken.mockResolvedValueOnce("right");
    const asked = serve(({ headers }) =>
      headers.get("Authorization") === "Bearer right" ? json({ ok: 1 }) : problem(401, "no"),
    );
    signIn("wrong");
    const response = await request("v1/models", { method: "DELETE" });
    expect(await response.json()).toEqual({ ok: 1 });
    expect(asked.map(({ method }) => method)).toEqual(["DELETE", "DELETE"]);
    expect(token()).toBe("right");
  });

  it("that is refused after another got a token takes that one", async () => {
    const refused = later<Response>();
    serve(({ headers }) => (headers.has("Authorization") ? json({}) : refused.promise));
    const slow = request("v1/models");
    signIn("right");
    refused.resolve(problem(401, "no"));
    expect((await slow).ok).toBe(true);
    expect(askForToken).not.toHaveBeenCalled();
  });

  it("throws what the service says", async () => {
    serve(() => problem(429, "too much waits", { "Retry-After": "3" }));
    await expect(request("v1/readings")).rejects.toMatchObject({
      status: 429,
      retryAfter: 3,
      message: "too much waits",
    });
  });

  it("says where nobody answers, and not where it was given up", async () => {
    serve(() => Promise.reject(new TypeError("Failed to fetch")));
    await expect(request("v1/readings")).rejects.toMatchObject({
      status: 0,
      message: "the service does not answer; is it still running?",
    });
    serve(() => Promise.reject(new DOMException("not allowed", "SecurityError")));
    await expect(request("v1/readings")).rejects.toMatchObject({ status: 0 });
    serve(() => Promise.reject(new DOMException("gone", "AbortError")));
    await expect(request("v1/readings")).rejects.toMatchObject({ name: "AbortError" });
  });
});

it("gets a document", async () => {
  const { id } = reading();
  const asked = serve(() => json(found(0.5)));
  const document = await get("/v1/readings/{id}/findings", { id, query: { minimum: 0.25 } });
  expect(document).toEqual(found(0.5));
  expect(asked).toMatchObject([
    { method: "GET", address: `v1/readings/${id}/findings?minimum=0.25` },
  ]);
});

it("posts a document and gives the answer's", async () => {
  const { id } = reading();
  const asked = serve(() => json(mark(), 201));
  const body = { kind: "agree", box: null, note: "" } as const;
  expect(await post("/v1/readings/{id}/marks", { id }, body)).toEqual(mark());
  expect(asked).toMatchObject([{ method: "POST", address: `v1/readings/${id}/marks`, body }]);
  expect(asked[0]?.headers.get("Content-Type")).toBe("application/json");
});
