/** Send files, a few at a time, each with its own progress. */

import { address, problemOf, renewToken, token, type Problem, type ReadingDocument } from "./api";
import { announce, byId, html, percent } from "./dom";

const AT_ONCE = 3;
const TRIES = 8;

export interface Upload {
  file: File;
  row: HTMLLIElement;
  bar: HTMLProgressElement;
  status: HTMLElement;
}

const waiting: Upload[] = [];
let running = 0;
let finished = 0;
let failed = 0;

export function sendFiles(
  files: Iterable<File>,
  arrived: (document: ReadingDocument) => void,
): void {
  for (const file of files) waiting.push(listed(file));
  while (running < AT_ONCE && waiting.length) void work(arrived);
}

function listed(file: File): Upload {
  const bar = html("progress", { max: 1, value: 0, "aria-label": `Progress of ${file.name}` });
  const status = html("span", { class: "status" }, "waiting");
  const row = html(
    "li",
    {},
    html("span", { class: "name", title: file.name }, file.name),
    status,
    bar,
  );
  byId("uploads").append(row);
  return { file, row, bar, status };
}

async function work(arrived: (document: ReadingDocument) => void): Promise<void> {
  running += 1;
  for (let upload = waiting.shift(); upload; upload = waiting.shift()) {
    try {
      const document = await send(upload);
      remember(document.id, upload.file.name);
      finished += 1;
      upload.row.remove();
      arrived(document);
    } catch (error) {
      failed += 1;
      fault(upload, error as Problem);
    }
  }
  running -= 1;
  if (running === 0) {
    announce(`${count(finished, "file")} sent${failed ? `, ${failed} refused` : ""}.`);
    finished = failed = 0;
  }
}

function fault(upload: Upload, problem: Problem): void {
  upload.row.classList.add("fault");
  upload.bar.remove();
  upload.status.textContent = "refused";
  const close = html(
    "button",
    { type: "button", "aria-label": `Dismiss ${upload.file.name}` },
    "×",
  );
  close.addEventListener("click", () => upload.row.remove());
  upload.row.append(close, html("p", { role: "alert" }, problem.message));
}

async function send(upload: Upload): Promise<ReadingDocument> {
  for (let attempt = 1; ; attempt += 1) {
    const used = token();
    const answer = await transfer(upload, used);
    if (answer.status < 300) return JSON.parse(answer.responseText) as ReadingDocument;
    if (answer.status === 401) {
      await renewToken(used);
      continue;
    }
    const problem = problemOf(
      answer.status,
      answer.responseText,
      answer.getResponseHeader("Retry-After"),
    );
    if (answer.status !== 429 || attempt === TRIES) throw problem;
    upload.status.textContent = "the service is busy; trying again";
    await new Promise((resolve) => setTimeout(resolve, 1000 * (problem.retryAfter || attempt)));
  }
}

/** fetch tells nothing of an upload's progress, so XMLHttpRequest. */
function transfer(upload: Upload, secret: string | null): Promise<XMLHttpRequest> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address("/v1/readings", {}));
    if (secret) request.setRequestHeader("Authorization", `Bearer ${secret}`);
    request.upload.onprogress = ({ loaded, total }) => {
      upload.bar.value = loaded / total;
      upload.status.textContent = percent(loaded / total);
    };
    request.upload.onload = () => {
      upload.bar.removeAttribute("value");
      upload.status.textContent = "reading";
    };
    request.onload = () => resolve(request);
    request.onerror = () => reject(new Error("the service does not answer; is it still running?"));
    const body = new FormData();
    body.append("file", upload.file);
    request.send(body);
  });
}

/** The service gives no file names back; the tab remembers its own until it is closed. */
function remember(id: string, name: string): void {
  sessionStorage.setItem(`name-${id}`, name);
}

export function nameOf(id: string): string {
  return sessionStorage.getItem(`name-${id}`) ?? `Radiograph ${id.slice(0, 8)}`;
}

export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
