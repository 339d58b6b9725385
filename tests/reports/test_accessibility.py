"""The page in a headless browser: contrast as painted, descriptions, headers, and no sideways scrolling on a phone."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import reports
from reports.compare import compare

SCRIPT = Path(__file__).with_name("accessibility.js").read_text("utf-8")


def in_browser(
    page: str, folder: Path, width: int, ending: str = f"<script>{SCRIPT}</script></body>"
) -> dict[str, Any]:
    """What the checker (or another script) finds on a page in a window of that width, left in ``#findings``."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("needs chromium, to look at the page as a reader does")
    file = folder / f"checked-{width}.html"
    # In a frame of that width, since a browser's window has a least one.
    inner = folder / "page.html"
    inner.write_text(page.replace("</body>", ending), "utf-8")
    file.write_text(
        f'<body style="margin:0"><iframe id=f src=page.html style="border:0;width:{width}px;height:2000px"></iframe>'
        "<script>const look = () => { const found = f.contentDocument.getElementById('findings');"
        "if (found) document.body.append(found); else setTimeout(look, 50); }; f.onload = look;</script>"
    )
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
         f"--user-data-dir={folder / 'profile'}", "--window-size=1300,2100", "--hide-scrollbars",
         "--virtual-time-budget=20000", "--dump-dom", file.as_uri()],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    told = re.search(r'<pre id="findings">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told, done.stderr[-500:]
    found: dict[str, Any] = json.loads(html.unescape(told.group(1)))
    assert found["width"] == width
    return found


@pytest.mark.parametrize("width", [1200, 390])
def test_the_page_passes(made: tuple[Path, reports.Report], tmp_path: Path, width: int) -> None:
    found = in_browser(made[1].page.read_text("utf-8"), tmp_path, width)
    assert found["findings"] == []
    assert found["texts"] > 500


def test_the_comparing_page_passes(made: tuple[Path, reports.Report], tmp_path: Path) -> None:
    page = compare(made[0], made[0], tmp_path / "out").page
    assert in_browser(page.read_text("utf-8"), tmp_path, 390)["findings"] == []


def test_the_checker_finds_what_is_wrong(tmp_path: Path) -> None:
    wrong = (
        "<!DOCTYPE html><html><head><title>x</title></head><body><main><h1>a</h1><h3>b</h3>"
        '<p style="color:#999">too pale to read</p><p style="color:#767676">just dark enough</p>'
        '<div style="background:#005ea2;color:#fff">fine</div><svg role="img"></svg><a href="#none">nowhere</a>'
        '<svg role="img" aria-label="a dark square with dark text" width="90" height="30"><rect width="90" height="30" '
        'fill="#224466"/><text x="5" y="20" fill="#333">dark on dark</text></svg>'
        "<table><tr><th>x</th></tr></table><div style='width:3000px'>wide</div></main></body></html>"
    )
    found = " | ".join(in_browser(wrong, tmp_path, 800)["findings"])
    for what in ("too pale", "dark on dark", "no language", "level skipped", "no description", "nowhere", "caption",
                 "without scope", "sideways"):  # fmt: skip
        assert what in found, (what, found)
    assert "just dark" not in found
    assert "fine" not in found
