"""The words of llmplan: terms with their definitions, formulas and sources."""

from typing import TYPE_CHECKING

from llmplan.lazily import lazily

if TYPE_CHECKING:
    from llmplan_glossary.terms import Group as Group, Term as Term, groups as groups

__getattr__, __all__ = lazily(__name__, {"terms": "Group Term groups"})
