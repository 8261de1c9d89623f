/** Keys and the dialog that lists them. */

import { byId, html } from "./dom";

export interface Shortcut {
  /** As in KeyboardEvent.key; several do the same. */
  keys: string[];
  shown: string[];
  about: string;
  run: () => void;
  /** Only while the radiograph has the focus. */
  onStage?: boolean;
  shift?: boolean;
}

export interface Group {
  title: string;
  shortcuts: Shortcut[];
}

const OFF = "fractura-single-keys-off";

export function startShortcuts(groups: Group[], first: (event: KeyboardEvent) => boolean): void {
  const dialog = byId("help-dialog", HTMLDialogElement);
  const box = byId("single-keys", HTMLInputElement);
  box.checked = localStorage.getItem(OFF) === null;
  box.addEventListener("change", () => {
    if (box.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "1");
  });
  byId("shortcuts").append(...groups.map(section));
  byId("help").addEventListener("click", () => dialog.showModal());
  const all = groups.flatMap(({ shortcuts }) => shortcuts);
  document.addEventListener("keydown", (event) => {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]"))
      return;
    const onStage = target.id === "stage";
    if (event.key !== "Escape" && isField(target)) return;
    if (first(event)) {
      event.preventDefault();
      return;
    }
    if (event.key.length === 1 && !box.checked && !onStage) return;
    const found = all.find(
      ({ keys, onStage: only, shift }) =>
        keys.includes(event.key) &&
        (!only || onStage) &&
        (shift === undefined || shift === event.shiftKey),
    );
    if (!found) return;
    event.preventDefault();
    found.run();
  });
}

function isField(target: HTMLElement): boolean {
  return target.matches("input, select, textarea");
}

function section({ title, shortcuts }: Group): HTMLElement {
  return html(
    "section",
    {},
    html("h3", {}, title),
    html(
      "dl",
      {},
      ...shortcuts.flatMap(({ shown, about }) => [
        html("dt", {}, ...shown.map((key) => html("kbd", {}, key))),
        html("dd", {}, about),
      ]),
    ),
  );
}
