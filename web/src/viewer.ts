/** Cornerstone3D's stack viewport, fed with the pixels that the service sends. */

import {
  cache,
  Enums,
  imageLoader,
  init as initCore,
  metaData,
  RenderingEngine,
  utilities,
  type StackViewport,
  type Types,
} from "@cornerstonejs/core";
import {
  addTool,
  Enums as ToolEnums,
  init as initTools,
  PanTool,
  ToolGroupManager,
  WindowLevelTool,
  ZoomTool,
  type Types as ToolTypes,
} from "@cornerstonejs/tools";

import { address, get, request, type Corners, type Display } from "./api";
import { ends, shareRange, storedRange } from "./levels";

export type DragTool = "window" | "pan" | "zoom";
export type Preset = "stored" | "full" | "bone" | "soft";
export type Point = [x: number, y: number];

const TOOLS = [WindowLevelTool, PanTool, ZoomTool];
const TOOL_NAMES: Record<DragTool, string> = {
  window: WindowLevelTool.toolName as string,
  pan: PanTool.toolName as string,
  zoom: ZoomTool.toolName as string,
};
const SCHEME = "fractura";
const VIEWPORT = "radiograph";
const { Primary, Secondary, Auxiliary, Wheel } = ToolEnums.MouseBindings;

interface Loaded {
  display: Display;
  values: Uint16Array;
}

const loaded = new Map<string, Loaded>();

export interface Viewer {
  show(id: string): Promise<Display>;
  resize(): void;
  use(tool: DragTool): void;
  preset(preset: Preset): void;
  /** Window centre and width in modality values. */
  level(): { center: number; width: number };
  shiftLevel(widths: number, centers: number): void;
  invert(): boolean;
  rotate(): void;
  reset(): void;
  zoom(): number;
  zoomBy(factor: number): void;
  panBy(x: number, y: number): void;
  jumpTo(box: Corners): void;
  /** From pixels of the image (origin top left, edges continuous) to the viewport's, and back. */
  toCanvas(point: Point): Point;
  toImage(point: Point): Point;
  /** The modality value under a point of the image. */
  valueAt(point: Point): number | null;
}

export function makeViewer(element: HTMLDivElement, changed: () => void): Viewer {
  initCore({ rendering: { webGlContextCount: 1 }, debug: {} });
  initTools();
  imageLoader.registerImageLoader(SCHEME, (imageId) => ({ promise: load(imageId) }));
  metaData.addProvider(describe, 100);
  cache.setMaxCacheSize(256 * 1024 * 1024);
  const engine = new RenderingEngine("engine");
  engine.enableElement({ viewportId: VIEWPORT, element, type: Enums.ViewportType.STACK });
  const viewport = engine.getViewport<StackViewport>(VIEWPORT);
  const tools = makeTools(engine.id);
  element.addEventListener(Enums.Events.IMAGE_RENDERED, changed);

  let shown: Loaded | null = null;
  const spacing = (): Point => {
    const [row, column] = shown?.display.spacing_mm ?? [1, 1];
    return [column, row];
  };
  const setRange = (range: Types.VOIRange): void => {
    viewport.setProperties({ voiRange: range });
    viewport.render();
  };
  const turnTo = (rotation: number): void => {
    viewport.setViewPresentation({ ...viewport.getViewPresentation(), rotation });
    viewport.render();
  };
  const viewer: Viewer = {
    async show(id) {
      const imageId = `${SCHEME}:${id}`;
      await viewport.setStack([imageId]);
      const arrived = loaded.get(imageId);
      if (!arrived) throw new Error("the image did not arrive; choose it again");
      shown = arrived;
      viewer.reset();
      return arrived.display;
    },
    resize() {
      const [x, y] = viewport.getPan();
      const fitted = Math.hypot(x, y) < 1 && Math.abs(viewport.getZoom() - 1) < 0.01;
      engine.resize(true, true);
      if (!shown || !fitted) return;
      const rotation = viewport.getRotation();
      viewport.resetCamera();
      turnTo(rotation);
    },
    use(tool) {
      for (const name of Object.values(TOOL_NAMES)) {
        tools.setToolPassive(name, { removeAllBindings: true });
      }
      bind(tools, tool);
    },
    preset(preset) {
      if (!shown) return;
      setRange(preset === "stored" ? storedRange(shown.display) : shareRange(shown.values, preset));
    },
    level() {
      const { lower, upper } = viewport.getProperties().voiRange ?? { lower: 0, upper: 1 };
      const { slope, intercept } = shown?.display ?? { slope: 1, intercept: 0 };
      const width = (upper - lower) * Math.abs(slope) + 1;
      return { width, center: ((lower + upper) / 2) * slope + intercept + 0.5 };
    },
    shiftLevel(widths, centers) {
      const range = viewport.getProperties().voiRange;
      if (!range) return;
      const { lower, upper } = range;
      const width = (upper - lower) * (1 + widths);
      const centre = (lower + upper) / 2 + centers * (upper - lower);
      setRange({ lower: centre - width / 2, upper: centre + width / 2 });
    },
    invert() {
      const invert = !viewport.getProperties().invert;
      viewport.setProperties({ invert });
      viewport.render();
      return invert;
    },
    rotate() {
      turnTo((viewport.getRotation() + 90) % 360);
    },
    reset() {
      if (!shown) return;
      turnTo(0);
      viewport.resetCamera();
      viewport.setProperties({ invert: shown.display.invert !== shown.display.slope < 0 });
      setRange(storedRange(shown.display));
    },
    zoom: () => viewport.getZoom(),
    zoomBy(factor) {
      viewport.setZoom(Math.min(64, Math.max(0.2, viewport.getZoom() * factor)));
      viewport.render();
    },
    panBy(x, y) {
      const { focalPoint, position } = viewport.getCamera();
      if (!focalPoint || !position) return;
      const [from, to] = [viewport.canvasToWorld([0, 0]), viewport.canvasToWorld([x, y])];
      const moved = (point: Types.Point3): Types.Point3 => [
        point[0] - to[0] + from[0],
        point[1] - to[1] + from[1],
        point[2],
      ];
      viewport.setCamera({ focalPoint: moved(focalPoint), position: moved(position) });
      viewport.render();
    },
    jumpTo(box) {
      const a = viewer.toCanvas([box[0], box[1]]);
      const b = viewer.toCanvas([box[2], box[3]]);
      const { clientWidth: width, clientHeight: height } = element;
      const share = Math.max(Math.abs(a[0] - b[0]) / width, Math.abs(a[1] - b[1]) / height);
      viewport.setZoom(Math.min(12, Math.max(1, (viewport.getZoom() * 0.35) / share)));
      const [x, y] = viewer.toCanvas([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]);
      viewer.panBy(width / 2 - x, height / 2 - y);
    },
    toCanvas([x, y]) {
      const [column, row] = spacing();
      const [left, top] = viewport.worldToCanvas([(x - 0.5) * column, (y - 0.5) * row, 0]);
      return [left, top];
    },
    toImage(point) {
      const [column, row] = spacing();
      const [x, y] = viewport.canvasToWorld(point);
      return [x / column + 0.5, y / row + 0.5];
    },
    valueAt([x, y]) {
      if (!shown) return null;
      const { columns, slope, intercept } = shown.display;
      const column = Math.floor(x);
      if (column < 0 || column >= columns) return null;
      const value = shown.values[Math.floor(y) * columns + column];
      return value === undefined ? null : value * slope + intercept;
    },
  };
  return viewer;
}

function makeTools(engineId: string): ToolTypes.IToolGroup {
  const group = ToolGroupManager.createToolGroup("tools");
  if (!group) throw new Error("the page has a viewer already");
  for (const tool of TOOLS) addTool(tool);
  for (const name of Object.values(TOOL_NAMES)) group.addTool(name);
  group.addViewport(VIEWPORT, engineId);
  bind(group, "window");
  return group;
}

/** The left button and one finger do what was chosen; the others always the same. */
function bind(group: ToolTypes.IToolGroup, tool: DragTool): void {
  const always = {
    window: [],
    pan: [{ mouseButton: Auxiliary }],
    zoom: [{ mouseButton: Secondary }, { mouseButton: Wheel }, { numTouchPoints: 2 }],
  };
  for (const name of ["window", "pan", "zoom"] as const) {
    const bindings = [
      ...always[name],
      ...(name === tool ? [{ mouseButton: Primary }, { numTouchPoints: 1 }] : []),
    ];
    if (bindings.length) group.setToolActive(TOOL_NAMES[name], { bindings });
  }
}

async function load(imageId: string): Promise<Types.IImage> {
  const id = imageId.slice(SCHEME.length + 1);
  const [display, bytes] = await Promise.all([
    get("/v1/readings/{id}/display", { id }),
    request(address("/v1/readings/{id}/pixels", { id })).then((response) => response.arrayBuffer()),
  ]);
  const values = new Uint16Array(bytes);
  if (values.length !== display.rows * display.columns) {
    throw new Error("the image did not arrive whole; choose it again");
  }
  loaded.set(imageId, { display, values });
  const [rowSpacing, columnSpacing] = display.spacing_mm ?? [1, 1];
  const [lowest, highest] = ends(values);
  return {
    imageId,
    minPixelValue: lowest,
    maxPixelValue: highest,
    slope: 1,
    intercept: 0,
    windowCenter: (lowest + highest) / 2,
    windowWidth: Math.max(1, highest - lowest),
    voiLUTFunction: Enums.VOILUTFunctionType.LINEAR,
    getPixelData: () => values,
    getCanvas: () => document.createElement("canvas"),
    rows: display.rows,
    columns: display.columns,
    height: display.rows,
    width: display.columns,
    color: false,
    rgba: false,
    numberOfComponents: 1,
    columnPixelSpacing: columnSpacing,
    rowPixelSpacing: rowSpacing,
    invert: false,
    photometricInterpretation: "MONOCHROME2",
    sizeInBytes: values.byteLength,
    dataType: "Uint16Array",
    voxelManager: utilities.VoxelManager.createImageVoxelManager({
      width: display.columns,
      height: display.rows,
      scalarData: values,
      numberOfComponents: 1,
    }) as Types.IVoxelManager<number>,
  };
}

/** What Cornerstone asks of an image beside its pixels. */
function describe(kind: string, imageId: string): object | undefined {
  const image = typeof imageId === "string" ? loaded.get(imageId) : undefined;
  if (!image) return undefined;
  const { rows, columns, spacing_mm } = image.display;
  const [row, column] = spacing_mm ?? [1, 1];
  switch (kind) {
    case Enums.MetadataModules.IMAGE_PLANE as string:
      return {
        frameOfReferenceUID: imageId,
        rows,
        columns,
        rowCosines: [1, 0, 0],
        columnCosines: [0, 1, 0],
        imageOrientationPatient: [1, 0, 0, 0, 1, 0],
        imagePositionPatient: [0, 0, 0],
        pixelSpacing: [row, column],
        rowPixelSpacing: row,
        columnPixelSpacing: column,
      };
    case Enums.MetadataModules.IMAGE_PIXEL as string:
      return {
        bitsAllocated: 16,
        bitsStored: 16,
        highBit: 15,
        samplesPerPixel: 1,
        pixelRepresentation: 0,
        photometricInterpretation: "MONOCHROME2",
      };
    case Enums.MetadataModules.GENERAL_SERIES as string:
      return { modality: "DX", seriesInstanceUID: imageId };
    default:
      return undefined;
  }
}
