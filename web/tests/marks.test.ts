import { beforeEach, describe, expect, it, vi } from "vitest";

import type { Corners, Mark } from "../src/api";
import { byId } from "../src/dom";
import { makeMarkBoard, type MarkBoard } from "../src/marks";
import { finding, mark, reading } from "./material";
import { json, later, problem, serve } from "./service";

const { id } = reading();
const box: Corners = [10, 20, 30, 60];

let board: MarkBoard;
let changed: ReturnType<typeof vi.fn<(marks: readonly Mark[]) => void>>;
let jump: ReturnType<typeof vi.fn<(box: Corners) => void>>;

beforeEach(() => {
  changed = vi.fn();
  jump = vi.fn();
  board = makeMarkBoard(changed, jump);
});

const rows = (): HTMLLIElement[] => [...byId("marks").querySelectorAll("li")];
const note = (): HTMLTextAreaElement => byId("note", HTMLTextAreaElement);
const fault = (): string | null => byId("toasts").textContent;

/** Open a reading with these marks. */
async function openWith(...marks: Mark[]): Promise<void> {
  serve(() => json({ marks }));
  await board.open(id);
}

describe("the marks of a reading", () => {
  it("are listed with kind, note and who made them", async () => {
    const asked = serve(() => json({ marks: [mark(1, { kind: "missed", box, note: "ulna" })] }));
    await board.open(id);
    expect(asked).toMatchObject([{ method: "GET", address: `v1/readings/${id}/marks` }]);
    const [row] = rows();
    expect(row?.querySelector("strong")?.textContent).toBe("Missed fracture");
    expect(row?.querySelector("p")?.textContent).toBe("ulna");
    expect(row?.querySelector("time")?.textContent).toMatch(/^local, /);
    expect(changed).toHaveBeenLastCalledWith([mark(1, { kind: "missed", box, note: "ulna" })]);
  });

  it("lead to their boxes, where they have one", async () => {
    await openWith(mark(1), mark(2, { box }));
    expect(rows().map((row) => row.querySelector(".head")?.textContent)).toEqual([
      "Agree×",
      "Agreeshow box×",
    ]);
    const links = rows().map((row) => row.querySelector<HTMLButtonElement>(".link"));
    expect(links[0]).toBeNull();
    links[1]?.click();
    expect(jump).toHaveBeenCalledExactlyOnceWith(box);
  });

  it("give way to the next reading's at once, with its note", async () => {
    await openWith(mark(1));
    note().value = "of the first";
    serve(() => later<Response>().promise);
    void board.open(reading(2).id);
    expect(rows()).toEqual([]);
    expect(note().value).toBe("");
    expect(changed).toHaveBeenLastCalledWith([]);
  });

  it("that arrive late are not another reading's", async () => {
    const first = later<Response>();
    serve(({ address }) =>
      address.includes(id) ? first.promise : json({ marks: [mark(2, { note: "second" })] }),
    );
    const opened = board.open(id);
    await board.open(reading(2).id);
    first.resolve(json({ marks: [mark(1, { note: "first" })] }));
    await opened;
    expect(rows().map((row) => row.querySelector("p")?.textContent)).toEqual(["second"]);
  });

  it("that do not arrive are a fault", async () => {
    serve(() => problem(503, "the database is away"));
    await board.open(id);
    expect(fault()).toContain("The database is away");
  });
});

describe("what a mark is about", () => {
  const findings = [finding(0.9, [1, 2, 3, 4]), finding(0.1, [5, 6, 7, 8])] as const;

  it("is the whole radiograph at first, or one of the findings", () => {
    board.subjects(findings, null);
    const subject = byId("subject", HTMLSelectElement);
    expect([...subject.options].map(({ text }) => text)).toEqual([
      "The whole radiograph",
      "Finding 1, 90 %",
      "Finding 2, 10 %",
    ]);
    expect(board.subject()).toBeNull();
    subject.value = "1";
    expect(board.subject()).toEqual([5, 6, 7, 8]);
  });

  it("follows the chosen finding, also to none", () => {
    board.subjects(findings, findings[0]);
    expect(board.subject()).toEqual([1, 2, 3, 4]);
    board.subjects(findings, null);
    expect(board.subject()).toBeNull();
    board.subjects(findings, finding(0.9));
    expect(board.subject()).toBeNull();
  });
});

describe("a new mark", () => {
  it("is sent with its note and added to the others", async () => {
    await openWith(mark(1));
    note().value = "  ulna ";
    const asked = serve(() => json(mark(2, { kind: "missed", box, note: "ulna" }), 201));
    await board.save("missed", box);
    expect(asked).toMatchObject([
      {
        method: "POST",
        address: `v1/readings/${id}/marks`,
        body: { kind: "missed", box, note: "ulna" },
      },
    ]);
    expect(rows()).toHaveLength(2);
    expect(note().value).toBe("");
    expect(byId("announcement").textContent).toBe("Saved: Missed fracture.");
    expect(byId("toasts").textContent).toBe("Saved: Missed fracture.");
  });

  it("that is refused leaves note and marks as they were", async () => {
    await openWith(mark(1));
    note().value = "ulna";
    serve(() => problem(422, "the box has no area"));
    await board.save("missed", [1, 1, 1, 1]);
    expect(rows()).toHaveLength(1);
    expect(note().value).toBe("ulna");
    expect(fault()).toContain("The box has no area");
  });

  it("that is there late is not another reading's", async () => {
    await openWith();
    const answer = later<Response>();
    serve(({ method }) => (method === "POST" ? answer.promise : json({ marks: [] })));
    const saved = board.save("agree", null);
    await board.open(reading(2).id);
    note().value = "of the second";
    answer.resolve(json(mark(1), 201));
    await saved;
    expect(rows()).toEqual([]);
    expect(note().value).toBe("of the second");
  });
});

describe("a mark's button", () => {
  const press = (row = 0): void =>
    rows()[row]?.querySelector<HTMLButtonElement>("[aria-label='Delete mark: Agree']")?.click();

  it("deletes it and no other", async () => {
    await openWith(mark(1), mark(2, { kind: "disagree" }));
    const asked = serve(() => new Response(null, { status: 204 }));
    press(0);
    await vi.waitFor(() => {
      expect(rows()).toHaveLength(1);
    });
    expect(asked).toMatchObject([{ method: "DELETE", address: `v1/marks/${mark(1).id}` }]);
    expect(rows()[0]?.textContent).toContain("Disagree");
    expect(changed).toHaveBeenLastCalledWith([mark(2, { kind: "disagree" })]);
    expect(byId("announcement").textContent).toBe("Mark deleted.");
    expect(document.activeElement).toBe(note());
  });

  it("leaves it where the service does", async () => {
    await openWith(mark(1));
    serve(() => problem(403, "the mark is another's"));
    press();
    await vi.waitFor(() => {
      expect(fault()).toContain("The mark is another's");
    });
    expect(rows()).toHaveLength(1);
  });
});
