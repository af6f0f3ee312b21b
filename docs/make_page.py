"""Take the pictures of docs/guides/serve.rst again: the page of an index in Chromium.

    graphvtr scenes --num-clips 2000 --render clips
    graphvtr extract clips/ --out features/
    graphvtr train graphvtr --data folder --root clips/ --store features/ --out run --epochs 8
    python docs/make_page.py run --query "an orange heart chases a little red ball on the sand" \\
        --clip clips/train-00001.mp4

Clips that are shown must be free to be shown: those of MovingScenes are. Needs what ``make test-web`` installs.
"""

from __future__ import annotations

import argparse
import threading
import time
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from graphvtr.search import index_of, open_index
from graphvtr.serve import Limits, create_app
from graphvtr.serve.listening import make_server
from graphvtr.serve.run import warm_up

IMAGES = Path(__file__).parent / "images"
WIDE, PHONE = {"width": 1200, "height": 1000}, {"width": 390, "height": 844}
MARGIN = 16


def ask(page: Any, query: str) -> None:
    """Type a sentence, and wait for the pictures of what it finds."""
    page.fill("#query", query)
    page.press("#query", "Enter")
    page.wait_for_selector("#grid[aria-busy=false]")
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(2500)


def save(page: Any, path: Path, until: str = "", part: str = "") -> None:
    """A picture of the page from its top to the end of an element, or of a part of it, in 256 colours."""
    if part:
        page.locator(part).screenshot(path=path)
    else:
        end = page.evaluate(f"window.scrollY + document.querySelector('{until}').getBoundingClientRect().bottom")
        area = {"x": 0, "y": 0, "width": page.viewport_size["width"], "height": end + MARGIN}
        page.screenshot(path=path, clip=area, full_page=True)
    picture = Image.open(path).convert("RGB")
    picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size // 1000} kB")


def why(page: Any, path: Path) -> None:
    """A picture of why the first clip was found."""
    page.locator("button", has_text="Why this clip").first.click()
    page.wait_for_selector("#why svg")
    page.wait_for_timeout(500)
    save(page, path, part="#why")
    page.keyboard.press("Escape")


def shoot(browser: Any, url: str, query: str, clip: Path, out: Path) -> None:
    """Every state of the page."""
    for name, size, scheme in (("results", WIDE, "light"), ("dark", WIDE, "dark"), ("phone", PHONE, "light")):
        page = browser.new_page(viewport=size, color_scheme=scheme, device_scale_factor=1 if size is WIDE else 1.5)
        page.goto(url)
        page.wait_for_selector("#examples button")
        if name == "results":
            save(page, out / "serve_empty.png", "footer")
        ask(page, query)
        if size is WIDE:
            page.locator(".card").first.locator(".phrases button").last.hover()
            page.wait_for_timeout(800)
        save(page, out / f"serve_{name}.png", ".card")
        why(page, out / ("serve_why.png" if name == "results" else f"serve_why_{name}.png"))
        if name == "results":
            page.check("input[value=clips]")
            page.set_input_files("#file", str(clip))
            page.wait_for_selector("#grid[aria-busy=false]")
            page.wait_for_timeout(2500)
            save(page, out / "serve_upload.png", ".card")
            page.fill("#query", "agent=circle action=")
            page.press("#query", "Enter")
            page.wait_for_selector("#problem:not([hidden])")
            save(page, out / "serve_error.png", "#problem")
        page.close()


def main() -> None:
    """Serve the index and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path, help="or a run")
    parser.add_argument("--query", required=True)
    parser.add_argument("--clip", type=Path, required=True, help="that is sent")
    parser.add_argument("--out", type=Path, default=IMAGES)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--browser", default="/usr/bin/chromium")
    args = parser.parse_args()
    index = open_index(index_of(args.index, progress=True))
    warm_up(index)
    server = make_server(create_app(index, Limits(rate=0)), port=args.port)
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=args.browser, args=["--no-sandbox"])
        shoot(browser, f"http://127.0.0.1:{args.port}/", args.query, args.clip, args.out)
        browser.close()
    server.should_exit = True


if __name__ == "__main__":
    main()
