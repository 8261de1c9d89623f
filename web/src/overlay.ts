/** What lies over the radiograph: boxes, a heatmap and the enhanced picture. */

import type { Corners, Finding, Mark } from "./api";
import { byId, percent, svg } from "./dom";
import type { Point, Viewer } from "./viewer";

export type Comparison = "off" | "slider" | "side";

export interface Scene {
  width: number;
  height: number;
  findings: readonly Finding[];
  solidFrom: number;
  marks: readonly Mark[];
  chosen: Finding | null;
  draft: Corners | null;
  boxes: boolean;
  heatmap: ImageBitmap | null;
  opacity: number;
  enhanced: ImageBitmap | null;
  comparison: Comparison;
  curtain: number;
}

export function drawScene(viewer: Viewer, scene: Scene): void {
  const stage = byId("viewport");
  const size: Point = [stage.clientWidth, stage.clientHeight];
  drawPictures(viewer, scene, size);
  drawBoxes(viewer, scene, size);
}

function drawPictures(viewer: Viewer, scene: Scene, size: Point): void {
  const context = cleared(byId("layers", HTMLCanvasElement), size);
  if (scene.comparison === "slider" && scene.enhanced) {
    const from = scene.curtain * size[0];
    context.save();
    context.beginPath();
    context.rect(from, 0, size[0] - from, size[1]);
    context.clip();
    place(context, viewer, scene, scene.enhanced);
    context.restore();
    context.fillStyle = "#6cb8f0";
    context.fillRect(from - 1, 0, 2, size[1]);
  }
  if (scene.heatmap) {
    context.globalAlpha = scene.opacity;
    place(context, viewer, scene, scene.heatmap);
    context.globalAlpha = 1;
  }
  if (scene.comparison === "side" && scene.enhanced) {
    const beside = cleared(byId("beside", HTMLCanvasElement), size);
    place(beside, viewer, scene, scene.enhanced);
  }
}

function cleared(canvas: HTMLCanvasElement, [width, height]: Point): CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio;
  const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== columns || canvas.height !== rows) {
    canvas.width = columns;
    canvas.height = rows;
  }
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser cannot draw on a canvas");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Draw a picture of the image's size where the image is: three of its corners say how. */
function place(
  context: CanvasRenderingContext2D,
  viewer: Viewer,
  { width, height }: Scene,
  picture: ImageBitmap,
): void {
  const origin = viewer.toCanvas([0, 0]);
  const right = viewer.toCanvas([width, 0]);
  const below = viewer.toCanvas([0, height]);
  context.save();
  context.transform(
    (right[0] - origin[0]) / picture.width,
    (right[1] - origin[1]) / picture.width,
    (below[0] - origin[0]) / picture.height,
    (below[1] - origin[1]) / picture.height,
    ...origin,
  );
  context.drawImage(picture, 0, 0);
  context.restore();
}

function drawBoxes(viewer: Viewer, scene: Scene, [width, height]: Point): void {
  const layer = byId("boxes", SVGSVGElement);
  layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const shapes: SVGElement[] = [];
  if (scene.boxes) {
    for (const finding of [...scene.findings].reverse()) {
      const kind = finding.score >= scene.solidFrom ? "sure" : "unsure";
      const chosen = finding === scene.chosen;
      shapes.push(
        frame(viewer, finding.box, chosen ? `${kind} chosen` : kind, percent(finding.score)),
      );
    }
    for (const mark of scene.marks) {
      if (mark.box && mark.kind === "missed")
        shapes.push(frame(viewer, mark.box, "mark", "missed"));
    }
  }
  if (scene.draft) shapes.push(frame(viewer, scene.draft, "draft", "missed fracture"));
  layer.replaceChildren(...shapes);
}

function frame(viewer: Viewer, box: Corners, kind: string, text: string): SVGElement {
  const corners: Point[] = [
    [box[0], box[1]],
    [box[2], box[1]],
    [box[2], box[3]],
    [box[0], box[3]],
  ];
  const points = corners.map((corner) => viewer.toCanvas(corner));
  const left = Math.min(...points.map(([x]) => x));
  const top = Math.min(...points.map(([, y]) => y));
  const outline = points.map((point) => point.map((value) => value.toFixed(1)).join(",")).join(" ");
  const length = 10 + 7.1 * text.length;
  const y = top > 22 ? top - 20 : top + 2;
  return svg(
    "g",
    { class: kind, "data-box": box.join(" ") },
    svg("polygon", { class: "under", points: outline }),
    svg("polygon", { points: outline }),
    svg("rect", { x: left - 1, y, width: length, height: 18, rx: 3 }),
    svg("text", { x: left + 4, y: y + 13 }, text),
  );
}
