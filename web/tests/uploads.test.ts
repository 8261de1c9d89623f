import { beforeEach, describe, expect, it, vi } from "vitest";

import type { ReadingDocument } from "../src/api";
import { byId } from "../src/dom";
import { reading } from "./material";

const askForToken = vi.hoisted(() => vi.fn<() => Promise<string>>());
vi.mock("../src/token", () => ({ askForToken }));

/** A request that the test answers. */
class Sent {
  static all: Sent[] = [];
  readonly upload: {
    onprogress?: (progress: { loaded: number; total: number }) => void;
    onload?: () => void;
  } = {};
  readonly headers = new Map<string, string>();
  onload?: () => void;
  onerror?: () => void;
  status = 0;
  responseText = "";
  file: File | null = null;
  address = "";
  #answered = new Map<string, string>();

  open(method: string, address: string): void {
    this.address = `${method} ${address}`;
  }

  setRequestHeader(name: string, value: string): void {
    this.headers.set(name, value);
  }

  getResponseHeader(name: string): string | null {
    return this.#answered.get(name) ?? null;
  }

  send(body: FormData): void {
    this.file = body.get("file") as File;
    Sent.all.push(this);
  }

  /** Answer, and let the page go on. */
  async answer(status: number, document: unknown, headers: Record<string, string> = {}) {
    this.status = status;
    this.responseText = JSON.stringify(document);
    this.#answered = new Map(Object.entries(headers));
    this.onload?.();
    await settled();
  }
}

/** All that follows from what has happened, but not from time. */
async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

let uploads: typeof import("../src/uploads");
let arrived: ReturnType<typeof vi.fn<(document: ReadingDocument) => void>>;

beforeEach(async () => {
  vi.useFakeTimers();
  vi.stubGlobal("XMLHttpRequest", Sent);
  Sent.all = [];
  askForToken.mockReset();
  arrived = vi.fn();
  uploads = await import("../src/uploads");
});

function send(...names: string[]): void {
  uploads.sendFiles(
    names.map((name) => new File([name], name)),
    arrived,
  );
}

function sent(index: number): Sent {
  const one = Sent.all[index];
  if (!one) throw new Error(`only ${Sent.all.length} requests were sent`);
  return one;
}

const rows = (): HTMLLIElement[] => [...byId("uploads").querySelectorAll("li")];
const status = (row: number): string | null | undefined =>
  rows()[row]?.querySelector(".status")?.textContent;
const bar = (row: number): HTMLProgressElement | null =>
  rows()[row]?.querySelector("progress") ?? null;
const said = (): string | null => byId("announcement").textContent;

describe("files", () => {
  it("are sent three at a time, in their order", async () => {
    send("a", "b", "c", "d", "e");
    expect(rows()).toHaveLength(5);
    expect(Sent.all.map(({ file }) => file?.name)).toEqual(["a", "b", "c"]);
    expect(Sent.all[0]?.address).toBe("POST v1/readings");
    await sent(1).answer(200, reading(1));
    expect(Sent.all.map(({ file }) => file?.name)).toEqual(["a", "b", "c", "d"]);
    expect(rows()).toHaveLength(4);
  });

  it("that are added meanwhile wait, too", async () => {
    send("a", "b");
    send("c", "d");
    expect(Sent.all).toHaveLength(3);
    await sent(0).answer(200, reading(1));
    expect(Sent.all).toHaveLength(4);
  });

  it("give their readings, which have their names in this tab", async () => {
    expect(uploads.nameOf(reading(1).id)).toBe("Radiograph 00000000");
    send("wrist.png");
    let name = "";
    arrived.mockImplementation(({ id }) => {
      name = uploads.nameOf(id);
    });
    await sent(0).answer(202, reading(1, { state: "queued", reading: null }));
    expect(arrived).toHaveBeenCalledExactlyOnceWith(reading(1, { state: "queued", reading: null }));
    expect(name).toBe("wrist.png");
    expect(rows()).toEqual([]);
  });

  it("are summed up once all are done, and then counted anew", async () => {
    send("a", "b", "c");
    await sent(0).answer(200, reading(1));
    await sent(1).answer(422, { detail: "not a picture" });
    expect(said()).toBe("");
    await sent(2).answer(200, reading(2));
    expect(said()).toBe("2 files sent, 1 refused.");
    send("d");
    await sent(3).answer(200, reading(3));
    expect(said()).toBe("1 file sent.");
  });
});

describe("progress", () => {
  it("shows the share that is sent, and then that it is read", () => {
    send("a");
    expect(status(0)).toBe("waiting");
    expect(bar(0)?.value).toBe(0);
    expect(bar(0)?.getAttribute("aria-label")).toBe("Progress of a");
    sent(0).upload.onprogress?.({ loaded: 3, total: 4 });
    expect(status(0)).toBe("75 %");
    expect(bar(0)?.value).toBe(0.75);
    sent(0).upload.onload?.();
    expect(status(0)).toBe("reading");
    expect(bar(0)?.hasAttribute("value")).toBe(false);
  });
});

describe("a refused file", () => {
  it("says why beside the others, until it is dismissed", async () => {
    send("a.txt", "b.png");
    await sent(0).answer(422, { detail: "not a picture" });
    const [row] = rows();
    expect(row?.classList.contains("fault")).toBe(true);
    expect(row?.querySelector("[role=alert]")?.textContent).toBe("not a picture");
    expect(status(0)).toBe("refused");
    expect(bar(0)).toBeNull();
    expect(arrived).not.toHaveBeenCalled();
    expect(row?.querySelector("button")?.getAttribute("aria-label")).toBe("Dismiss a.txt");
    row?.querySelector("button")?.click();
    expect(rows().map((one) => one.querySelector(".name")?.textContent)).toEqual(["b.png"]);
  });

  it("may be one that the service never got", async () => {
    send("a");
    sent(0).onerror?.();
    await settled();
    expect(rows()[0]?.querySelector("[role=alert]")?.textContent).toContain("does not answer");
  });
});

describe("a busy service", () => {
  const busy = { detail: "too much waits" };

  it("is asked again after the time that it says", async () => {
    send("a");
    await sent(0).answer(429, busy, { "Retry-After": "5" });
    expect(status(0)).toBe("the service is busy; trying again");
    await vi.advanceTimersByTimeAsync(4999);
    expect(Sent.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(Sent.all).toHaveLength(2);
    await sent(1).answer(200, reading(1));
    expect(arrived).toHaveBeenCalledTimes(1);
  });

  it("that says no time is asked later and later, eight times", async () => {
    send("a");
    for (let attempt = 1; attempt < 8; attempt += 1) {
      await sent(attempt - 1).answer(429, busy);
      await vi.advanceTimersByTimeAsync(1000 * attempt - 1);
      expect(Sent.all).toHaveLength(attempt);
      await vi.advanceTimersByTimeAsync(1);
      expect(Sent.all).toHaveLength(attempt + 1);
    }
    await sent(7).answer(429, busy);
    expect(rows()[0]?.querySelector("[role=alert]")?.textContent).toBe("too much waits");
  });
});

describe("a token", () => {
  it("is sent where one is known", () => {
    send("a");
    sessionStorage.setItem("fractura-token", "secret");
    send("b");
    expect(Sent.all.map(({ headers }) => headers.get("Authorization"))).toEqual([
      undefined,
      "Bearer secret",
    ]);
  });

  it("is asked for once it is wanted, and the file sent again", async () => {
    askForToken.mockResolvedValue("right");
    send("a");
    await sent(0).answer(401, { detail: "no" });
    expect(sent(1).headers.get("Authorization")).toBe("Bearer right");
    expect(sent(1).file?.name).toBe("a");
    await sent(1).answer(200, reading(1));
    expect(arrived).toHaveBeenCalledTimes(1);
  });

  it("is not asked for again by a file that was sent before it came", async () => {
    askForToken.mockResolvedValue("right");
    send("a", "slow");
    await sent(0).answer(401, { detail: "no" });
    await sent(1).answer(401, { detail: "no" });
    expect(askForToken).toHaveBeenCalledTimes(1);
    expect(sent(3).file?.name).toBe("slow");
    expect(sent(3).headers.get("Authorization")).toBe("Bearer right");
  });
});

it("counts in words", () => {
  expect([0, 1, 2].map((number) => uploads.count(number, "file"))).toEqual([
    "0 files",
    "1 file",
    "2 files",
  ]);
});
