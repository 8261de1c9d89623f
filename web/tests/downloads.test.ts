import { beforeEach, expect, it, vi } from "vitest";

import openapi from "../openapi.json";
import { byId } from "../src/dom";
import { startDownloads } from "../src/downloads";
import { reading } from "./material";
import { problem, serve } from "./service";

const { id } = reading(0xabc);

let chosen: string | null;
let saved: [name: string, href: string][];

beforeEach(() => {
  vi.useFakeTimers();
  chosen = id;
  saved = [];
  vi.spyOn(URL, "createObjectURL").mockReturnValue("blob:picture");
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (
    this: HTMLAnchorElement,
  ) {
    saved.push([this.download, this.href]);
  });
  startDownloads(() => chosen);
});

const buttons = (): HTMLButtonElement[] => [...byId("downloads").querySelectorAll("button")];

it("offers what the service gives, and each thing once", () => {
  const paths = buttons().map(({ dataset }) => `/v1/readings/{id}${dataset.part}`);
  expect(Object.keys(openapi.paths)).toEqual(expect.arrayContaining(paths));
  expect(new Set(paths).size).toBe(6);
});

it("saves each under the reading's name, and lets go of it", async () => {
  const asked = serve(() => new Response("data"));
  const revoke = vi.spyOn(URL, "revokeObjectURL").mockReturnValue();
  for (const button of buttons()) button.click();
  await vi.waitFor(() => {
    expect(saved).toHaveLength(6);
  });
  expect(asked.map(({ address }) => address)).toEqual(
    ["/report.pdf", "/overlay.png", "", "/sr.dcm", "/gsps.dcm", "/sc.dcm"].map(
      (part) => `v1/readings/${id}${part}`,
    ),
  );
  expect(saved.map(([name]) => name)).toEqual(
    ["report.pdf", "overlay.png", "reading.json", "sr.dcm", "gsps.dcm", "sc.dcm"].map(
      (name) => `fractura-00000000-${name}`,
    ),
  );
  expect(saved[0]?.[1]).toBe("blob:picture");
  expect(byId("announcement").textContent).toMatch(/^fractura-00000000-.* downloaded\.$/);
  expect(revoke).not.toHaveBeenCalled();
  vi.advanceTimersByTime(60_000);
  expect(revoke).toHaveBeenCalledTimes(6);
});

it("saves all marks, whatever is chosen", async () => {
  chosen = null;
  const asked = serve(() => new Response("{}\n"));
  byId("export").click();
  await vi.waitFor(() => {
    expect(saved).toEqual([["fractura-marks.jsonl", "blob:picture"]]);
  });
  expect(asked).toMatchObject([{ address: "v1/marks/manifest.jsonl" }]);
});

it("asks for nothing where no reading is chosen, or beside the buttons", () => {
  const asked = serve(() => new Response("data"));
  byId("downloads").click();
  chosen = null;
  buttons()[0]?.click();
  expect(asked).toEqual([]);
});

it("says why there is nothing to save", async () => {
  serve(() => problem(410, "the image is no longer kept"));
  buttons()[0]?.click();
  await vi.waitFor(() => {
    expect(byId("toasts").textContent).toContain("The image is no longer kept");
  });
  expect(saved).toEqual([]);
});
