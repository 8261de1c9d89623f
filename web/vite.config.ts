import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { defineConfig, type Plugin } from "vite";

/** Code of vtk.js that reads mesh files or draws with WebGPU; a radiograph needs neither. */
const LEFT_OUT = /\/vtk\.js\/(Rendering\/WebGPU|IO\/(XML|Geometry|Misc))\//;

function leaveOut(): Plugin {
  return {
    name: "leave-out",
    enforce: "pre",
    load: (id) => (LEFT_OUT.test(id) ? "export default {};" : null),
  };
}

/** The licences of the packages of which there is code in the bundle, as they want to be given. */
function giveLicences(): Plugin {
  return {
    name: "give-licences",
    generateBundle(_, bundle) {
      const folders = new Set<string>();
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== "chunk") continue;
        for (const [id, { renderedLength }] of Object.entries(chunk.modules)) {
          const folder = /^.*\/node_modules\/(@[^/]+\/)?[^/]+/.exec(id.replace(/^\0/, ""))?.[0];
          if (folder && renderedLength) folders.add(folder);
        }
      }
      const source = [...folders].sort().map(licenceOf).join("\n\n");
      this.emitFile({ type: "asset", fileName: "licences.txt", source });
    },
  };
}

function licenceOf(folder: string): string {
  const { name, version, license } = JSON.parse(
    readFileSync(`${folder}/package.json`, "utf-8"),
  ) as Record<"name" | "version" | "license", string>;
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? readFileSync(`${folder}/${file}`, "utf-8").trim() : "";
  return `${name} ${version}: ${license}\n\n${text}\n`;
}

export default defineConfig({
  base: "./",
  plugins: [leaveOut(), giveLicences()],
  resolve: {
    alias: { dcmjs: fileURLToPath(new URL("stubs/dcmjs.ts", import.meta.url)) },
  },
  build: {
    outDir: "../src/fractura/service/page",
    emptyOutDir: true,
    target: "es2022",
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 4000,
  },
});
