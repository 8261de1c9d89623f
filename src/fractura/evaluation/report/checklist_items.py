"""The items of two reporting guidelines, in our own words.

Each item is its number, its topic, the name of the fact in ``facts.py`` that answers it as far as
software can (or nothing), and whether that fact is the whole answer.

Sources: CLAIM 2024: Tejani et al., Radiology: Artificial Intelligence 6(4), e240300, 2024,
doi 10.1148/ryai.240300. STARD-AI: Sounderajah et al., Nature Medicine 31, 3283-3289, 2025,
doi 10.1038/s41591-025-03953-8.
"""

from __future__ import annotations

from typing import NamedTuple


class ChecklistItem(NamedTuple):
    """One item; see the module."""

    number: str
    topic: str
    fact: str = ""
    whole: bool = False


CLAIM_2024: tuple[ChecklistItem, ...] = (
    ChecklistItem("1", "title or abstract names the kind of AI", "model"),
    ChecklistItem("2", "abstract: design, methods, results, conclusions", "headline"),
    ChecklistItem("3", "background and intended role"),
    ChecklistItem("4", "aims and hypotheses", "task"),
    ChecklistItem("5", "prospective or retrospective"),
    ChecklistItem("6", "goal of the study", "task"),
    ChecklistItem("7", "where the data come from", "data"),
    ChecklistItem("8", "who and what was included or excluded", "inclusion"),
    ChecklistItem("9", "preprocessing of the data", "preprocessing"),
    ChecklistItem("10", "choice of parts of the data", "inclusion"),
    ChecklistItem("11", "de-identification"),
    ChecklistItem("12", "missing data", "missing", True),
    ChecklistItem("13", "how images were acquired"),
    ChecklistItem("14", "how the reference standard was obtained", "labels"),
    ChecklistItem("15", "why this reference standard"),
    ChecklistItem("16", "who annotated"),
    ChecklistItem("17", "how the test set was annotated", "labels"),
    ChecklistItem("18", "agreement between and within annotators", "label_errors"),
    ChecklistItem("19", "how cases were assigned to partitions", "partition"),
    ChecklistItem("20", "level at which partitions share nothing", "disjoint"),
    ChecklistItem("21", "planned size of the test set", "size"),
    ChecklistItem("22", "the model in detail", "model"),
    ChecklistItem("23", "software and versions", "software", True),
    ChecklistItem("24", "initial weights", "initial"),
    ChecklistItem("25", "training", "training"),
    ChecklistItem("26", "how the final model was chosen"),
    ChecklistItem("27", "ensembles", "ensemble"),
    ChecklistItem("28", "measures of performance", "measures", True),
    ChecklistItem("29", "uncertainty and significance", "uncertainty", True),
    ChecklistItem("30", "robustness or sensitivity analysis", "robustness"),
    ChecklistItem("31", "explanation of the answers", "explanation"),
    ChecklistItem("32", "test on internal data", "tested_on"),
    ChecklistItem("33", "test on external data", "tested_on"),
    ChecklistItem("34", "registration of a trial"),
    ChecklistItem("35", "numbers included and excluded", "flow"),
    ChecklistItem("36", "demographic and clinical characteristics", "composition"),
    ChecklistItem("37", "performance with uncertainty", "headline", True),
    ChecklistItem("38", "diagnostic accuracy and its precision", "accuracy", True),
    ChecklistItem("39", "analysis of failures", "failures"),
    ChecklistItem("40", "limitations", "limits"),
    ChecklistItem("41", "meaning for practice"),
    ChecklistItem("42", "full protocol or technical details", "protocol"),
    ChecklistItem("43", "availability of software, model, data", "availability"),
    ChecklistItem("44", "funding and role of funders"),
)

STARD_AI: tuple[ChecklistItem, ...] = (
    ChecklistItem("1", "title or abstract: accuracy of an AI test, with a measure", "headline"),
    ChecklistItem("2", "structured abstract", "headline"),
    ChecklistItem("3", "background, intended use, novelty, place in the workflow"),
    ChecklistItem("4", "objectives and hypotheses", "task"),
    ChecklistItem("5", "prospective or retrospective"),
    ChecklistItem("6", "ethics approval, or why none"),
    ChecklistItem("7", "inclusion and exclusion, of persons and of data", "inclusion"),
    ChecklistItem("8", "on what grounds persons were found"),
    ChecklistItem("9", "where and when"),
    ChecklistItem("10", "consecutive, random or convenience series"),
    ChecklistItem("11", "source of the data, routine or collected for this", "data"),
    ChecklistItem("12", "who annotated the data, and how", "labels"),
    ChecklistItem("13", "devices; software of the test with versions", "software"),
    ChecklistItem("14", "acquisition and preprocessing", "preprocessing"),
    ChecklistItem("15a", "the index test in detail", "model"),
    ChecklistItem("15b", "how the index test was developed, with sizes", "training"),
    ChecklistItem("15c", "cut-offs, planned or exploratory", "cutoffs"),
    ChecklistItem("15d", "who is to use it, with what expertise"),
    ChecklistItem("16a", "the reference standard in detail", "labels"),
    ChecklistItem("16b", "why this reference standard"),
    ChecklistItem("16c", "cut-offs of the reference standard"),
    ChecklistItem("17a", "what the index test knew of the reference", "blinded"),
    ChecklistItem("17b", "what the reference's assessors knew of the index test"),
    ChecklistItem("18", "statistical methods", "uncertainty", True),
    ChecklistItem("19", "indeterminate answers", "indeterminate"),
    ChecklistItem("20", "missing data", "missing", True),
    ChecklistItem("21", "variability of accuracy, planned or exploratory", "variability"),
    ChecklistItem("22", "planned size and why", "size"),
    ChecklistItem("23", "error analysis, bias and fairness: methods", "fairness"),
    ChecklistItem("24", "flow of participants", "flow"),
    ChecklistItem("25", "characteristics of training, validation and test sets", "composition"),
    ChecklistItem("26a", "severity of disease in the positives", "sizes"),
    ChecklistItem("26b", "other diagnoses in the negatives"),
    ChecklistItem("27", "time and treatment between test and reference"),
    ChecklistItem("28", "how far cases stand for the intended population", "prevalence"),
    ChecklistItem("29", "how an external set differs from the others", "tested_on"),
    ChecklistItem("30", "index test against reference, cross-tabulated", "crosstab", True),
    ChecklistItem("31", "accuracy and its precision", "accuracy", True),
    ChecklistItem("32", "harm from either test"),
    ChecklistItem("33", "limitations", "limits"),
    ChecklistItem("34", "meaning for practice"),
    ChecklistItem("35", "ethics of use, and fairness", "fairness"),
    ChecklistItem("36", "registration"),
    ChecklistItem("37", "protocol", "protocol"),
    ChecklistItem("38", "funding and role of funders"),
    ChecklistItem("39", "commercial interests"),
    ChecklistItem("40a", "availability of data and code", "availability"),
    ChecklistItem("40b", "whether answers are kept and can be audited", "audit"),
)
