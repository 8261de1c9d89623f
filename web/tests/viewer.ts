/** A viewer that only turns, scales and moves points. */

import { byId } from "../src/dom";
import type { Point, Viewer } from "../src/viewer";

const WIDTH = 400;
const HEIGHT = 200;

/** Give the viewport a size, which happy-dom does not lay out. */
export function layOut(): void {
  Object.defineProperties(byId("viewport"), {
    clientWidth: { value: WIDTH },
    clientHeight: { value: HEIGHT },
  });
}

export function viewerWith(toCanvas: (point: Point) => Point, toImage = toCanvas): Viewer {
  const never = (): never => {
    throw new Error("only points are asked for");
  };
  return {
    show: never,
    resize: never,
    use: never,
    preset: never,
    level: never,
    shiftLevel: never,
    invert: never,
    rotate: never,
    reset: never,
    zoom: never,
    zoomBy: never,
    panBy: never,
    jumpTo: never,
    valueAt: never,
    toCanvas,
    toImage,
  };
}

/** The image drawn with each pixel ``scale`` wide, its corner at ``left``, ``top``. */
export function scaled(scale: number, left = 0, top = 0): Viewer {
  return viewerWith(
    ([x, y]) => [left + scale * x, top + scale * y],
    ([x, y]) => [(x - left) / scale, (y - top) / scale],
  );
}
