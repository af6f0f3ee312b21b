"""The page in a browser: type, see, play, highlight, send, go wrong; small screens, keyboard, accessibility."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from graphvtr.search import Index
from graphvtr.serve import Limits, create_app
from tests.serve.conftest import QUERY

BROWSER = os.environ.get("GRAPHVTR_CHROMIUM", "/usr/bin/chromium")
if not Path(BROWSER).is_file():
    pytest.skip(f"no browser at {BROWSER}: make test-web installs what these tests need", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing: make test-web installs it")
SERIOUS = ("serious", "critical")
WAIT = 60_000
SHOTS = os.environ.get("GRAPHVTR_SHOTS")


@pytest.fixture
def address(served: str) -> str:
    """Of the page."""
    return f"{served}/"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.set_default_timeout(WAIT)
    page.wrong = []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda told: page.wrong.append(told.text) if told.type == "error" else None)
    page.goto(address)
    page.wait_for_selector("#examples button")
    yield page
    context.close()


def ask(page: Any, query: str = QUERY) -> None:
    page.fill("#query", query)
    page.press("#query", "Enter")
    page.wait_for_selector(".card")


def until(page: Any, condition: str) -> None:
    """Wait for a condition; wait_for_function cannot, under the page's security policy."""
    end = time.monotonic() + WAIT / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(50)


def shoot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def test_typing_draws_the_graph_and_enter_finds(page: Any) -> None:
    shoot(page, "empty")
    page.fill("#query", "a red circle chases a zebra")
    page.wait_for_selector("#picture svg")
    assert "never seen: zebra" in page.text_content("#unknown")
    assert page.locator(".card").count() == 0
    ask(page)
    assert page.locator(".card").count() == 6
    assert "6 results" in page.text_content("#status")
    assert page.locator("#picture .node").count() > 3
    until(page, "[...document.querySelectorAll('.screen img')].some(one => one.naturalWidth > 0)")
    shoot(page, "results")
    assert page.wrong == []


def test_bars_of_levels_are_as_long_as_they_say(page: Any) -> None:
    ask(page)
    told = page.evaluate("""[...document.querySelectorAll('.meter')].map(one => {
        const [all, fill] = [one.getBoundingClientRect(), one.firstChild.getBoundingClientRect()];
        const [low, high, now] = ['min', 'max', 'now'].map(name => Number(one.getAttribute(`aria-value${name}`)));
        return [fill.width / all.width, fill.height / all.height, (now - low) / (high - low)];
    })""")
    assert len(told) == 18
    for wide, tall, share in told:
        assert wide == pytest.approx(share, abs=0.02)
        assert tall == pytest.approx(1, abs=0.05)
    assert max(wide for wide, _, _ in told) == pytest.approx(1, abs=0.01)


def test_a_clip_plays_from_its_moment(page: Any) -> None:
    ask(page)
    button = page.locator(".card button.screen").first
    start = float(button.get_attribute("aria-label").split()[-2])
    button.click()
    until(page, "document.querySelector('video') && document.querySelector('video').readyState >= 1")
    until(page, f"document.querySelector('video').currentTime >= {start} - 0.6")
    page.evaluate("document.querySelector('video').pause()")
    phrase = page.locator(".card").first.locator(".phrases button").last
    moment = float(phrase.get_attribute("aria-label").split()[-2])
    page.evaluate(f"document.querySelector('video').currentTime = {2.5 if moment < 1.2 else 0}")
    phrase.click()  # the film that plays goes to the phrase's moment
    until(page, f"Math.abs(document.querySelector('video').currentTime - {moment}) < 1")
    assert page.locator("video").count() == 1
    assert page.wrong == []


def test_a_phrase_lights_up_its_frames_and_regions(page: Any) -> None:
    ask(page)
    phrase = page.locator(".phrases button").first
    phrase.hover()
    card = page.locator(".card").first
    assert card.locator(".frames .hot").count() >= 1
    assert card.locator(".screen svg rect").count() == 4
    node = phrase.get_attribute("data-node")
    assert page.locator(f"#picture .node.on[data-node='{node}']").count() == 1
    page.mouse.move(0, 0)
    assert card.locator(".screen svg rect").count() == 0
    page.locator(f"#picture .node[data-node='{node}']").hover()
    assert page.locator(".phrases button.on").count() == 6  # and the other way round, in every clip
    assert page.wrong == []


def test_why_this_clip(page: Any) -> None:
    ask(page)
    page.locator("button", has_text="Why this clip").first.click()
    page.wait_for_selector("#why svg")
    assert page.locator("#why .heat tbody tr").count() == 3
    assert page.locator("#why .chips button").count() == 2
    widths = "[...document.querySelectorAll('#why .edge path')].map(one => one.style.strokeWidth).join()"
    first = page.evaluate(widths)
    page.locator("#why .chips button").nth(1).click()
    assert page.evaluate(widths) != first
    shoot(page, "why")
    page.keyboard.press("Escape")
    assert not page.locator("#why").is_visible()
    assert page.wrong == []


def test_filters_and_clips_alike(page: Any) -> None:
    ask(page)
    chip = page.locator("#filters button", has_text="second")
    chip.click()
    until(page, "document.querySelectorAll('.card').length === 3")
    assert chip.get_attribute("aria-pressed") == "true"
    chip.click()
    until(page, "document.querySelectorAll('.card').length === 6")
    for text in ("under 10 s", "10 s and over"):
        page.locator("#filters button", has_text=text).click()
    until(page, "document.querySelector('#status').textContent.startsWith('Nothing found')")
    shoot(page, "nothing")
    page.locator("#filters button", has_text="10 s and over").click()
    until(page, "document.querySelectorAll('.card').length === 6")
    page.locator("button", has_text="Clips like it").first.click()
    until(page, "document.querySelectorAll('.card').length === 5")
    assert page.input_value("#query") == ""  # it is not what found them
    assert page.wrong == []


def test_what_the_model_sees_is_a_filter(page: Any, address: str) -> None:
    told = page.request.get(f"{address}api/info").json()
    page.route("**/api/info", lambda route: route.fulfill(json={**told, "concepts": {"entity": ["circle"]}}))
    asked: list[str] = []
    page.route("**/api/search*", lambda route: (asked.append(route.request.url), route.fulfill(json={"results": []})))
    page.reload()
    page.locator("#filters button", has_text="entity: circle").click()
    page.fill("#query", QUERY)
    page.press("#query", "Enter")
    until(page, "document.querySelector('#status').textContent.startsWith('Nothing found')")
    assert "entity=circle" in asked[-1]


def test_a_clip_is_sent_and_a_broken_one_explained(page: Any, made: SimpleNamespace, tmp_path: Path) -> None:
    page.check("input[value=clips]")
    page.set_input_files("#file", str(made.clips / "scene-2.mp4"))
    page.wait_for_selector(".card")
    assert "1. scene-2" in page.locator(".card h3").first.text_content()
    (tmp_path / "broken.mp4").write_bytes(b"no film")
    page.set_input_files("#file", str(tmp_path / "broken.mp4"))
    page.wait_for_selector("#problem:not([hidden])")
    assert "broken.mp4" in page.text_content("#problem")


def test_a_clip_is_dropped(page: Any, made: SimpleNamespace) -> None:
    ask(page)
    content = base64.b64encode((made.clips / "scene-3.mp4").read_bytes()).decode()
    dropped = page.evaluate_handle(
        """content => {
            const files = new DataTransfer();
            files.items.add(new File([Uint8Array.from(atob(content), one => one.charCodeAt(0))], 'mine.mp4'));
            return files;
        }""",
        content,
    )
    page.check("input[value=clips]")
    page.dispatch_event("#drop", "dragover", {"dataTransfer": dropped})
    assert page.locator("#drop.over").count() == 1
    page.dispatch_event("#drop", "drop", {"dataTransfer": dropped})
    until(page, "document.querySelector('#status').textContent.includes('for mine.mp4')")
    assert "1. scene-3" in page.locator(".card h3").first.text_content()
    assert page.locator("#drop.over").count() == 0
    assert page.wrong == []


def test_markup_in_captions_and_names_stays_text(page: Any) -> None:
    ask(page, "<img src=x onerror='window.evil=1'> chases a blue square")
    assert page.locator(".card h3", has_text="<b onclick=evil()>5").count() == 1
    assert page.locator(".card p", has_text="<img src=x onerror").count() == 1
    assert page.locator(".card img[src=x], .card script, .card b, #picture script").count() == 0
    assert page.evaluate("window.evil === undefined")
    for like in page.locator("button", has_text="Why this clip").all()[:1]:
        like.click()
    page.wait_for_selector("#why .heat, #why svg")
    assert page.evaluate("window.evil === undefined")


def test_errors_and_slow_answers_are_said(page: Any, address: str) -> None:
    page.fill("#query", "agent=")
    page.press("#query", "Enter")
    page.wait_for_selector("#problem:not([hidden])")
    assert "role=phrase" in page.text_content("#problem")
    shoot(page, "error")
    held: list[Any] = []
    page.route("**/api/search*", lambda route: held.append(route))
    page.fill("#query", "a dog")
    page.press("#query", "Enter")
    assert page.locator(".skeleton").count() == 6
    until(page, "document.querySelector('#status').textContent.startsWith('Still searching')")
    shoot(page, "slow")
    held[0].abort()
    page.wait_for_selector("#problem:not([hidden])")
    assert "does not answer" in page.text_content("#problem")
    page.unroute("**/api/search*")
    page.fill("#query", "")
    page.wait_for_selector("#empty:not([hidden])")
    assert page.locator("#problem").is_hidden()


def test_keyboard_alone(page: Any) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("/")
    page.keyboard.type(QUERY)
    page.keyboard.press("Enter")
    page.wait_for_selector(".card")
    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate(
                "document.activeElement.getAttribute('class') + '|' + (document.activeElement.dataset.node || '')"
            )
        )
    assert any(one.startswith("screen") for one in seen)
    assert any(one.startswith("node") for one in seen)
    assert any(one.endswith("|entity-0") for one in seen)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_accessible_on_every_screen(browser: Any, address: str, scheme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="make test-web installs axe")
    context = browser.new_context(viewport={"width": width, "height": 780}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.set_default_timeout(WAIT)
    page.goto(address)
    page.wait_for_selector("#examples button")
    ask(page)
    page.wait_for_selector("#picture svg")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shoot(page, f"{scheme}-{width}")
    page.locator("button", has_text="Why this clip").first.click()
    page.wait_for_selector("#why svg")
    found = axe.Axe().run(page).response["violations"]
    wrong = [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found if one["impact"] in SERIOUS]
    page.keyboard.press("Escape")
    found = axe.Axe().run(page).response["violations"]
    wrong += [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found if one["impact"] in SERIOUS]
    assert wrong == []
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_results_in_a_notebook(browser: Any, made: SimpleNamespace, scheme: str) -> None:
    page = browser.new_page(viewport={"width": 900, "height": 700}, color_scheme=scheme)
    wrong: list[str] = []
    page.on("request", lambda request: wrong.append(request.url) if not request.url.startswith("data:") else None)
    ground = "#111;color:#eee" if scheme == "dark" else "#fff"
    text = Index.open(made.index).search(QUERY)._repr_html_()
    page.set_content(f'<!doctype html><body style="background:{ground}">{text}')
    until(page, "[...document.querySelectorAll('figure img')].filter(one => one.naturalWidth > 0).length === 6")
    assert page.evaluate("window.evil === undefined")
    assert page.evaluate("document.documentElement.scrollWidth") <= 900
    ground = "getComputedStyle(document.querySelector('svg .ground')).fill"  # what the roles' names stand on
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    assert wrong == []
    shoot(page, f"notebook-{scheme}")
    page.close()


def test_the_index_goes_while_the_page_is_open(browser: Any, made: SimpleNamespace, tmp_path: Path) -> None:
    from graphvtr.serve.listening import make_server

    shutil.copytree(made.index, tmp_path / "index")
    index = Index.open(tmp_path / "index")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = make_server(create_app(index, Limits(rate=0)), port=port)
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    page = browser.new_page()
    page.set_default_timeout(WAIT)
    page.goto(f"http://127.0.0.1:{port}/")
    page.wait_for_selector("#examples button")
    shutil.rmtree(tmp_path / "index")
    page.fill("#query", QUERY)
    page.press("#query", "Enter")
    page.wait_for_selector("#problem:not([hidden])")
    assert "not an index any more" in page.text_content("#problem")
    page.close()
    server.should_exit = True
