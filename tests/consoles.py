"""What holds for every console: nothing from elsewhere, nothing inline, no markup of others' words, texts to read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from node.console import pages
from tests.browser import Visit

SHARED_FOLDER = Path(pages.__file__).parent


def written(folder: Path, kinds: Iterable[str]) -> str:
    """All files of these kinds that a console in this folder serves, one after the other."""
    files = [path for each in (folder, SHARED_FOLDER) for path in sorted(each.iterdir())]
    return "\n".join(path.read_text(encoding="utf-8") for path in files if path.suffix in kinds)


def check_files(folder: Path) -> None:
    """Assert what a strict policy needs, and what keeps words from becoming markup."""
    urls = re.findall(r"(?:https?:)?//[a-z][^\s\"'`]*", written(folder, {".html", ".css", ".js", ".svg"}))
    assert [url for url in urls if not url.startswith("http://www.w3.org/")] == []
    page = (folder / pages.PAGE).read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page)
    assert re.findall(r"<script([^>]*)>([^<]*)", page) == [(' type="module" src="console/console.js"', "")]
    scripts = written(folder, {".js"})
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", scripts)
    assert scripts.count('el("table"') == scripts.count('el("caption"') > 0
    heads = re.findall(r'el\("th", \{[^}]*', scripts)
    assert heads
    assert all("scope:" in head for head in heads)


async def small_texts(visit: Visit) -> list[str]:
    """Visible texts whose contrast with what is behind them is below 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    found = await visit.page.evaluate(_CONTRASTS)
    return [str(each) for each in found]


_CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const behind = (node) => {
    for (let each = node; each; each = each.parentElement) {
      const color = rgba(getComputedStyle(each).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const node of document.querySelectorAll("body *")) {
    const words = [...node.childNodes].map((child) => (child.nodeType === 3 ? child.data.trim() : "")).join("");
    if (!words || node.closest("svg, .sr, .skip, :disabled, noscript, option") || !node.checkVisibility()) continue;
    const [one, other] = [light(rgba(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    if (contrast < 4.5) weak.push(`${words.slice(0, 40)}: ${contrast.toFixed(2)}`);
  }
  return weak;
}"""
