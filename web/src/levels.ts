/** Which stored values are shown black and white. */

import type { Display } from "./api";

export interface Range {
  lower: number;
  upper: number;
}

/** Shares of the pixels that are black and white; bone is the bright part of a radiograph. */
const SHARES = { bone: [0.45, 0.999], soft: [0.02, 0.8] } as const;

/** The window of a display, which is in modality values. */
export function storedRange({ slope, intercept, window }: Display): Range {
  const half = (window.width - 1) / 2;
  const ends = [window.center - 0.5 - half, window.center - 0.5 + half].map(
    (value) => (value - intercept) / slope,
  );
  return { lower: Math.min(...ends), upper: Math.max(...ends) };
}

/** The lowest and the highest value. */
export function ends(values: Uint16Array): [lowest: number, highest: number] {
  let lowest = 65535;
  let highest = 0;
  for (const value of values) {
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
  }
  return [lowest, highest];
}

export function shareRange(values: Uint16Array, preset: "full" | keyof typeof SHARES): Range {
  const [lowest, highest] = ends(values);
  if (preset === "full") return { lower: lowest, upper: Math.max(lowest + 1, highest) };
  const counts = new Uint32Array(65536);
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  const at = (share: number): number => {
    let left = share * values.length;
    for (let value = lowest; value < highest; value += 1) {
      left -= counts[value] ?? 0;
      if (left <= 0) return value;
    }
    return highest;
  };
  const [black, white] = SHARES[preset];
  const lower = at(black);
  return { lower, upper: Math.max(lower + 1, at(white)) };
}
