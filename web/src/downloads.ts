/** Files of a reading, fetched with the token and handed to the browser. */

import { of, request } from "./api";
import { alarm, announce, byId, html } from "./dom";

export async function save(path: string, name: string): Promise<void> {
  try {
    const data = await (await request(path)).blob();
    const link = html("a", { download: name });
    link.href = URL.createObjectURL(data);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    announce(`${name} downloaded.`);
  } catch (error) {
    alarm(error);
  }
}

export function startDownloads(chosen: () => string | null): void {
  byId("downloads").addEventListener("click", (event) => {
    const button = (event.target as Element).closest("button");
    const id = chosen();
    if (!button || !id) return;
    void save(of(id, button.dataset["part"]), `fractura-${id.slice(0, 8)}-${button.dataset["name"]}`);
  });
  byId("export").addEventListener("click", () => void save("v1/marks/manifest.jsonl", "fractura-marks.jsonl"));
}
