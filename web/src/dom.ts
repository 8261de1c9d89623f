/** Small helpers for the document. */

type Attributes = Record<string, string | number | boolean | null | undefined>;

function fill(node: Element, attributes: Attributes, children: (Node | string)[]): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, String(value));
  }
  node.append(...children);
}

export function html<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  fill(node, attributes, children);
  return node;
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): SVGElementTagNameMap[K] {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  fill(node, attributes, children);
  return node;
}

/** The element of the page's own markup with this id. */
export function byId(id: string): HTMLElement;
export function byId<T extends Element>(id: string, kind: new () => T): T;
export function byId(id: string, kind: new () => Element = HTMLElement): Element {
  const node = document.getElementById(id);
  if (!(node instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return node;
}

/** Say something to screen readers, and to all as a short message where ``visible``. */
export function announce(text: string, visible = false): void {
  byId("announcement").textContent = text;
  if (!visible) return;
  const toast = html("p", { class: "toast", "aria-hidden": "true" }, text);
  byId("toasts").append(toast);
  setTimeout(() => toast.remove(), 6000);
}

/** A fault, said at once. */
export function alarm(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  const close = html("button", { type: "button", "aria-label": "Dismiss" }, "×");
  const toast = html(
    "p",
    { class: "toast fault", role: "alert" },
    html("span", {}, sentence),
    close,
  );
  close.addEventListener("click", () => toast.remove());
  byId("toasts").append(toast);
  setTimeout(() => toast.remove(), 15000);
}

export function percent(share: number): string {
  const value = 100 * share;
  return `${value >= 10 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2)} %`;
}

/** Today's times as 14:03, others with their day. */
export function timeOf(iso: string): string {
  const date = new Date(iso);
  const today = date.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(undefined, {
    ...(today ? {} : { day: "numeric", month: "short" }),
    hour: "2-digit",
    minute: "2-digit",
  }).format(date);
}
