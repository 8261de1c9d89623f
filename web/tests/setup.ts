/** Each test has the page's own markup, nothing stored, and modules that nothing has used. */

import { afterEach, beforeEach, vi } from "vitest";

import markup from "../index.html?raw";

const body = /<body[^>]*>(.*)<\/body>/s.exec(markup)?.[1] ?? "";

beforeEach(() => {
  document.body.innerHTML = body;
  sessionStorage.clear();
  localStorage.clear();
  vi.resetModules();
});

afterEach(() => {
  vi.useRealTimers();
});
