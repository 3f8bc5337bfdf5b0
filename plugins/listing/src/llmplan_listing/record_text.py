"""A record as its file would say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmplan.catalogues import Kind
from llmplan.catalogues.record_file import form_of
from llmplan_listing.toml_text import toml_text


def record_text(kind: Kind, record: Any) -> str:
    """The file of a record, which `read_record` reads as the same."""
    form = form_of(kind, record.name).for_record(record)
    values = form.values(record)
    sources = values.pop("sources", {})
    keys = list(form.sourced(values))
    if keys and all(key in sources for key in keys):  # one source stands for the whole file
        texts = list(sources.values())
        values["source"] = max(texts, key=texts.count)
        sources = {key: text for key, text in sources.items() if key not in keys or text != values["source"]}
    sources = {key: sources[key] for key in sorted(sources, key=[*keys, *sources].index)}
    tables = {key: value for key, value in values.items() if isinstance(value, Mapping)}
    flat = {key: value for key, value in values.items() if key not in tables}
    return toml_text({**flat, **({"sources": sources} if sources else {}), **tables})
