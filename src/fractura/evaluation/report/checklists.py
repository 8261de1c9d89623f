"""CLAIM 2024 and STARD-AI, filled in as far as the software knows."""

from __future__ import annotations

from collections.abc import Sequence

from fractura.evaluation.report.checklist_items import CLAIM_2024, STARD_AI, ChecklistItem
from fractura.evaluation.report.statements import FACTS
from fractura.evaluation.report.subject import Subject
from fractura.evaluation.report.table_cells import capital, markdown, markdown_table

AUTHORS = "to be filled by the authors"

_OWN_WORDS = (
    "Items are named in our own words; the guideline itself says what each asks for. Whether a "
    "study meets it, only its authors and reviewers can say."
)


def claim_2024(subject: Subject) -> str:
    """The 44 items of CLAIM 2024 in Markdown."""
    return _checklist(
        subject,
        "CLAIM 2024",
        "All 44 items of the Checklist for Artificial Intelligence in Medical Imaging, update of "
        "2024 (Tejani et al., Radiology: Artificial Intelligence 6(4), e240300, "
        "[doi 10.1148/ryai.240300](https://doi.org/10.1148/ryai.240300)).",
        CLAIM_2024,
    )


def stard_ai(subject: Subject) -> str:
    """The 40 items of STARD-AI in Markdown, five of them in parts."""
    return _checklist(
        subject,
        "STARD-AI",
        "All 40 items of STARD-AI, five of them in parts (Sounderajah et al., Nature Medicine 31, "
        "3283–3289, 2025, "
        "[doi 10.1038/s41591-025-03953-8](https://doi.org/10.1038/s41591-025-03953-8)).",
        STARD_AI,
    )


def _checklist(subject: Subject, name: str, source: str, items: Sequence[ChecklistItem]) -> str:
    rows = [(item.number, markdown(capital(item.topic)), _answer(subject, item)) for item in items]
    answered = sum(AUTHORS not in answer for _, _, answer in rows)
    begun = sum(AUTHORS in answer and answer != AUTHORS for _, _, answer in rows)
    parts = [
        f"# {name}: {markdown(subject.model)} on “{markdown(subject.name)}”",
        f"{source} {_OWN_WORDS}",
        f"Of {len(rows)} rows {answered} are filled from the scorecard, {begun} are begun, and "
        f"{len(rows) - answered - begun} are {AUTHORS}.",
    ]
    if subject.leak:
        parts.append(f"**{markdown(capital(subject.leak))}.**")
    parts.append(markdown_table(("item", "topic", "answer"), rows))
    return "\n\n".join(parts) + "\n"


def _answer(subject: Subject, item: ChecklistItem) -> str:
    fact = FACTS[item.fact](subject) if item.fact else None
    if not fact:
        return AUTHORS
    return markdown(fact) if item.whole else f"{markdown(fact)} The rest is {AUTHORS}."
