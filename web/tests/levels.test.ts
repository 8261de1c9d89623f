import { describe, expect, it } from "vitest";

import { ends, shareRange, storedRange } from "../src/levels";
import { display } from "./material";

describe("the stored window", () => {
  it("is DICOM's linear window in stored values", () => {
    const window = { center: 2048, width: 4096 };
    expect(storedRange(display({ window, slope: 1, intercept: 0 }))).toEqual({
      lower: 0,
      upper: 4095,
    });
  });

  it("undoes slope and intercept", () => {
    const window = { center: 40.5, width: 101 };
    expect(storedRange(display({ window, slope: 2, intercept: -10 }))).toEqual({
      lower: 0,
      upper: 50,
    });
  });

  it("keeps its order where the slope is negative", () => {
    const window = { center: 40.5, width: 101 };
    expect(storedRange(display({ window, slope: -2, intercept: 92 }))).toEqual({
      lower: 1,
      upper: 51,
    });
  });
});

it("finds the lowest and highest value", () => {
  expect(ends(Uint16Array.of(7, 65535, 0, 12))).toEqual([0, 65535]);
  expect(ends(Uint16Array.of(300))).toEqual([300, 300]);
});

describe("presets", () => {
  const ramp = Uint16Array.from({ length: 1000 }, (_, index) => 100 + index);

  it("show all", () => {
    expect(shareRange(ramp, "full")).toEqual({ lower: 100, upper: 1099 });
  });

  it("show the bright part for bone and spare the brightest for soft tissue", () => {
    expect(shareRange(ramp, "bone")).toEqual({ lower: 100 + 449, upper: 100 + 998 });
    expect(shareRange(ramp, "soft")).toEqual({ lower: 100 + 19, upper: 100 + 799 });
  });

  it("count pixels, not values", () => {
    const mostlyDark = Uint16Array.from({ length: 1000 }, (_, index) => (index < 900 ? 5 : index));
    expect(shareRange(mostlyDark, "bone")).toEqual({ lower: 5, upper: 998 });
    expect(shareRange(mostlyDark, "soft")).toEqual({ lower: 5, upper: 6 });
  });

  it.each(["full", "bone", "soft"] as const)("have a width on a flat image: %s", (preset) => {
    expect(shareRange(new Uint16Array(9).fill(8), preset)).toEqual({ lower: 8, upper: 9 });
  });
});
