"""The items of two reporting guidelines, in our own words.

Each item is its number, its topic, the name of the fact in ``facts.py`` that answers it as far as
software can (or nothing), and whether that fact is the whole answer.

Sources: CLAIM 2024: Tejani et al., Radiology: Artificial Intelligence 6(4), e240300, 2024,
doi 10.1148/ryai.240300. STARD-AI: Sounderajah et al., Nature Medicine 31, 3283-3289, 2025,
doi 10.1038/s41591-025-03953-8.
"""

from __future__ import annotations

from typing import NamedTuple


class Item(NamedTuple):
    """One item; see the module."""

    number: str
    topic: str
    fact: str = ""
    whole: bool = False


CLAIM_2024: tuple[Item, ...] = (
    Item("1", "title or abstract names the kind of AI", "model"),
    Item("2", "abstract: design, methods, results, conclusions", "headline"),
    Item("3", "background and intended role"),
    Item("4", "aims and hypotheses", "task"),
    Item("5", "prospective or retrospective"),
    Item("6", "goal of the study", "task"),
    Item("7", "where the data come from", "data"),
    Item("8", "who and what was included or excluded", "inclusion"),
    Item("9", "preprocessing of the data", "preprocessing"),
    Item("10", "choice of parts of the data", "inclusion"),
    Item("11", "de-identification"),
    Item("12", "missing data", "missing", True),
    Item("13", "how images were acquired"),
    Item("14", "how the reference standard was obtained", "labels"),
    Item("15", "why this reference standard"),
    Item("16", "who annotated"),
    Item("17", "how the test set was annotated", "labels"),
    Item("18", "agreement between and within annotators", "label_errors"),
    Item("19", "how cases were assigned to partitions", "partition"),
    Item("20", "level at which partitions share nothing", "disjoint"),
    Item("21", "planned size of the test set", "size"),
    Item("22", "the model in detail", "model"),
    Item("23", "software and versions", "software", True),
    Item("24", "initial weights", "initial"),
    Item("25", "training", "training"),
    Item("26", "how the final model was chosen"),
    Item("27", "ensembles", "ensemble"),
    Item("28", "measures of performance", "measures", True),
    Item("29", "uncertainty and significance", "uncertainty", True),
    Item("30", "robustness or sensitivity analysis", "robustness"),
    Item("31", "explanation of the answers", "explanation"),
    Item("32", "test on internal data", "tested_on"),
    Item("33", "test on external data", "tested_on"),
    Item("34", "registration of a trial"),
    Item("35", "numbers included and excluded", "flow"),
    Item("36", "demographic and clinical characteristics", "composition"),
    Item("37", "performance with uncertainty", "headline", True),
    Item("38", "diagnostic accuracy and its precision", "accuracy", True),
    Item("39", "analysis of failures", "failures"),
    Item("40", "limitations", "limits"),
    Item("41", "meaning for practice"),
    Item("42", "full protocol or technical details", "protocol"),
    Item("43", "availability of software, model, data", "availability"),
    Item("44", "funding and role of funders"),
)

STARD_AI: tuple[Item, ...] = (
    Item("1", "title or abstract: accuracy of an AI test, with a measure", "headline"),
    Item("2", "structured abstract", "headline"),
    Item("3", "background, intended use, novelty, place in the workflow"),
    Item("4", "objectives and hypotheses", "task"),
    Item("5", "prospective or retrospective"),
    Item("6", "ethics approval, or why none"),
    Item("7", "inclusion and exclusion, of persons and of data", "inclusion"),
    Item("8", "on what grounds persons were found"),
    Item("9", "where and when"),
    Item("10", "consecutive, random or convenience series"),
    Item("11", "source of the data, routine or collected for this", "data"),
    Item("12", "who annotated the data, and how", "labels"),
    Item("13", "devices; software of the test with versions", "software"),
    Item("14", "acquisition and preprocessing", "preprocessing"),
    Item("15a", "the index test in detail", "model"),
    Item("15b", "how the index test was developed, with sizes", "training"),
    Item("15c", "cut-offs, planned or exploratory", "cutoffs"),
    Item("15d", "who is to use it, with what expertise"),
    Item("16a", "the reference standard in detail", "labels"),
    Item("16b", "why this reference standard"),
    Item("16c", "cut-offs of the reference standard"),
    Item("17a", "what the index test knew of the reference", "blinded"),
    Item("17b", "what the reference's assessors knew of the index test"),
    Item("18", "statistical methods", "uncertainty", True),
    Item("19", "indeterminate answers", "indeterminate"),
    Item("20", "missing data", "missing", True),
    Item("21", "variability of accuracy, planned or exploratory", "variability"),
    Item("22", "planned size and why", "size"),
    Item("23", "error analysis, bias and fairness: methods", "fairness"),
    Item("24", "flow of participants", "flow"),
    Item("25", "characteristics of training, validation and test sets", "composition"),
    Item("26a", "severity of disease in the positives", "sizes"),
    Item("26b", "other diagnoses in the negatives"),
    Item("27", "time and treatment between test and reference"),
    Item("28", "how far cases stand for the intended population", "prevalence"),
    Item("29", "how an external set differs from the others", "tested_on"),
    Item("30", "index test against reference, cross-tabulated", "crosstab", True),
    Item("31", "accuracy and its precision", "accuracy", True),
    Item("32", "harm from either test"),
    Item("33", "limitations", "limits"),
    Item("34", "meaning for practice"),
    Item("35", "ethics of use, and fairness", "fairness"),
    Item("36", "registration"),
    Item("37", "protocol", "protocol"),
    Item("38", "funding and role of funders"),
    Item("39", "commercial interests"),
    Item("40a", "availability of data and code", "availability"),
    Item("40b", "whether answers are kept and can be audited", "audit"),
)
