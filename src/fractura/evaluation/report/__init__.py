"""A scorecard as a page, a model card and filled checklists."""
