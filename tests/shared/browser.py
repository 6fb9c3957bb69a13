"""Chromium, for tests that open a report page."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to open the page in")

# Moves the slider of epochs and gives the milliseconds until the picture is on the screen.
STEP = """async (k) => {
  const slider = document.getElementById('epoch');
  const started = performance.now();
  slider.value = k;
  slider.dispatchEvent(new Event('input'));
  // the picture is drawn in the next frame; after the second one it is on the screen
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - started;
}"""


@contextmanager
def launched() -> Iterator:
    """Give a headless browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def open_page(browser, path):
    """Give a page in a window of 1280 × 900, once it is ready."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]", timeout=120_000)
    return page
