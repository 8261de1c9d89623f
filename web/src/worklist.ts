/** The list of readings, newest first. */

import { address, get, request, type ReadingDocument } from "./api";
import { alarm, announce, byId, html, percent, timeOf } from "./dom";
import { nameOf } from "./uploads";

const PAGE = 50;
const EVERY_MILLISECONDS = 15_000;
const WHILE_READING_MILLISECONDS = 700;

interface Row {
  document: ReadingDocument;
  name: string;
  item: HTMLLIElement;
  button: HTMLButtonElement;
}

const rows = new Map<string, Row>();
let chosen: string | null = null;
let oldest: string | null = null;
let choose: (document: ReadingDocument) => void;
let timer: ReturnType<typeof setTimeout> | undefined;

export async function startWorklist(select: (document: ReadingDocument) => void): Promise<void> {
  choose = select;
  byId("more").addEventListener("click", () => void fetchPage(oldest));
  byId("worklist").addEventListener("keydown", moveFocus);
  await fetchPage(null);
}

async function fetchPage(before: string | null): Promise<void> {
  clearTimeout(timer);
  try {
    const page = await get("/v1/readings", { query: { limit: PAGE, before } });
    if (before || !rows.size) {
      oldest = page.next;
      byId("more").hidden = !page.next;
    }
    page.readings.forEach((document) => put(document, Boolean(before)));
  } catch (error) {
    if (before || !rows.size) alarm(error);
  }
  schedule();
}

function schedule(): void {
  clearTimeout(timer);
  const busy = [...rows.values()].some(({ document }) => unfinished(document));
  timer = setTimeout(
    () => {
      if (document.hidden) schedule();
      else void fetchPage(null);
    },
    busy ? WHILE_READING_MILLISECONDS : EVERY_MILLISECONDS,
  );
}

function unfinished({ state }: ReadingDocument): boolean {
  return state === "queued" || state === "running";
}

/** A new or changed reading; keeps the order of time. */
export function put(document: ReadingDocument, atEnd = false): void {
  const known = rows.get(document.id);
  if (known) {
    const name = nameOf(document.id);
    const kept = known.document.image_kept === document.image_kept && known.name === name;
    const changed = known.document.state !== document.state;
    Object.assign(known, { document, name });
    if (changed || !kept) draw(known);
    if (changed) {
      announce(`${nameOf(document.id)}: ${verdict(document)}`);
      if (chosen === document.id) choose(document);
    }
    return;
  }
  const button = html("button", { type: "button" });
  const item = html("li", {}, button);
  const row = { document, name: nameOf(document.id), item, button };
  button.addEventListener("click", () => choose(row.document));
  rows.set(document.id, row);
  draw(row);
  const list = byId("worklist");
  if (atEnd) list.append(item);
  else {
    const next = [...rows.values()]
      .filter((other) => other !== row && other.document.created_at < document.created_at)
      .sort((a, b) => (a.document.created_at < b.document.created_at ? 1 : -1))[0];
    list.insertBefore(item, next?.item ?? null);
  }
  byId("empty").hidden = true;
  if (unfinished(document)) schedule();
}

function verdict({ state, reading, error }: ReadingDocument): string {
  if (state === "failed") return error?.message ?? "could not be read";
  if (!reading) return state;
  const { decision, reason } = reading.fracture;
  return decision === "not evaluated" && reason ? `${decision}: ${reason.sentence}` : decision;
}

function draw({ document, button }: Row): void {
  const { id, reading } = document;
  const kind = document.state === "done" && reading ? reading.fracture.decision : document.state;
  const picture = html("span", { class: "thumbnail", "aria-hidden": "true" });
  button.replaceChildren(
    picture,
    html(
      "span",
      { class: "about" },
      html("span", { class: "name" }, nameOf(id)),
      html(
        "span",
        { class: "decision", "data-kind": kind },
        document.state === "failed" ? "could not be read" : verdict(document),
        ...(reading && kind !== "not evaluated"
          ? [html("span", { class: "share" }, percent(reading.fracture.probability))]
          : []),
      ),
      html(
        "span",
        { class: "when" },
        html("time", { datetime: document.created_at }, timeOf(document.created_at)),
        ...(document.is_dicom ? [" · DICOM"] : []),
        ...(document.image_kept ? [] : [" · image deleted"]),
      ),
    ),
  );
  if (document.state === "done" && document.image_kept) void loadThumbnail(id, picture);
}

async function loadThumbnail(id: string, place: HTMLElement): Promise<void> {
  try {
    const data = await (await request(address("/v1/readings/{id}/thumbnail.jpg", { id }))).blob();
    const image = html("img", { alt: "" });
    image.src = URL.createObjectURL(data);
    image.onload = () => URL.revokeObjectURL(image.src);
    place.replaceChildren(image);
  } catch {
    place.classList.add("missing");
  }
}

export function markChosen(id: string): void {
  chosen = id;
  for (const [other, { button }] of rows) {
    if (other === id) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  rows.get(id)?.item.scrollIntoView({ block: "nearest" });
}

export function documentOf(id: string): ReadingDocument | undefined {
  return rows.get(id)?.document;
}

/** Choose the reading above (-1) or below (+1) the chosen one. */
export function step(direction: 1 | -1): void {
  const buttons = [...byId("worklist").querySelectorAll("button")];
  const at = buttons.findIndex((button) => button.hasAttribute("aria-current"));
  buttons[Math.max(0, Math.min(buttons.length - 1, at + direction))]?.click();
}

function moveFocus(event: KeyboardEvent): void {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const buttons = [...byId("worklist").querySelectorAll("button")];
  const at = buttons.findIndex((button) => button === document.activeElement);
  buttons[at + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
  event.preventDefault();
}
