"""Where a reference leads: a file, a folder, the local cache of the hub, the hub."""

import json
import sys
from types import ModuleType

import pytest

from llmplan import infer, train
from llmplan.cli.main import main
from llmplan.errors import BadInputError
from llmplan_models_huggingface.finding import claims, find, in_cache


@pytest.fixture(name="cache")
def _cache(tmp_path, monkeypatch, write):
    """A cache of the hub with a snapshot of acme/Tiny-1B."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    snapshot = tmp_path / "hub" / "models--acme--Tiny-1B" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text(write().read_text())
    return snapshot / "config.json"


@pytest.mark.parametrize(
    "reference", ["./config.json", "config.json", "folder/", "~/x", "/x", "acme/Tiny-1B", ".", "a/b.c"]
)
def test_what_is_claimed(reference):
    """If it fails, a file or an id is looked up as a name."""
    assert claims(reference)


@pytest.mark.parametrize("reference", ["llama-7b", "acme:llama-7b", "llama 7b", "a/b/c", "https://x/y"])
def test_what_is_left_to_others(reference):
    """If it fails, a misspelt name is answered with words about files."""
    assert not claims(reference)


def test_a_folder_and_its_file_are_the_same(write):
    """If it fails, a folder is not looked into."""
    path = write()
    assert find(str(path.parent)) == find(str(path)) == (path, "tiny")


def test_a_file_of_another_name_is_called_by_it(write):
    """If it fails, all models of a folder have one name."""
    path = write()
    other = path.rename(path.with_name("Acme-2B.json"))
    assert find(str(other)) == (other, "Acme-2B")


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("{}", "the folder holds no config.json"),
        ("{}/none.json", "no such file or folder"),
        ("./none/", "no such file"),
    ],
)
def test_what_is_not_there(tmp_path, reference, words):
    """If it fails, a slip in a path ends in a traceback."""
    with pytest.raises(BadInputError, match=words):
        find(reference.format(tmp_path))


def test_an_id_is_found_in_the_cache(cache):
    """If it fails, a downloaded model is downloaded again, or refused."""
    assert find("acme/Tiny-1B") == (cache, "Tiny-1B")
    assert train(model="acme/Tiny-1B", gpu="h100-sxm-80gb", gpus=8, tokens=1e9).plan.model.name == "tiny-1b"
    assert infer(model="acme/Tiny-1B", gpu="h100-sxm-80gb", gpus=1).plan.dtype.name == "bf16"


def test_the_newest_snapshot_wins(cache):
    """If it fails, an old revision is priced."""
    import os

    newer = cache.parents[1] / "def" / "config.json"
    newer.parent.mkdir()
    newer.write_text("{}")
    os.utime(cache, (1, 1))
    assert find("acme/Tiny-1B")[0] == newer


def test_the_cache_that_the_environment_names(cache, tmp_path):
    """If it fails, HF_HUB_CACHE is not heeded."""
    assert in_cache("acme/Tiny-1B", {"HF_HUB_CACHE": str(tmp_path / "hub")}) == cache
    assert in_cache("acme/Tiny-1B", {"HF_HUB_CACHE": str(tmp_path / "none")}) is None


@pytest.mark.usefixtures("cache")
def test_without_the_hub_one_line_says_so(monkeypatch):
    """If it fails, the user does not learn of the extra."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(BadInputError, match=r"not in the local Hugging Face cache; give a config.json .* \[?hub"):
        find("acme/other")


@pytest.mark.usefixtures("cache")
def test_offline_nothing_is_downloaded(monkeypatch):
    """If it fails, llmplan asks the network though it was told not to."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BadInputError, match="HF_HUB_OFFLINE is set"):
        find("acme/other")


@pytest.fixture(name="hub")
def _hub(monkeypatch):
    """A hub that answers with a path, or raises."""
    answers = {}

    def download(name, file):
        answer = answers[name, file]
        if isinstance(answer, Exception):
            raise answer
        return answer

    module = ModuleType("huggingface_hub")
    module.hf_hub_download = download
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return answers


def test_what_is_not_cached_comes_from_the_hub(cache, hub):
    """If it fails, the hub is never asked."""
    hub["acme/other", "config.json"] = str(cache)
    assert find("acme/other") == (cache, "other")


@pytest.mark.usefixtures("cache")
def test_a_hub_that_fails_costs_one_line(hub):
    """If it fails, a missing network ends in a traceback."""
    hub["acme/other", "config.json"] = OSError("no route to host\nand more")
    with pytest.raises(BadInputError, match=r"and the hub does not give its config\.json: no route to host$"):
        find("acme/other")


def test_a_registered_name_is_not_read(cache):
    """If it fails, a file in the working directory takes a name away."""
    assert json.loads(cache.read_text())["num_hidden_layers"] == 2
    assert train(model="llama-7b", gpu="h100-sxm-80gb", gpus=8, tokens=1e9).plan.model.layers == 32


@pytest.mark.parametrize("reference", ["x" * 300, f"{'x' * 300}/y", f"./{'x' * 300}.json"])
def test_names_that_no_file_has_are_refused_as_names(reference, capsys, monkeypatch):
    """A name of three hundred letters would be a failure of the plugin, with the name in full."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert main(["train", "--model", reference, "--gpu", "t4", "--gpus", "1"]) == 2
    assert capsys.readouterr().err.startswith("llmplan: model: ")
