import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { byId } from "../src/dom";
import { startShortcuts } from "../src/shortcuts";

const first = vi.fn<(event: KeyboardEvent) => boolean>();
const runs = {
  zoom: vi.fn(),
  escape: vi.fn(),
  pan: vi.fn(),
  level: vi.fn(),
  tool: vi.fn(),
};

function start(): void {
  const arrow = { keys: ["ArrowLeft"], onStage: true };
  startShortcuts(
    [
      {
        title: "View",
        shortcuts: [
          { keys: ["+", "="], shown: ["+"], about: "Zoom in", run: runs.zoom },
          { keys: ["Escape"], shown: ["Esc"], about: "Leave", run: runs.escape },
          { keys: ["w"], shown: ["W"], about: "Window", run: runs.tool },
        ],
      },
      {
        title: "On the radiograph",
        shortcuts: [
          { ...arrow, shown: ["←"], about: "Pan left", shift: false, run: runs.pan },
          { ...arrow, shown: ["Shift", "←"], about: "Narrower", shift: true, run: runs.level },
        ],
      },
    ],
    first,
  );
}

/** A page listens for keys as long as it lives; that of a test ends with the test. */
let page: AbortController;

beforeEach(() => {
  page = new AbortController();
  const listen = document.addEventListener.bind(document);
  vi.spyOn(document, "addEventListener").mockImplementation(
    (type: string, listener: EventListenerOrEventListenerObject) => {
      listen(type, listener, { signal: page.signal });
    },
  );
  first.mockReset().mockReturnValue(false);
  for (const run of Object.values(runs)) run.mockReset();
  start();
});

afterEach(() => {
  page.abort();
});

/** Press a key; gives whether the page took it. */
function press(key: string, at: Element = document.body, held: KeyboardEventInit = {}): boolean {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...held });
  at.dispatchEvent(event);
  return event.defaultPrevented;
}

function setSingleKeys(on: boolean): void {
  const box = byId("single-keys", HTMLInputElement);
  box.checked = on;
  box.dispatchEvent(new Event("change"));
}

describe("a key", () => {
  it("does what stands beside it, and nothing of the browser's", () => {
    expect(press("+")).toBe(true);
    expect(press("=")).toBe(true);
    expect(runs.zoom).toHaveBeenCalledTimes(2);
    expect(runs.escape).not.toHaveBeenCalled();
  });

  it("that nobody knows is the browser's", () => {
    expect(press("q")).toBe(false);
  });

  it.each([{ ctrlKey: true }, { metaKey: true }, { altKey: true }])(
    "is the browser's with %j",
    (held) => {
      expect(press("+", document.body, held)).toBe(false);
      expect(runs.zoom).not.toHaveBeenCalled();
      expect(first).not.toHaveBeenCalled();
    },
  );

  it.each(["note", "subject", "threshold"])("is the field's in #%s, but for Escape", (id) => {
    expect(press("+", byId(id))).toBe(false);
    expect(runs.zoom).not.toHaveBeenCalled();
    expect(press("Escape", byId(id))).toBe(true);
    expect(runs.escape).toHaveBeenCalledTimes(1);
  });

  it("is the dialog's while one is open", () => {
    byId("help").click();
    expect(press("+")).toBe(false);
    expect(press("Escape")).toBe(false);
    byId("help-dialog", HTMLDialogElement).close();
    expect(press("+")).toBe(true);
  });

  it("may be taken before", () => {
    first.mockReturnValue(true);
    expect(press("+")).toBe(true);
    expect(runs.zoom).not.toHaveBeenCalled();
  });
});

describe("a key of the radiograph", () => {
  it("works only there", () => {
    expect(press("ArrowLeft")).toBe(false);
    expect(press("ArrowLeft", byId("stage"))).toBe(true);
    expect(runs.pan).toHaveBeenCalledTimes(1);
    expect(runs.level).not.toHaveBeenCalled();
  });

  it("does another thing with Shift", () => {
    press("ArrowLeft", byId("stage"), { shiftKey: true });
    expect(runs.level).toHaveBeenCalledTimes(1);
    expect(runs.pan).not.toHaveBeenCalled();
  });
});

describe("single keys", () => {
  it("work at first", () => {
    expect(byId("single-keys", HTMLInputElement).checked).toBe(true);
  });

  it("can be switched off, but on the radiograph", () => {
    setSingleKeys(false);
    expect(press("w")).toBe(false);
    expect(press("Escape")).toBe(true);
    expect(press("w", byId("stage"))).toBe(true);
    expect(runs.tool).toHaveBeenCalledTimes(1);
  });

  it("stay as they were set when the page is opened again", () => {
    setSingleKeys(false);
    byId("single-keys", HTMLInputElement).checked = true;
    start();
    expect(byId("single-keys", HTMLInputElement).checked).toBe(false);
    setSingleKeys(true);
    start();
    expect(byId("single-keys", HTMLInputElement).checked).toBe(true);
  });
});

it("are listed in a dialog", () => {
  byId("help").click();
  expect(byId("help-dialog", HTMLDialogElement).open).toBe(true);
  const titles = [...byId("shortcuts").querySelectorAll("h3")].map((node) => node.textContent);
  expect(titles).toEqual(["View", "On the radiograph"]);
  const terms = [...byId("shortcuts").querySelectorAll("dt")];
  const keys = terms.map((term) => [...term.children].map((key) => key.textContent));
  expect(keys).toEqual([["+"], ["Esc"], ["W"], ["←"], ["Shift", "←"]]);
  const about = [...byId("shortcuts").querySelectorAll("dd")].map((node) => node.textContent);
  expect(about).toEqual(["Zoom in", "Leave", "Window", "Pan left", "Narrower"]);
});
