/** Brings the parts of the page together. */

import {
  address,
  get,
  Problem,
  request,
  type Corners,
  type Finding,
  type Findings,
  type Mark,
  type MarkKind,
  type Part,
  type ReadingDocument,
  type Result,
} from "./api";
import { alarm, announce, byId, percent } from "./dom";
import { saveOf, startDownloads } from "./downloads";
import { makeDraft } from "./draft";
import { makeMarkBoard } from "./marks";
import { drawScene, type Comparison, type Scene } from "./overlay";
import {
  drawFindings,
  drawReading,
  drawThreshold,
  firstThreshold,
  LOWEST,
  scoreAt,
  type PointName,
} from "./panel";
import { startShortcuts } from "./shortcuts";
import { count, nameOf, sendFiles } from "./uploads";
import type { DragTool, Point, Preset, Viewer } from "./viewer";
import { documentOf, markChosen, put, startWorklist, step } from "./worklist";

let viewer: Viewer | null = null;
let current: ReadingDocument | null = null;
let shown = false;
let found: Findings | null = null;

const scene: Scene = {
  width: 1,
  height: 1,
  findings: [],
  solidFrom: 1,
  marks: [],
  chosen: null,
  draft: null,
  boxes: true,
  heatmap: null,
  opacity: 0.55,
  enhanced: null,
  comparison: "off",
  curtain: 0.5,
};
let heatmapWanted = false;

const stage = byId("stage");
const draft = makeDraft(() => {
  scene.draft = draft.box;
  draw();
});
const board = makeMarkBoard((marks: readonly Mark[]) => {
  scene.marks = marks;
  draw();
}, jumpToBox);

function draw(): void {
  if (!viewer || !shown) return;
  drawScene(viewer, scene);
  const { center, width } = viewer.level();
  byId("readout").textContent =
    `W ${Math.round(width)}  L ${Math.round(center)}  ${Math.round(100 * viewer.zoom())} %`;
}

async function openViewer(): Promise<Viewer> {
  if (!viewer) {
    const { makeViewer } = await import("./viewer");
    viewer ??= makeViewer(byId("viewport", HTMLDivElement), draw);
    new ResizeObserver(() => {
      viewer?.resize();
      draw();
    }).observe(byId("viewport"));
  }
  return viewer;
}

function select(document: ReadingDocument): void {
  const again = current?.id === document.id;
  current = document;
  markChosen(document.id);
  history.replaceState(null, "", `#${document.id}`);
  drawReading(document);
  if (again && shown) {
    setView("image");
    return;
  }
  if (!again) clear();
  setView("image");
  const readable = document.state === "done" && document.image_kept;
  placeholder(
    readable
      ? "Loading"
      : document.state === "done"
        ? "The image is no longer kept; its reading and marks are."
        : document.state === "failed"
          ? (document.error?.message ?? "This file could not be read.")
          : "Being read",
  );
  if (document.state === "done") void board.open(document.id);
  if (readable) void open(document);
  else if (document.reading) showStored(document);
}

/** Without the image only the findings that the reading lists are known. */
function showStored({ reading }: ReadingDocument): void {
  byId("threshold-field").hidden = true;
  const listed = reading?.findings ?? [];
  drawFindings(listed, listed.length, 1, null, () => undefined);
  board.subjects(listed, null);
}

function clear(): void {
  if (draft.active) endDraft();
  shown = false;
  found = null;
  scene.findings = [];
  scene.chosen = scene.heatmap = scene.enhanced = null;
  stage.classList.remove("ready");
  byId("findings").replaceChildren();
  byId("findings-count").textContent = "";
  byId("no-findings").textContent = "";
  for (const id of ["about", "readout", "probe"]) byId(id).textContent = "";
}

function placeholder(text: string): void {
  const node = byId("placeholder");
  node.textContent = text;
  node.hidden = !text;
}

async function open(document: ReadingDocument): Promise<void> {
  const { id, reading } = document;
  try {
    const opened = await openViewer();
    const [display, findings] = await Promise.all([
      opened.show(id),
      get("/v1/readings/{id}/findings", { id, query: { minimum: LOWEST } }),
    ]);
    if (current?.id !== id || !reading) return;
    found = findings;
    scene.width = reading.width;
    scene.height = reading.height;
    scene.solidFrom = findings.operating_points.high_specificity.box_score;
    shown = true;
    stage.classList.add("ready");
    placeholder("");
    pressed("invert", false);
    byId("preset", HTMLSelectElement).value = "stored";
    byId("about").textContent =
      `${nameOf(id)} · ${display.columns} × ${display.rows} · ${display.bits} bit`;
    byId("threshold-field").hidden = false;
    setThreshold(firstThreshold(document, findings));
    announce(
      `${nameOf(id)}: ${spoken(reading)}, ${count(scene.findings.length, "finding")} shown.`,
    );
    await loadPictures();
  } catch (error) {
    if (current?.id !== id) return;
    placeholder(
      error instanceof Problem && error.status === 410
        ? "The image is no longer kept."
        : "This image cannot be shown.",
    );
    alarm(error);
  }
}

/** The decision with its probability, or with the reason why there is none. */
function spoken({ fracture: { decision, probability, reason } }: Result): string {
  if (decision !== "not evaluated") return `${decision}, ${percent(probability)}`;
  return reason ? `${decision}: ${reason.sentence}` : decision;
}

function setThreshold(score: number): void {
  if (!found) return;
  scene.findings = found.findings.filter((finding) => finding.score >= score);
  if (scene.chosen && !scene.findings.includes(scene.chosen)) scene.chosen = null;
  drawThreshold(score, found.operating_points);
  listFindings();
  draw();
}

function listFindings(): void {
  drawFindings(scene.findings, found?.findings.length ?? 0, scene.solidFrom, scene.chosen, choose);
  board.subjects(scene.findings, scene.chosen);
}

function choose(finding: Finding): void {
  scene.chosen = finding;
  listFindings();
  setBoxes(true);
  jumpToBox(finding.box);
  announce(`Finding ${scene.findings.indexOf(finding) + 1}, ${percent(finding.score)}.`);
}

function jumpToBox(box: Corners): void {
  if (!viewer || !shown) return;
  setView("image");
  viewer.jumpTo(box);
}

function stepFinding(direction: 1 | -1): void {
  const { findings, chosen } = scene;
  const at = chosen ? findings.indexOf(chosen) + direction : 0;
  const next = findings[(at + findings.length) % findings.length];
  if (next) choose(next);
  else announce("No finding is shown.", true);
}

function pressed(id: string, on: boolean): void {
  byId(id).setAttribute("aria-pressed", String(on));
}

function setBoxes(on: boolean): void {
  scene.boxes = on;
  pressed("show-boxes", on);
  draw();
}

function setHeatmap(on: boolean): void {
  heatmapWanted = on;
  pressed("show-heatmap", on);
  byId("opacity-field").hidden = !on;
  if (!on) scene.heatmap = null;
  void loadPictures();
}

function setComparison(comparison: Comparison): void {
  scene.comparison = comparison;
  byId("comparison", HTMLSelectElement).value = comparison;
  byId("curtain-field").hidden = comparison !== "slider";
  for (const id of ["beside", "beside-label"]) byId(id).hidden = comparison !== "side";
  stage.classList.toggle("side", comparison === "side");
  void loadPictures();
}

/** Fetch what is switched on and not there yet. */
async function loadPictures(): Promise<void> {
  draw();
  const id = current?.id;
  if (!id || !shown) return;
  const fetchPicture = async (part: Part): Promise<ImageBitmap | null> => {
    const picture = await createImageBitmap(
      await (await request(address(`/v1/readings/{id}${part}`, { id }))).blob(),
    );
    return current?.id === id ? picture : null;
  };
  try {
    if (scene.comparison !== "off") scene.enhanced ??= await fetchPicture("/enhanced.png");
    draw();
    if (heatmapWanted) scene.heatmap ??= await fetchPicture("/heatmap.png");
    draw();
  } catch (error) {
    alarm(error);
  }
}

function setTool(tool: DragTool): void {
  for (const button of byId("tools").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
  }
  stage.dataset.tool = tool;
  void openViewer().then((opened) => opened.use(tool));
}

function setPreset(preset: Preset): void {
  if (!viewer || !shown) return;
  byId("preset", HTMLSelectElement).value = preset;
  viewer.preset(preset);
}

function shiftLevel(widths: number, centers: number): void {
  byId("preset", HTMLSelectElement).value = "custom";
  viewer?.shiftLevel(widths, centers);
}

function invert(): void {
  if (viewer && shown) pressed("invert", viewer.invert());
}

function reset(): void {
  if (!viewer || !shown) return;
  viewer.reset();
  byId("preset", HTMLSelectElement).value = "stored";
  pressed("invert", false);
}

function mark(kind: MarkKind): void {
  if (current?.state !== "done") return;
  if (kind !== "missed") return void board.save(kind, board.subject());
  if (!viewer || !shown) {
    announce("The image is no longer kept, so no box can be drawn.", true);
    return;
  }
  draft.start(viewer, scene.width, scene.height);
  byId("draft-buttons").hidden = false;
  byId("mark-buttons").hidden = true;
  const hint = byId("draw-hint");
  hint.textContent =
    "Draw the box, or move it with the arrow keys (Shift changes its size). Enter saves, Escape cancels.";
  hint.hidden = false;
  setView("image");
  stage.focus();
  announce(hint.textContent);
}

function endDraft(): void {
  draft.stop();
  byId("draft-buttons").hidden = true;
  byId("mark-buttons").hidden = false;
  byId("draw-hint").hidden = true;
}

async function saveDraft(): Promise<void> {
  const box = draft.box?.map((value) => Math.round(100 * value) / 100) as Corners | undefined;
  if (!box) return;
  endDraft();
  await board.save("missed", box);
}

/** On a phone one part of the page is seen at a time. */
function setView(view: "list" | "image" | "panel"): void {
  document.body.dataset.view = view;
  for (const button of byId("views").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === view));
  }
}

function upload(files: FileList | null | undefined): void {
  if (!files?.length) return;
  announce(`Sending ${count(files.length, "file")}.`);
  let first = true;
  sendFiles([...files], (document) => {
    put(document);
    if (first || !current) select(documentOf(document.id) ?? document);
    first = false;
  });
}

function startUploads(): void {
  const input = byId("files", HTMLInputElement);
  input.addEventListener("change", () => {
    upload(input.files);
    input.value = "";
  });
  const over =
    (on: boolean) =>
    (event: DragEvent): void => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      document.body.classList.toggle("dropping", on);
    };
  document.addEventListener("dragover", over(true));
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) over(false)(event);
  });
  document.addEventListener("drop", (event) => {
    over(false)(event);
    upload(event.dataTransfer?.files);
  });
  document.addEventListener("paste", (event) => upload(event.clipboardData?.files));
}

function onClick(id: string, run: () => void): void {
  byId(id).addEventListener("click", run);
}

function startControls(): void {
  for (const button of byId("tools").querySelectorAll("button")) {
    button.addEventListener("click", () => setTool(button.dataset.tool as DragTool));
  }
  onClick("invert", invert);
  onClick("rotate", () => shown && viewer?.rotate());
  onClick("reset", reset);
  onClick("show-boxes", () => setBoxes(!scene.boxes));
  onClick("show-heatmap", () => setHeatmap(!heatmapWanted));
  onClick("draft-cancel", endDraft);
  byId("mark-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (draft.active) void saveDraft();
  });
  for (const button of byId("mark-buttons").querySelectorAll("button")) {
    button.addEventListener("click", () => mark(button.dataset.mark as MarkKind));
  }
  for (const button of byId("points").querySelectorAll("button")) {
    const name = button.dataset.point as PointName;
    button.addEventListener(
      "click",
      () => found && setThreshold(found.operating_points[name].box_score),
    );
  }
  for (const button of byId("views").querySelectorAll("button")) {
    button.addEventListener("click", () =>
      setView(button.dataset.view as "list" | "image" | "panel"),
    );
  }
  const select = byId("preset", HTMLSelectElement);
  select.addEventListener("change", () => setPreset(select.value as Preset));
  const comparison = byId("comparison", HTMLSelectElement);
  comparison.addEventListener("change", () => setComparison(comparison.value as Comparison));
  const sliders: [string, (value: number) => void][] = [
    ["opacity", (value) => setShare("opacity", value / 100)],
    ["curtain", (value) => setShare("curtain", value / 100)],
    ["threshold", (value) => setThreshold(scoreAt(value))],
  ];
  for (const [id, run] of sliders) {
    const slider = byId(id, HTMLInputElement);
    slider.addEventListener("input", () => run(Number(slider.value)));
  }
  stage.addEventListener("pointermove", probe);
  stage.addEventListener("pointerdown", (event) => {
    if (
      event.button === 0 &&
      stage.dataset.tool !== "pan" &&
      stage.dataset.tool !== "zoom" &&
      !draft.active
    ) {
      byId("preset", HTMLSelectElement).value = "custom";
    }
  });
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
}

function setShare(of: "opacity" | "curtain", share: number): void {
  scene[of] = share;
  draw();
}

function probe(event: PointerEvent): void {
  if (!viewer || !shown) return;
  const { left, top } = byId("viewport").getBoundingClientRect();
  const at: Point = viewer.toImage([event.clientX - left, event.clientY - top]);
  const value = viewer.valueAt(at);
  byId("probe").textContent =
    value === null ? "" : `x ${Math.floor(at[0])}  y ${Math.floor(at[1])}  ${Math.round(value)}`;
}

function moveThreshold(steps: number): void {
  const slider = byId("threshold", HTMLInputElement);
  if (found) setThreshold(scoreAt(Math.max(0, Math.min(1000, Number(slider.value) + steps))));
}

function draftKey(event: KeyboardEvent): boolean {
  if (!draft.active) return false;
  if (event.key === "Escape") endDraft();
  else if (event.key === "Enter" && event.target === stage) void saveDraft();
  else return event.target === stage && draft.key(event);
  return true;
}

const NEXT_COMPARISON = { off: "slider", slider: "side", side: "off" } as const;
const PAN_PIXELS = 40;

startShortcuts(
  [
    {
      title: "Worklist",
      shortcuts: [
        { keys: ["u"], shown: ["U"], about: "Add radiographs", run: () => byId("files").click() },
        { keys: ["j"], shown: ["J"], about: "Next radiograph", run: () => step(1) },
        { keys: ["k"], shown: ["K"], about: "Previous radiograph", run: () => step(-1) },
        {
          keys: ["v"],
          shown: ["V"],
          about: "Go to the radiograph",
          run: () => {
            setView("image");
            stage.focus();
          },
        },
      ],
    },
    {
      title: "View",
      shortcuts: [
        {
          keys: ["w"],
          shown: ["W"],
          about: "Drag changes window and level",
          run: () => setTool("window"),
        },
        { keys: ["p"], shown: ["P"], about: "Drag pans", run: () => setTool("pan") },
        { keys: ["z"], shown: ["Z"], about: "Drag zooms", run: () => setTool("zoom") },
        {
          keys: ["+", "="],
          shown: ["+"],
          about: "Zoom in",
          run: () => shown && viewer?.zoomBy(1.2),
        },
        {
          keys: ["-"],
          shown: ["−"],
          about: "Zoom out",
          run: () => shown && viewer?.zoomBy(1 / 1.2),
        },
        { keys: ["i"], shown: ["I"], about: "Invert", run: invert },
        { keys: ["r"], shown: ["R"], about: "Rotate by 90°", run: () => shown && viewer?.rotate() },
        { keys: ["0"], shown: ["0"], about: "Reset the view", run: reset },
        ...(["stored", "full", "bone", "soft"] as const).map((preset, index) => ({
          keys: [String(index + 1)],
          shown: [String(index + 1)],
          about: `Window: ${["as stored", "full range", "bone", "soft tissue"][index]}`,
          run: () => setPreset(preset),
        })),
      ],
    },
    {
      title: "On the radiograph",
      shortcuts: [
        ...(
          [
            ["ArrowLeft", "←", "Pan left", "Narrower window", [1, 0], [-0.1, 0]],
            ["ArrowRight", "→", "Pan right", "Wider window", [-1, 0], [0.1, 0]],
            ["ArrowUp", "↑", "Pan up", "Brighter", [0, 1], [0, -0.05]],
            ["ArrowDown", "↓", "Pan down", "Darker", [0, -1], [0, 0.05]],
          ] as [string, string, string, string, Point, Point][]
        ).flatMap(([key, sign, pan, level, [x, y], [widths, centers]]) => [
          {
            keys: [key],
            shown: [sign],
            about: pan,
            onStage: true,
            shift: false,
            run: () => shown && viewer?.panBy(PAN_PIXELS * x, PAN_PIXELS * y),
          },
          {
            keys: [key],
            shown: ["Shift", sign],
            about: level,
            onStage: true,
            shift: true,
            run: () => shown && shiftLevel(widths, centers),
          },
        ]),
      ],
    },
    {
      title: "Overlays and findings",
      shortcuts: [
        { keys: ["b"], shown: ["B"], about: "Boxes on or off", run: () => setBoxes(!scene.boxes) },
        {
          keys: ["h"],
          shown: ["H"],
          about: "Heatmap on or off",
          run: () => setHeatmap(!heatmapWanted),
        },
        {
          keys: ["c"],
          shown: ["C"],
          about: "Compare with the enhanced picture",
          run: () => setComparison(NEXT_COMPARISON[scene.comparison]),
        },
        { keys: ["n"], shown: ["N"], about: "Next finding", run: () => stepFinding(1) },
        {
          keys: ["N"],
          shown: ["Shift", "N"],
          about: "Previous finding",
          run: () => stepFinding(-1),
        },
        {
          keys: ["["],
          shown: ["["],
          about: "Lower the operating point",
          run: () => moveThreshold(-20),
        },
        {
          keys: ["]"],
          shown: ["]"],
          about: "Raise the operating point",
          run: () => moveThreshold(20),
        },
      ],
    },
    {
      title: "Marks and report",
      shortcuts: [
        { keys: ["a"], shown: ["A"], about: "Agree", run: () => mark("agree") },
        { keys: ["d"], shown: ["D"], about: "Disagree", run: () => mark("disagree") },
        { keys: ["m"], shown: ["M"], about: "Missed fracture", run: () => mark("missed") },
        {
          keys: ["t"],
          shown: ["T"],
          about: "Write a note",
          run: () => {
            setView("panel");
            byId("note").focus();
          },
        },
        {
          keys: ["s"],
          shown: ["S"],
          about: "Save the PDF report",
          run: () => current?.reading && void saveOf(current.id, "/report.pdf", "report.pdf"),
        },
        { keys: ["?"], shown: ["?"], about: "This list", run: () => byId("help").click() },
      ],
    },
  ],
  draftKey,
);
startControls();
startUploads();
startDownloads(() => current?.id ?? null);

async function start(): Promise<void> {
  await startWorklist(select);
  const id = location.hash.slice(1);
  if (!id) return;
  try {
    select(documentOf(id) ?? (await get("/v1/readings/{id}", { id })));
  } catch {
    history.replaceState(null, "", "#");
  }
}

void start();
