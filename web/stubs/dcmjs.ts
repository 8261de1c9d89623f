/**
 * Stands for dcmjs, which Cornerstone3D's metadata package takes apart while it is loaded. This
 * page parses no DICOM (the service does), so none of it ever runs, and the bundle is far smaller.
 */

export { default as log } from "loglevel";

export const constants = {};

/** A dictionary that knows every keyword, for the rules that are compiled while loading. */
const entryOf = (_: object, key: string | symbol): object | undefined =>
  typeof key === "string" && /^[A-Z]/.test(key)
    ? { tag: "(0000,0000)", name: key, vr: "LO", vm: "1" }
    : undefined;
const nameMap = new Proxy(
  {},
  {
    get: entryOf,
    getOwnPropertyDescriptor: (target, key) => {
      const value = entryOf(target, key);
      return value && { configurable: true, enumerable: true, value };
    },
  },
);

export default {
  data: { DicomMetaDictionary: { dictionary: {}, nameMap } },
  async: { AsyncDicomReader: class {} },
  utilities: { DicomMetadataListener: class {} },
};
