"""The words of llmplan: terms with their definitions, formulas and sources."""

from llmplan_glossary.terms import Group, Term, groups

__all__ = ["Group", "Term", "groups"]
