/** What a person says of a reading. */

import {
  address,
  get,
  post,
  request,
  type Corners,
  type Finding,
  type Mark,
  type MarkKind,
} from "./api";
import { alarm, announce, byId, html, percent, timeOf } from "./dom";

const WORDS: Record<MarkKind, string> = {
  agree: "Agree",
  disagree: "Disagree",
  missed: "Missed fracture",
};

export interface MarkBoard {
  open(id: string): Promise<void>;
  subjects(findings: readonly Finding[], chosen: Finding | null): void;
  save(kind: MarkKind, box: Corners | null): Promise<void>;
  subject(): Corners | null;
}

export function makeMarkBoard(
  changed: (marks: readonly Mark[]) => void,
  jump: (box: Corners) => void,
): MarkBoard {
  let id = "";
  let marks: readonly Mark[] = [];
  let choices: readonly Finding[] = [];
  const note = byId("note", HTMLTextAreaElement);
  const subject = byId("subject", HTMLSelectElement);

  const draw = (): void => {
    byId("marks").replaceChildren(...marks.map(row));
    changed(marks);
  };
  const row = (mark: Mark): HTMLLIElement => {
    const remove = html(
      "button",
      { type: "button", "aria-label": `Delete mark: ${WORDS[mark.kind]}` },
      "×",
    );
    remove.addEventListener("click", () => void drop(mark));
    const kind = html("strong", { "data-mark": mark.kind }, WORDS[mark.kind]);
    const where = html("button", { type: "button", class: "link" }, "show box");
    where.addEventListener("click", () => mark.box && jump(mark.box));
    const head = html("span", { class: "head" }, kind, ...(mark.box ? [where] : []), remove);
    const about = `${mark.who}, ${timeOf(mark.created_at)}`;
    return html(
      "li",
      {},
      head,
      ...(mark.note ? [html("p", {}, mark.note)] : []),
      html("time", { datetime: mark.created_at }, about),
    );
  };
  const drop = async (mark: Mark): Promise<void> => {
    try {
      await request(address("/v1/marks/{id}", { id: mark.id }), { method: "DELETE" });
      marks = marks.filter((other) => other !== mark);
      draw();
      announce("Mark deleted.");
      note.focus();
    } catch (error) {
      alarm(error);
    }
  };
  return {
    async open(opened) {
      id = opened;
      marks = [];
      note.value = "";
      draw();
      try {
        const answer = await get("/v1/readings/{id}/marks", { id: opened });
        if (id !== opened) return;
        marks = answer.marks;
        draw();
      } catch (error) {
        alarm(error);
      }
    },
    subjects(findings, chosen) {
      choices = findings;
      subject.replaceChildren(
        html("option", { value: "" }, "The whole radiograph"),
        ...findings.map((finding, index) =>
          html("option", { value: index }, `Finding ${index + 1}, ${percent(finding.score)}`),
        ),
      );
      const at = chosen ? findings.indexOf(chosen) : -1;
      subject.value = at < 0 ? "" : String(at);
    },
    subject: () => (subject.value === "" ? null : (choices[Number(subject.value)]?.box ?? null)),
    async save(kind, box) {
      const marked = id;
      try {
        const mark = await post(
          "/v1/readings/{id}/marks",
          { id: marked },
          { kind, box, note: note.value.trim() },
        );
        if (id !== marked) return;
        marks = [...marks, mark];
        note.value = "";
        draw();
        announce(`Saved: ${WORDS[kind]}.`, true);
      } catch (error) {
        alarm(error);
      }
    },
  };
}
