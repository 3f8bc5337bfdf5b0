"""The page's answers: those of the command line, checked in the same way, without a way to a file of the machine."""

from __future__ import annotations

import http.client
import json
import shlex
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Thread

import pytest
import uvicorn

from llmplan.cli.main import main
from llmplan.request import InferRequest, TrainRequest, options_of
from llmplan_report.web import answers
from llmplan_report.web.app import make_app

TRAIN = {"model": "llama-7b", "gpu": "a100-sxm-80gb", "gpus": "8", "tp": "2", "pp": "1", "price_per_gpu_hour": "2.5"}
INFER = {"model": "llama-7b", "gpu": "a100-sxm-80gb", "tp": "1", "pp": "1", "batch": "4"}


class Page:
    """A browser's side of it: what a server on a free port answers."""

    def __init__(self, port):
        self.port = port

    def ask(self, path, body=None, **headers):
        """Status, headers and text of an answer; what is no text goes as JSON."""
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        kind = {} if body is None else {"Content-Type": "application/json"}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("GET" if body is None else "POST", path, text, {**kind, **headers})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()

    def get(self, path):
        """An answer's JSON."""
        status, _, text = self.ask(path)
        assert status == 200
        return json.loads(text)

    def post(self, path, body):
        """An answer's JSON."""
        status, _, text = self.ask(path, body)
        assert status == 200, text
        return json.loads(text)

    def refused(self, path, body):
        """The line of one that is refused."""
        status, _, text = self.ask(path, body)
        assert status == 400
        return json.loads(text)["error"]


@pytest.fixture(scope="module")
def page():
    """The page, served by a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(make_app(), log_level="warning"))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield Page(listening.getsockname()[1])
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize(
    ("command", "given"), [("train", TRAIN), ("infer", INFER), ("infer", {**INFER, "rate": "1/s"})]
)
def test_the_command_line_that_is_shown_gives_the_same_figures(page, capsys, command, given):
    """If it fails, what somebody copies from the page is another plan than the one that they saw."""
    given = {name: value for name, value in given.items() if not (name == "batch" and "rate" in given)}
    found = page.post(f"/api/{command}", given)
    words = shlex.split(found["command"])
    assert words[0] == "llmplan"
    assert main([*words[1:], "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found["document"]


def test_what_was_chosen_pins_the_plan(page):
    """If it fails, moving a slider of the price changes the layout."""
    asked = {"model": "llama-7b", "gpu": "a100-sxm-80gb", "gpus": "8"}
    first = page.post("/api/train", asked)
    again = page.post("/api/train", {**asked, **first["chosen"]})
    assert again["document"]["iteration_seconds"] == first["document"]["iteration_seconds"]


@pytest.mark.parametrize(
    ("path", "given", "says"),
    [
        ("train", {**TRAIN, "tp": "3"}, "gpus: 8 is not divisible by tp 3"),
        ("train", {**TRAIN, "model": "/etc/passwd"}, "model: '/etc/passwd' is none that is installed"),
        ("train", {**TRAIN, "gpu": "./gpu.toml"}, "gpu: './gpu.toml' is none that is installed"),
        (
            "train",
            {**TRAIN, "price": "/home/me/own.toml"},
            "price: '/home/me/own.toml' is a file, and files are not read",
        ),
        ("train", {**TRAIN, "price_file": "own"}, "price-file: names a file, which this page does not read"),
        ("infer", {**INFER, "trace": "/etc/passwd"}, "trace: names a file, which this page does not read"),
        ("infer", {**INFER, "tpp": "1"}, "tpp: is no option of infer"),
        ("infer", {**INFER, "batch": [1, 2]}, "batch: is to be a word or a number"),
        ("infer", {**INFER, "batch": "x" * 10_000}, "batch: is to be a word or a number"),
        (
            "infer",
            {"model": "llama-7b", "gpu": "l40s", "rate": "1/s", "requests": 10**5},
            "requests: 100,000 are more",
        ),
        ("frontier", {**INFER, "rate": "1/s"}, "frontier: is of a static batch"),
        ("train", [1], "the body is to be one JSON object"),
    ],
)
def test_bad_input_is_one_line_and_no_file_is_read(page, path, given, says):
    """If it fails, the page answers nonsense, or lets a site read files of this machine."""
    said = page.refused(f"/api/{path}", given)
    assert said.startswith(says)
    assert "\n" not in said


def test_no_option_that_names_a_file_is_taken():
    """If it fails, an option that somebody adds opens a way to the files of this machine."""
    for request in (TrainRequest, InferRequest):
        for name, option in options_of(request).items():
            if "FILE" in option["help"] or "FILE" in option["metavar"]:
                assert isinstance(option["names"], str) or not answers.is_offered(option), name


def test_only_this_machine_is_answered_and_only_json(page):
    """If it fails, another site's page can ask this one."""
    assert page.ask("/", Host="evil.example")[0] == 400
    assert page.ask("/api/train", json.dumps(TRAIN), **{"Content-Type": "text/plain"})[0] == 400
    assert page.refused("/api/train", "{" + " " * 100_000 + "}") == "the body is to be one JSON object"
    assert "default-src 'self'" in page.ask("/")[1]["content-security-policy"]


def test_a_search_that_takes_too_long_ends(page, monkeypatch):
    """If it fails, one request keeps the machine busy for as long as it likes."""
    monkeypatch.setattr(answers, "MOST_SECONDS", -1.0)
    said = page.refused("/api/train", {"model": "deepseek-v3", "gpu": "h100-sxm-80gb", "gpus": "512"})
    assert "takes more than" in said


def test_questions_asked_at_once_have_their_own_answers(page):
    """If it fails, two tabs get each other's figures, or one waits for ever; who hangs up ends the page for others."""
    asked = [("/api/train", {**TRAIN, "micro_batch": str(size)}) for size in (1, 2)] + [("/api/infer", INFER)]
    alone = [page.post(*one)["document"] for one in asked]
    with closing(socket.create_connection(("127.0.0.1", page.port))) as gone:
        gone.sendall(b"POST /api/train HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{")
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda one: page.post(*one)["document"], asked * 2))
    assert together == alone * 2


def test_the_frontier_grows_with_the_batch(page):
    """If it fails, the curve of the page shows plans that do not fit, or in no order."""
    points = page.post("/api/frontier", INFER)["points"]
    assert [point["batch"] for point in points] == sorted(point["batch"] for point in points)
    speeds = [point["tokens_per_second_per_gpu"] for point in points]
    assert len(points) > 3
    assert speeds == sorted(speeds)


def test_endpoints_are_described(page):
    """If it fails, the OpenAPI document names an endpoint that is not there, or hides an option."""
    described = page.get("/openapi.json")
    for path, methods in described["paths"].items():
        for method in methods:
            assert page.ask(path, None if method == "get" else {})[0] in (200, 400)
    train = described["components"]["schemas"]["train"]["properties"]
    assert set(train) == {name for name, one in options_of(TrainRequest).items() if "FILE" not in one["metavar"]}
    assert set(page.get("/api/offered")["options"]["train"]) == set(train)
