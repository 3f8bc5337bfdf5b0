"""The report and the page in a real browser: `pytest tests/browser`, with Chromium and the extra ``browser``."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from llmplan.cli.main import main

expect.set_options(timeout=60_000)  # a busy machine takes its time
SCREENS = os.environ.get("LLMPLAN_SCREENS")
"""A folder, docs/pictures for one, for screenshots of what is tested."""


@pytest.fixture(scope="module")
def chromium():
    """The browser of the system."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "no Chromium is installed"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A page of one plan."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    names = ("--model", "llama-65b", "--gpu", "h100-sxm-80gb", "--gpus", "128", "--price-per-gpu-hour", "2.5")
    assert main(["report", "train", *names, "--output", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def address():
    """Of the page, served as a user starts it."""
    command = [sys.executable, "-m", "llmplan", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().split()[0]
        process.terminate()


def opened(chromium, address, problems, **how):
    """A tab that counts what goes wrong and what it asks of others."""
    tab = chromium.new_page(**how)
    tab.on("console", lambda message: problems.append(message.text))
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("request", lambda request: request.url.startswith(("data:", address)) or problems.append(request.url))
    tab.goto(address)
    return tab


@pytest.mark.parametrize("how", [{"width": 1100, "dark": False}, {"width": 360, "dark": True}], ids=["wide", "phone"])
def test_the_report_is_right_wide_and_on_a_phone(chromium, report, how):
    """If it fails, the report asks the network, breaks, or has to be pushed sideways."""
    problems = []
    tab = opened(chromium, report.as_uri(), problems, viewport={"width": how["width"], "height": 900},
                 color_scheme="dark" if how["dark"] else "light")  # fmt: skip
    assert tab.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert tab.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0 && image.alt)")
    background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") != how["dark"]
    assert problems == []
    if SCREENS and not how["dark"]:
        tab.screenshot(path=Path(SCREENS) / "report.png", clip={"x": 0, "y": 0, "width": 1100, "height": 900})


def test_the_report_prints(chromium, report):
    """If it fails, the printed report is empty."""
    tab = opened(chromium, report.as_uri(), [])
    assert len(tab.pdf()) > 50_000


def test_the_page_answers_moves_and_gives_its_command(chromium, address, capsys):
    """If it fails, a change of the GPU changes no number, or the command that one copies gives others."""
    problems = []
    tab = opened(chromium, address, problems, viewport={"width": 1200, "height": 1000})
    expect(tab.locator("#title")).not_to_be_empty()
    first = tab.inner_text("#facts")
    if SCREENS:
        tab.screenshot(path=Path(SCREENS) / "serve.png")
    tab.select_option("#gpu", "a100-sxm-80gb")
    expect(tab.locator("#title")).to_contain_text("a100")
    assert tab.inner_text("#facts") != first
    shown = tab.evaluate("fetch('api/train', {method: 'POST', headers: {'Content-Type': 'application/json'},"
                         "body: JSON.stringify(typed())}).then((answer) => answer.json())")  # fmt: skip
    capsys.readouterr()
    assert main([*shlex.split(tab.inner_text("#command"))[1:], "--json"]) == 0
    asked = json.loads(capsys.readouterr().out)
    assert asked["training_seconds"] == shown["document"]["training_seconds"]
    assert problems == []


def test_a_link_shows_the_same_plan_and_a_slider_moves_it(chromium, address):
    """If it fails, a link that somebody sends opens another plan, or a slider moves nothing."""
    tab = opened(chromium, address, [], viewport={"width": 420, "height": 900})
    expect(tab.locator("#title")).not_to_be_empty()
    tab.click("#infer")
    expect(tab.locator("#title")).to_contain_text("70b")
    again = opened(chromium, tab.url, [])
    expect(again.locator("#title")).not_to_be_empty()
    assert again.inner_text("#facts") == tab.inner_text("#facts")
    before = tab.inner_text("#facts")
    tab.fill("#output_tokens", "10")
    expect(tab.locator("#facts")).not_to_have_text(before, use_inner_text=True)
    assert tab.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_bad_input_is_said_on_the_page(chromium, address):
    """If it fails, a slip leaves old figures standing as if they were the answer."""
    tab = opened(chromium, address, [])
    expect(tab.locator("#title")).not_to_be_empty()
    tab.fill("#tp", "3")
    tab.press("#tp", "Enter")
    expect(tab.locator("#error")).to_contain_text("is not divisible by tp 3")
