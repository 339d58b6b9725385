// Checks a page from inside a browser and leaves what it finds as JSON in <pre id="findings">.
// Contrast is that of WCAG 2.1: 4.5 to 1, or 3 to 1 for large text; backgrounds are what is really painted below.
(() => {
  const findings = [];
  const found = (what, element) => findings.push(`${what}: ${(element.textContent || element.outerHTML).trim().slice(0, 60)}`);
  const all = (selector) => [...document.querySelectorAll(selector)];
  all("details").forEach((one) => { one.open = true; });

  const parse = (text) => {
    const parts = (text.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
    return { rgb: parts.slice(0, 3), alpha: text === "none" || text === "transparent" ? 0 : parts.length > 3 ? parts[3] : 1 };
  };
  const over = (top, below) => top.rgb.map((value, i) => value * top.alpha + below[i] * (1 - top.alpha));
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, two) => {
    const [light, dark] = [luminance(one), luminance(two)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const painted = (element) => {  // colour below a text, from what lies under its middle
    element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
    const box = element.getBoundingClientRect();
    const hits = document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    let colour = [255, 255, 255];
    for (const hit of hits.reverse()) {
      if ((hit !== element && element.contains(hit)) || ["text", "tspan", "use"].includes(hit.tagName)) continue;
      const style = getComputedStyle(hit);
      const shape = hit instanceof SVGElement && hit.tagName !== "svg";
      const paint = parse(shape ? style.fill : style.backgroundColor);
      paint.alpha *= Number(style.opacity) * (shape ? Number(style.fillOpacity) : 1);
      colour = over(paint, colour);
    }
    return colour;
  };
  let texts = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const elements = new Set();
  while (walker.nextNode()) if (walker.currentNode.data.trim()) elements.add(walker.currentNode.parentElement);
  for (const element of elements) {
    if (["STYLE", "SCRIPT"].includes(element.tagName) || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const svg = element instanceof SVGElement;
    const ink = parse(svg ? style.fill : style.color);
    ink.alpha *= Number(style.opacity);
    const below = painted(element);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = contrast(over(ink, below), below);
    texts += 1;
    if (ratio < (large ? 3 : 4.5) - 0.005) found(`contrast ${ratio.toFixed(2)}`, element);
  }

  if (!document.documentElement.lang) findings.push("no language");
  if (!document.title) findings.push("no title");
  if (!document.querySelector("main")) findings.push("no main landmark");
  if (all("h1").length !== 1) findings.push("not one h1");
  all("h1, h2, h3, h4").reduce((before, one) => {
    const level = Number(one.tagName[1]);
    if (level > before + 1) found("heading level skipped", one);
    return level;
  }, 0);
  all("svg, img").forEach((one) => {
    if ((one.getAttribute("aria-label") || one.getAttribute("alt") || "").length < 20) found("no description", one);
    if (one.tagName === "svg" && one.getAttribute("role") !== "img") found("no role", one);
  });
  all("table").forEach((one) => {
    if (!one.caption || !one.caption.textContent.trim()) found("table without caption", one);
    if (!one.querySelector("thead th[scope=col]")) found("table without column headers", one);
    one.querySelectorAll("th:not([scope])").forEach((cell) => found("header without scope", cell));
    one.querySelectorAll("tbody tr").forEach((row) => { if (!row.querySelector("th[scope=row]")) found("row without header", row); });
    const columns = [...one.querySelectorAll("thead tr:last-child > *")].length;
    one.querySelectorAll("tbody tr").forEach((row) => { if (row.children.length !== columns) found("row of other length", row); });
  });
  all("a").forEach((one) => {
    if (!(one.getAttribute("aria-label") || one.textContent).trim()) found("link without name", one);
    if (one.hash && !document.querySelector(one.hash)) found("link to nowhere", one);
  });
  all("[tabindex]").forEach((one) => { if (!one.getAttribute("aria-label")) found("focusable without name", one); });
  all("details").forEach((one) => { if (!one.querySelector("summary")) found("details without summary", one); });
  const ids = all("[id]").map((one) => one.id);
  new Set(ids.filter((id, i) => ids.indexOf(id) !== i)).forEach((id) => findings.push(`id twice: ${id}`));
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) findings.push(`the page scrolls sideways by ${wide} px`);

  const report = document.createElement("pre");
  report.id = "findings";
  report.textContent = JSON.stringify({ findings, texts, width: window.innerWidth });
  document.body.append(report);
})();
