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
} from "@cornerstonejs/tools";

import { json, of, request, type Corners, type Display } from "./api";

export type DragTool = "window" | "pan" | "zoom";
export type Preset = "stored" | "full" | "bone" | "soft";
export type Point = [x: number, y: number];

const TOOLS = { window: WindowLevelTool, pan: PanTool, zoom: ZoomTool };
const SCHEME = "fractura";
const VIEWPORT = "radiograph";
const { Primary, Secondary, Auxiliary, Wheel } = ToolEnums.MouseBindings;

/** Shares of the pixels that are black and white; bone is the bright part of a radiograph. */
const SHARES: Record<"bone" | "soft", [number, number]> = { bone: [0.45, 0.999], soft: [0.02, 0.8] };

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
  const viewport = engine.getViewport(VIEWPORT) as StackViewport;
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
  const storedRange = (): Types.VOIRange => {
    const { slope, intercept, window } = shown!.display;
    const half = (window.width - 1) / 2;
    const ends = [window.center - 0.5 - half, window.center - 0.5 + half].map(
      (value) => (value - intercept) / slope,
    );
    return { lower: Math.min(...ends), upper: Math.max(...ends) };
  };
  const viewer: Viewer = {
    async show(id) {
      const imageId = `${SCHEME}:${id}`;
      await viewport.setStack([imageId]);
      shown = loaded.get(imageId)!;
      viewer.reset();
      return shown.display;
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
      for (const { toolName } of Object.values(TOOLS)) tools.setToolPassive(toolName, { removeAllBindings: true });
      bind(tools, tool);
    },
    preset(preset) {
      if (!shown) return;
      setRange(preset === "stored" ? storedRange() : shareRange(shown.values, preset));
    },
    level() {
      const { lower, upper } = viewport.getProperties().voiRange ?? { lower: 0, upper: 1 };
      const { slope, intercept } = shown?.display ?? { slope: 1, intercept: 0 };
      const width = (upper - lower) * Math.abs(slope) + 1;
      return { width, center: ((lower + upper) / 2) * slope + intercept + 0.5 };
    },
    shiftLevel(widths, centers) {
      const { lower, upper } = viewport.getProperties().voiRange!;
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
      setRange(storedRange());
    },
    zoom: () => viewport.getZoom(),
    zoomBy(factor) {
      viewport.setZoom(Math.min(64, Math.max(0.2, viewport.getZoom() * factor)));
      viewport.render();
    },
    panBy(x, y) {
      const [from, to] = [viewport.canvasToWorld([0, 0]), viewport.canvasToWorld([x, y])];
      const { focalPoint, position } = viewport.getCamera();
      const moved = (point: Types.Point3): Types.Point3 => [
        point[0] - to[0] + from[0],
        point[1] - to[1] + from[1],
        point[2],
      ];
      viewport.setCamera({ focalPoint: moved(focalPoint!), position: moved(position!) });
      viewport.render();
    },
    jumpTo(box) {
      const corners: Point[] = [[box[0], box[1]], [box[2], box[3]]];
      const [a, b] = corners.map(viewer.toCanvas) as [Point, Point];
      const { clientWidth: width, clientHeight: height } = element;
      const share = Math.max(Math.abs(a[0] - b[0]) / width, Math.abs(a[1] - b[1]) / height);
      viewport.setZoom(Math.min(12, Math.max(1, (viewport.getZoom() * 0.35) / share)));
      const [x, y] = viewer.toCanvas([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]);
      viewer.panBy(width / 2 - x, height / 2 - y);
    },
    toCanvas([x, y]) {
      const [column, row] = spacing();
      return [...viewport.worldToCanvas([(x - 0.5) * column, (y - 0.5) * row, 0])] as Point;
    },
    toImage(point) {
      const [column, row] = spacing();
      const [x, y] = viewport.canvasToWorld(point);
      return [x / column + 0.5, y / row + 0.5];
    },
    valueAt([x, y]) {
      if (!shown) return null;
      const { columns, rows, slope, intercept } = shown.display;
      const [column, row] = [Math.floor(x), Math.floor(y)];
      if (column < 0 || row < 0 || column >= columns || row >= rows) return null;
      return shown.values[row * columns + column]! * slope + intercept;
    },
  };
  return viewer;
}

function makeTools(engineId: string): NonNullable<ReturnType<typeof ToolGroupManager.createToolGroup>> {
  const group = ToolGroupManager.createToolGroup("tools")!;
  for (const tool of Object.values(TOOLS)) {
    addTool(tool);
    group.addTool(tool.toolName);
  }
  group.addViewport(VIEWPORT, engineId);
  bind(group, "window");
  return group;
}

/** The left button and one finger do what was chosen; the others always the same. */
function bind(group: ReturnType<typeof makeTools>, tool: DragTool): void {
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
    if (bindings.length) group.setToolActive(TOOLS[name].toolName, { bindings });
  }
}

async function load(imageId: string): Promise<Types.IImage> {
  const id = imageId.slice(SCHEME.length + 1);
  const [display, bytes] = await Promise.all([
    json<Display>(of(id, "/display")),
    request(of(id, "/pixels")).then((response) => response.arrayBuffer()),
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
    case Enums.MetadataModules.IMAGE_PLANE:
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
    case Enums.MetadataModules.IMAGE_PIXEL:
      return {
        bitsAllocated: 16,
        bitsStored: 16,
        highBit: 15,
        samplesPerPixel: 1,
        pixelRepresentation: 0,
        photometricInterpretation: "MONOCHROME2",
      };
    case Enums.MetadataModules.GENERAL_SERIES:
      return { modality: "DX", seriesInstanceUID: imageId };
    default:
      return undefined;
  }
}

function ends(values: Uint16Array): [number, number] {
  let lowest = 65535;
  let highest = 0;
  for (const value of values) {
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
  }
  return [lowest, highest];
}

function shareRange(values: Uint16Array, preset: "full" | "bone" | "soft"): Types.VOIRange {
  const [lowest, highest] = ends(values);
  if (preset === "full") return { lower: lowest, upper: Math.max(lowest + 1, highest) };
  const counts = new Uint32Array(65536);
  for (const value of values) counts[value]! += 1;
  const at = (share: number): number => {
    let left = share * values.length;
    for (let value = lowest; value < highest; value += 1) {
      left -= counts[value]!;
      if (left <= 0) return value;
    }
    return highest;
  };
  const [black, white] = SHARES[preset];
  const lower = at(black);
  return { lower, upper: Math.max(lower + 1, at(white)) };
}
