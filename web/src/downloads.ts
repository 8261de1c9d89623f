/** Files of a reading, fetched with the token and handed to the browser. */

import { address, request, type Part } from "./api";
import { alarm, announce, byId, html } from "./dom";

async function save(from: string, name: string): Promise<void> {
  try {
    const data = await (await request(from)).blob();
    const link = html("a", { download: name });
    link.href = URL.createObjectURL(data);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    announce(`${name} downloaded.`);
  } catch (error) {
    alarm(error);
  }
}

/** Save a part of a reading; its name begins as the reading's id does. */
export function saveOf(id: string, part: Part, name: string): Promise<void> {
  return save(address(`/v1/readings/{id}${part}`, { id }), `fractura-${id.slice(0, 8)}-${name}`);
}

export function startDownloads(chosen: () => string | null): void {
  byId("downloads").addEventListener("click", (event) => {
    const { part, name } = (event.target as Element).closest("button")?.dataset ?? {};
    const id = chosen();
    if (part === undefined || !name || !id) return;
    void saveOf(id, part as Part, name);
  });
  byId("export").addEventListener(
    "click",
    () => void save(address("/v1/marks/manifest.jsonl", {}), "fractura-marks.jsonl"),
  );
}
