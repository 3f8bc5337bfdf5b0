"""Entry points of installed distributions, as importlib.metadata finds them."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

from llmplan.catalogues import entry_points as module
from llmplan.catalogues.entry_points import entry_points_of


def found(group):
    return sorted((point.name, point.value) for point in entry_points_of(group))


def by_metadata(group):
    return sorted((point.name, point.value) for point in entry_points(group=group))


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts a distribution on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def installed(info, points, metadata="Metadata-Version: 2.1\nName: Acme.One\nVersion: 1.5\n\nName: no\n"):
        folder = tmp_path / info
        folder.mkdir()
        (folder / "entry_points.txt").write_text(points)
        (folder / ("METADATA" if info.endswith("dist-info") else "PKG-INFO")).write_text(metadata)

    return installed


@pytest.mark.parametrize("group", ["llmplan.plugins", "console_scripts", "pytest11", "no.such.group"])
def test_those_of_this_environment(group):
    """If it fails, a plugin that pip installed is not found, or one that is not there is."""
    assert found(group) == by_metadata(group)


def test_a_distribution_is_read_as_it_is_written(install):
    """If it fails, an entry point with spaces, comments or another group beside it is not found, or named wrongly."""
    install(
        "acme_one-1.5.dist-info",
        "[console_scripts]\nacme = acme:main\n\n[acme.test]\n# a comment\none = acme_one.plugin\ntwo=acme_one:a.b\n\n"
        "[x]\ny = z\n",
    )
    assert [tuple(point)[:4] for point in entry_points_of("acme.test")] == [
        ("Acme.One", "1.5", "one", "acme_one.plugin"),
        ("Acme.One", "1.5", "two", "acme_one:a.b"),
    ]
    assert found("acme.test") == by_metadata("acme.test")


def test_the_first_of_two_installations_counts(install):
    """If it fails, a package that is installed twice offers everything twice."""
    install("acme_one-1.5.dist-info", "[acme.test]\none = new\n")
    install("Acme.One-1.4.egg-info", "[acme.test]\none = old\n")
    assert len(found("acme.test")) == 1


def test_an_entry_point_is_loaded_with_its_attribute():
    """If it fails, ``module:attribute`` loads the module."""
    point = module.FoundEntryPoint("", "", "", "llmplan.catalogues:Catalogue.names")
    assert point.load() is module.import_module("llmplan.catalogues").Catalogue.names


def test_what_lies_elsewhere_is_left_to_importlib(install, tmp_path, monkeypatch):
    """If it fails, plugins in archives are not found any more."""
    install("acme_one-1.5.dist-info", "[acme.test]\none = new\n")
    archive = tmp_path / "more.zip"
    archive.write_bytes(b"PK\x05\x06" + bytes(18))
    monkeypatch.syspath_prepend(str(archive))
    assert [tuple(point)[:4] for point in entry_points_of("acme.test")] == [("Acme.One", "1.5", "one", "new")]
