import { beforeEach, describe, expect, it, vi } from "vitest";

import type { ReadingDocument } from "../src/api";
import { byId } from "../src/dom";
import { decided, notEvaluated, reading } from "./material";
import { json, problem, serve, type Asked } from "./service";

let worklist: typeof import("../src/worklist");
let choose: ReturnType<typeof vi.fn<(document: ReadingDocument) => void>>;

beforeEach(async () => {
  vi.useFakeTimers({ now: new Date("2026-01-31T13:00:00Z") });
  vi.spyOn(URL, "createObjectURL").mockReturnValue("blob:thumbnail");
  choose = vi.fn();
  worklist = await import("../src/worklist");
});

interface Page {
  readings: ReadingDocument[];
  next: string | null;
}

/** Open the worklist on these pages, one an answer; the last is given again. */
async function open(...pages: Page[]): Promise<Asked[]> {
  const left = [...pages];
  const asked = serve(({ address }) => {
    if (address.endsWith("/thumbnail.jpg")) return new Response("picture");
    return json(left.length > 1 ? left.shift() : left[0]);
  });
  await worklist.startWorklist(choose);
  return asked;
}

const page = (...readings: ReadingDocument[]): Page => ({ readings, next: null });
const queued = (number: number): ReadingDocument =>
  reading(number, { state: "queued", reading: null, finished_at: null });
const lists = (asked: Asked[]): string[] =>
  asked.map(({ address }) => address).filter((address) => address.startsWith("v1/readings?"));
const buttons = (): HTMLButtonElement[] => [...byId("worklist").querySelectorAll("button")];
const times = (): (string | null | undefined)[] =>
  buttons().map((button) => button.querySelector("time")?.getAttribute("datetime")?.slice(11, 16));
const decision = (row = 0): string | null | undefined =>
  buttons()[row]?.querySelector(".decision")?.textContent;
const current = (): number => buttons().findIndex((one) => one.hasAttribute("aria-current"));

describe("the list", () => {
  it("has the service's first page in its order", async () => {
    const asked = await open({ readings: [reading(3), reading(2)], next: "before-two" });
    expect(lists(asked)).toEqual(["v1/readings?limit=50"]);
    expect(times()).toEqual(["12:03", "12:02"]);
    expect(byId("empty").hidden).toBe(true);
    expect(byId("more").hidden).toBe(false);
  });

  it("says so where there is none", async () => {
    await open(page());
    expect(byId("empty").hidden).toBe(false);
    expect(byId("more").hidden).toBe(true);
  });

  it("gets older ones at its end", async () => {
    const asked = await open(
      { readings: [reading(3)], next: "a&b" },
      { readings: [reading(2), reading(1)], next: null },
    );
    byId("more").click();
    await vi.advanceTimersByTimeAsync(0);
    expect(lists(asked)[1]).toBe("v1/readings?limit=50&before=a%26b");
    expect(times()).toEqual(["12:03", "12:02", "12:01"]);
    expect(byId("more").hidden).toBe(true);
  });

  it("still knows where older ones begin after it looked for new ones", async () => {
    const asked = await open(
      { readings: [reading(3)], next: "before-three" },
      { readings: [reading(4), reading(3)], next: "before-four" },
    );
    await vi.advanceTimersByTimeAsync(15_000);
    expect(times()).toEqual(["12:04", "12:03"]);
    byId("more").click();
    await vi.advanceTimersByTimeAsync(0);
    expect(lists(asked)[2]).toContain("before=before-three");
  });

  it("keeps the order of time, whatever comes first", async () => {
    await open(page(reading(2)));
    for (const number of [4, 5, 3, 1]) worklist.put(reading(number));
    expect(times()).toEqual(["12:05", "12:04", "12:03", "12:02", "12:01"]);
  });
});

describe("a row", () => {
  it("shows decision, probability and a picture", async () => {
    await open(page(decided("uncertain", 0.126)));
    expect(decision()).toBe("uncertain13 %");
    expect(buttons()[0]?.querySelector(".decision")?.getAttribute("data-kind")).toBe("uncertain");
    await vi.advanceTimersByTimeAsync(0);
    const image = buttons()[0]?.querySelector("img");
    expect(image?.getAttribute("src")).toBe("blob:thumbnail");
    const revoke = vi.spyOn(URL, "revokeObjectURL").mockReturnValue();
    image?.dispatchEvent(new Event("load"));
    expect(revoke).toHaveBeenCalledExactlyOnceWith("blob:thumbnail");
  });

  it("that was not evaluated says why in place of a probability", async () => {
    await open(page(notEvaluated("the picture shows a cat")));
    expect(decision()).toBe("not evaluated: the picture shows a cat");
  });

  it("shows what kind of file it was and whether it is gone", async () => {
    const asked = await open(
      page(
        reading(2, { is_dicom: true, image_kept: true }),
        reading(1, { is_dicom: false, image_kept: false }),
        reading(0, { state: "failed", reading: null }),
      ),
    );
    const when = buttons().map((button) => button.querySelector(".when")?.textContent);
    expect(when[0]).toMatch(/^[^·]+ · DICOM$/);
    expect(when[1]).toMatch(/^[^·]+ · image deleted$/);
    const pictures = asked.filter(({ address }) => address.endsWith("thumbnail.jpg"));
    expect(pictures.map(({ address }) => address)).toEqual([
      `v1/readings/${reading(2).id}/thumbnail.jpg`,
    ]);
  });

  it("without a picture still stands there", async () => {
    serve(({ address }) =>
      address.endsWith("jpg") ? problem(410, "gone") : json(page(reading(1))),
    );
    await worklist.startWorklist(choose);
    await vi.advanceTimersByTimeAsync(0);
    expect(buttons()[0]?.querySelector(".thumbnail")?.classList.contains("missing")).toBe(true);
    expect(byId("toasts").textContent).toBe("");
  });

  it("has the name that this tab knows", async () => {
    await open(page(reading(1)));
    const name = (): string | null | undefined => buttons()[0]?.querySelector(".name")?.textContent;
    expect(name()).toBe("Radiograph 00000000");
    sessionStorage.setItem(`name-${reading(1).id}`, "wrist.png");
    worklist.put(reading(1));
    expect(name()).toBe("wrist.png");
  });

  it("chooses what is known of it by then", async () => {
    await open(page(queued(1)));
    worklist.put(reading(1));
    buttons()[0]?.click();
    expect(choose).toHaveBeenCalledExactlyOnceWith(reading(1));
  });
});

describe("a change", () => {
  it("of the state is drawn, said and shown where it is chosen", async () => {
    await open(page(queued(2), queued(1)));
    expect(decision(0)).toBe("queued");
    worklist.markChosen(queued(1).id);
    worklist.put({ ...decided("fracture", 0.9), id: queued(2).id });
    expect(decision(0)).toBe("fracture90 %");
    expect(byId("announcement").textContent).toBe("Radiograph 00000000: fracture");
    expect(choose).not.toHaveBeenCalled();
    const error = { type: "LoadError", message: "not a picture" };
    const failed = reading(1, { state: "failed", reading: null, error });
    worklist.put(failed);
    expect(decision(1)).toBe("could not be read");
    expect(byId("announcement").textContent).toBe("Radiograph 00000000: not a picture");
    expect(choose).toHaveBeenCalledExactlyOnceWith(failed);
  });

  it("that is none draws nothing again, and says nothing", async () => {
    await open(page(reading(1)));
    const before = buttons()[0]?.firstElementChild;
    worklist.put(reading(1));
    expect(buttons()[0]?.firstElementChild).toBe(before);
    expect(byId("announcement").textContent).toBe("");
    worklist.put(reading(1, { image_kept: false }));
    expect(buttons()[0]?.firstElementChild).not.toBe(before);
    expect(byId("announcement").textContent).toBe("");
    expect(worklist.documentOf(reading(1).id)).toEqual(reading(1, { image_kept: false }));
    expect(worklist.documentOf("unknown")).toBeUndefined();
  });
});

describe("the choice", () => {
  it("is shown on one row", async () => {
    await open(page(reading(2), reading(1)));
    const scroll = vi.spyOn(Element.prototype, "scrollIntoView");
    expect(current()).toBe(-1);
    worklist.markChosen(reading(2).id);
    worklist.markChosen(reading(1).id);
    expect(buttons().map((button) => button.getAttribute("aria-current"))).toEqual([null, "true"]);
    expect(scroll).toHaveBeenLastCalledWith({ block: "nearest" });
    worklist.markChosen("unknown");
    expect(current()).toBe(-1);
  });

  it("goes up and down, and stops at the ends", async () => {
    await open(page(reading(3), reading(2), reading(1)));
    choose.mockImplementation(({ id }) => {
      worklist.markChosen(id);
    });
    const seen = ([1, 1, 1, 1, -1, -1, -1] as const).map((direction) => {
      worklist.step(direction);
      return current();
    });
    expect(seen).toEqual([0, 1, 2, 2, 1, 0, 0]);
  });

  it("of an empty list is none", async () => {
    await open(page());
    worklist.step(1);
    expect(choose).not.toHaveBeenCalled();
  });
});

it("arrows move the focus, and only they", async () => {
  await open(page(reading(3), reading(2), reading(1)));
  const press = (key: string): boolean => {
    const event = new KeyboardEvent("keydown", { key, cancelable: true });
    byId("worklist").dispatchEvent(event);
    return event.defaultPrevented;
  };
  const focused = (): number => buttons().findIndex((one) => one === document.activeElement);
  buttons()[0]?.focus();
  expect(press("ArrowDown")).toBe(true);
  expect(focused()).toBe(1);
  press("ArrowDown");
  press("ArrowDown");
  expect(focused()).toBe(2);
  press("ArrowUp");
  expect(focused()).toBe(1);
  expect(press("Tab")).toBe(false);
  expect(press("Enter")).toBe(false);
  expect(focused()).toBe(1);
});

describe("news", () => {
  it.each(["queued", "running"] as const)("is asked for often while one is %s", async (state) => {
    const asked = await open(page(reading(1, { state, reading: null })), page(reading(1)));
    await vi.advanceTimersByTimeAsync(699);
    expect(lists(asked)).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(lists(asked)).toHaveLength(2);
    expect(decision()).toContain("fracture");
    await vi.advanceTimersByTimeAsync(14_999);
    expect(lists(asked)).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(lists(asked)).toHaveLength(3);
  });

  it("is asked for sooner once something was sent", async () => {
    const asked = await open(page(reading(1)));
    await vi.advanceTimersByTimeAsync(5000);
    worklist.put(queued(2));
    await vi.advanceTimersByTimeAsync(700);
    expect(lists(asked)).toHaveLength(2);
  });

  it("is not asked for while nobody looks", async () => {
    const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
    const asked = await open(page(queued(1)));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(lists(asked)).toHaveLength(1);
    hidden.mockReturnValue(false);
    await vi.advanceTimersByTimeAsync(700);
    expect(lists(asked)).toHaveLength(2);
  });

  it("that does not come is a fault where the list is empty, else tried again", async () => {
    serve(() => problem(503, "the database is away"));
    await worklist.startWorklist(choose);
    expect(byId("toasts").textContent).toContain("The database is away");
    byId("toasts").replaceChildren();
    serve(() => json(page(reading(1, { image_kept: false }))));
    await vi.advanceTimersByTimeAsync(15_000);
    expect(buttons()).toHaveLength(1);
    const asked = serve(() => problem(503, "the database is away"));
    await vi.advanceTimersByTimeAsync(30_000);
    expect(asked).toHaveLength(2);
    expect(byId("toasts").textContent).toBe("");
    byId("more").click();
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toHaveLength(3);
  });
});
