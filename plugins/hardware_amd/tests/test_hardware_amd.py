"""Every file of the package is read, with a source for each number."""

from llmplan.testing import check_plugin
from llmplan_hardware_amd import plugin


def test_every_file_keeps_the_contract():
    """A number would be implausible or without a source, or a file could not be read."""
    check_plugin(plugin)
