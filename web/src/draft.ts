/** The box of a missed fracture, drawn by pointer or moved by arrow keys. */

import type { Corners } from "./api";
import { announce, byId } from "./dom";
import type { Point, Viewer } from "./viewer";

const LEAST_PIXELS = 4;

export interface Draft {
  readonly active: boolean;
  readonly box: Corners | null;
  start(viewer: Viewer, width: number, height: number): void;
  stop(): void;
  /** True where the key was one of the draft's. */
  key(event: KeyboardEvent): boolean;
}

export function makeDraft(changed: () => void): Draft {
  const stage = byId("stage");
  const surface = byId("boxes", SVGSVGElement);
  let viewer: Viewer | null = null;
  let size: Point = [0, 0];
  let box: Corners | null = null;
  let from: Point | null = null;

  const inside = ([x, y]: Point): Point => [
    Math.max(0, Math.min(size[0], x)),
    Math.max(0, Math.min(size[1], y)),
  ];
  const pointOf = (opened: Viewer, event: PointerEvent): Point => {
    const { left, top } = surface.getBoundingClientRect();
    return inside(opened.toImage([event.clientX - left, event.clientY - top]));
  };
  const between = (a: Point, b: Point): Corners => [
    Math.min(a[0], b[0]),
    Math.min(a[1], b[1]),
    Math.max(a[0], b[0]),
    Math.max(a[1], b[1]),
  ];
  surface.addEventListener("pointerdown", (event) => {
    if (!viewer) return;
    from = pointOf(viewer, event);
    surface.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  surface.addEventListener("pointermove", (event) => {
    if (!viewer || !from) return;
    box = between(from, pointOf(viewer, event));
    changed();
  });
  surface.addEventListener("pointerup", (event) => {
    if (!viewer || !from) return;
    const drawn = between(from, pointOf(viewer, event));
    from = null;
    if (drawn[2] - drawn[0] < LEAST_PIXELS || drawn[3] - drawn[1] < LEAST_PIXELS) return;
    box = drawn;
    changed();
    announce("Box drawn. Save it with Enter, or give a note first.");
  });
  surface.addEventListener("pointercancel", () => {
    from = null;
  });
  const draft = {
    get active() {
      return viewer !== null;
    },
    get box() {
      return box;
    },
    start(opened: Viewer, width: number, height: number) {
      viewer = opened;
      size = [width, height];
      const [columns, rows] = [byId("viewport").clientWidth, byId("viewport").clientHeight];
      const at = (share: number): Point => inside(opened.toImage([share * columns, share * rows]));
      box = between(at(0.4), at(0.6));
      stage.classList.add("drawing");
      changed();
    },
    stop() {
      viewer = null;
      box = from = null;
      stage.classList.remove("drawing");
      changed();
    },
    key(event: KeyboardEvent) {
      if (!viewer || !box) return false;
      const directions: Record<string, Point> = {
        ArrowLeft: [-1, 0],
        ArrowRight: [1, 0],
        ArrowUp: [0, -1],
        ArrowDown: [0, 1],
      };
      const direction = directions[event.key];
      if (!direction) return false;
      const step = Math.max(1, Math.max(...size) / 100);
      const [x, y] = [direction[0] * step, direction[1] * step];
      if (event.shiftKey) {
        const end = inside([box[2] + x, box[3] + y]);
        const least = [
          Math.min(box[2], box[0] + LEAST_PIXELS),
          Math.min(box[3], box[1] + LEAST_PIXELS),
        ] as const;
        box = [box[0], box[1], Math.max(least[0], end[0]), Math.max(least[1], end[1])];
      } else {
        const moved: Point = [
          Math.max(-box[0], Math.min(size[0] - box[2], x)),
          Math.max(-box[1], Math.min(size[1] - box[3], y)),
        ];
        box = [box[0] + moved[0], box[1] + moved[1], box[2] + moved[0], box[3] + moved[1]];
      }
      changed();
      return true;
    },
  };
  return draft;
}
