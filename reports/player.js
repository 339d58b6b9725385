// Fronts as they grow. Draws what the JSON beside it holds; without scripts the page shows the same runs as pictures.
"use strict";
for (const host of document.querySelectorAll(".player")) {
  const data = JSON.parse(host.querySelector("script").textContent);
  const SVG = "http://www.w3.org/2000/svg", STEPS = 240, SECONDS = 12, LINEAR = 0.05;
  const GREY = "#5f6b76", INK = "#222222", PALE = "#d5dade";
  const shown = new Set(data.tasks[0].methods.map((one) => one.name));
  let task = data.tasks[0], playing = 0;

  const make = (tag, parent, attributes = {}, text = "") => {
    const one = ["svg", "g", "path", "text", "line", "rect", "clipPath"].includes(tag)
      ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
    if (text) one.textContent = text;
    parent.append(one);
    return one;
  };
  const number = (value, digits = 0) => value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

  const top = make("div", host, { class: "choices" });
  if (data.tasks.length > 1) {
    const group = make("div", top, { role: "radiogroup", "aria-label": "task" });
    data.tasks.forEach((one, i) => {
      const label = make("label", group);
      const box = make("input", label, { type: "radio", name: `${host.id}-task`, value: i });
      box.checked = i === 0;
      box.addEventListener("change", () => { task = one; draw(); });
      label.append(` ${one.label}`);
    });
  }
  const methods = make("div", top, { role: "group", "aria-label": "methods" });
  task.methods.forEach((one, place) => {
    const label = make("label", methods);
    const box = make("input", label, { type: "checkbox" });
    box.checked = true;
    box.addEventListener("change", () => { if (box.checked) shown.add(one.name); else shown.delete(one.name); draw(); });
    const key = make("svg", label, { width: 18, height: 14, viewBox: "-9 -7 18 14", role: "img", "aria-label": `marker of ${one.name} in the picture` });
    make("path", key, { d: marker(place, 0, 0, 4.5), fill: one.colour });
    label.append(` ${one.name}`);
  });
  const chart = make("div", host);
  const controls = make("div", host, { class: "controls" });
  const button = make("button", controls, { type: "button" }, "Play");
  const slider = make("input", controls, { type: "range", min: 0, max: STEPS, step: 1, "aria-label": "how far the search has got" });
  const told = make("output", controls);
  const readings = make("p", host, { class: "readings" });

  function marker(place, x, y, r) {
    const p = (...parts) => parts.map(([dx, dy]) => `${(x + r * dx).toFixed(1)} ${(y + r * dy).toFixed(1)}`).join("L");
    if (place % 4 === 1) return `M${p([-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9])}Z`;
    if (place % 4 === 2) return `M${p([0, -1.15], [1.1, 0.85], [-1.1, 0.85])}Z`;
    if (place % 4 === 3) return `M${p([0, -1.25], [1.1, 0], [0, 1.25], [-1.1, 0])}Z`;
    return `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
  }
  const when = () => {
    const at = task.first * (task.last / task.first) ** (slider.value / STEPS);
    return task.unit === "evaluations" ? Math.round(at) : at;
  };
  const alive = (method, at) => method.rows.filter((row) => row[0] <= at && (row[4] < 0 || row[4] > at)).sort((a, b) => a[1] - b[1]);
  const least = (points, cost) => {
    let best = Infinity;
    for (const point of points) if (point[0] <= cost && point[1] < best) best = point[1];
    return best;
  };
  const nice = (low, high, count) => {
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((one) => one * power >= rough);
    const found = [];
    for (let v = Math.ceil(low / step) * step; v <= high * (1 + 1e-9); v += step) found.push(v);
    return found;
  };

  function panel(svg, box, xs, ys, label, title) {
    const id = `${host.id}-${title.replace(/\W/g, "")}`;
    make("rect", make("clipPath", svg, { id }), { x: box.x, y: box.y - 5, width: box.w + 5, height: box.h + 10 });
    make("text", svg, { x: box.x, y: box.y - 12, fill: INK, "font-size": 13, "font-weight": 600 }, title);
    for (const v of ys.ticks) {
      make("line", svg, { x1: box.x, x2: box.x + box.w, y1: ys.at(v), y2: ys.at(v), stroke: PALE });
      make("text", svg, { x: box.x - 6, y: ys.at(v) + 4, "text-anchor": "end", fill: INK, "font-size": 12 }, `${+v.toPrecision(3)}`);
    }
    for (const v of xs.ticks) {
      make("line", svg, { x1: xs.at(v), x2: xs.at(v), y1: box.y + box.h, y2: box.y + box.h + 4, stroke: GREY });
      make("text", svg, { x: xs.at(v), y: box.y + box.h + 18, "text-anchor": "middle", fill: INK, "font-size": 12 }, number(v, v < 5 && v % 1 ? 1 : 0));
    }
    make("line", svg, { x1: box.x, x2: box.x + box.w, y1: box.y + box.h, y2: box.y + box.h, stroke: GREY });
    make("text", svg, { x: box.x + box.w, y: box.y + box.h + 36, "text-anchor": "end", fill: INK, "font-size": 12 }, task.x);
    make("text", svg, { transform: `translate(${box.x - 42} ${box.y + box.h / 2}) rotate(-90)`, "text-anchor": "middle", fill: INK, "font-size": 12 }, label);
    return make("g", svg, { "clip-path": `url(#${id})`, fill: "none" });
  }
  const steps = (points, xs, ys, end) => points.map(([x, y], i) => `${i ? "H" : "M"}${xs.at(x).toFixed(1)}${i ? "V" : " "}${ys.at(y).toFixed(1)}`).join("") + `H${xs.at(end).toFixed(1)}`;

  function draw() {
    const at = when(), width = Math.max(280, chart.clientWidth), side = width >= 680;
    const w = side ? (width - 150) / 2 : width - 70, h = side ? 300 : 250, height = side ? h + 80 : 2 * h + 150;
    const boxes = [{ x: 56, y: 28, w, h }, side ? { x: w + 130, y: 28, w, h } : { x: 56, y: h + 108, w, h }];
    const low = task.front[0][0], high = task.front[task.front.length - 1][0];
    const errors = task.front.map((one) => one[1]), floor = Math.min(...errors) * 0.97, ceiling = Math.max(...errors) * 1.1;
    const xs = boxes.map((box) => ({ at: (v) => box.x + (box.w * (v - low)) / (high - low), ticks: nice(low, high, 4) }));
    const log = { at: (v) => boxes[0].y + boxes[0].h * (1 - Math.log(v / floor) / Math.log(ceiling / floor)), ticks: [] };
    for (let power = 1e-3; power < 1e4; power *= 10) for (const one of [1, 2, 3, 5, 7]) if (one * power >= floor && one * power <= ceiling) log.ticks.push(one * power);
    const bent = (v) => (v <= LINEAR ? (0.6 * v) / LINEAR : 0.6 + Math.log10(v / LINEAR));
    const above = { at: (v) => boxes[1].y + boxes[1].h * (1 - bent(Math.min(v, 40)) / bent(20)), ticks: [0, 0.1, 1, 10] };

    chart.replaceChildren();
    const svg = make("svg", chart, { viewBox: `0 0 ${width} ${height}`, width, height, role: "img" });
    const left = panel(svg, boxes[0], xs[0], log, task.y, "The front");
    const right = panel(svg, boxes[1], xs[1], above, "points of error", "Above the true front");
    make("path", left, { d: steps(task.front, xs[0], log, high), stroke: PALE, "stroke-width": 6, "stroke-linejoin": "round" });
    const lines = [];
    task.methods.forEach((method, place) => {
      if (!shown.has(method.name)) return;
      const points = alive(method, at), stairs = points.map((row) => [row[1], row[2]]);
      make("path", left, { d: points.map((row) => marker(place, xs[0].at(row[1]), log.at(row[2]), 3)).join(""), stroke: method.colour, "stroke-width": 1.2 });
      const costs = [...new Set([...task.front, ...stairs].map((one) => one[0]))].filter((v) => v <= high).sort((a, b) => a - b);
      const gaps = costs.map((cost) => [cost, Math.max(0, least(stairs, cost) - least(task.front, cost))]).filter((one) => Number.isFinite(one[1]));
      if (gaps.length) make("path", right, { d: steps(gaps, xs[1], above, high), stroke: method.colour, "stroke-width": 1.8, "stroke-dasharray": ["", "7 2", "2 2", "7 2 2 2"][place % 4] });
      const seen = method.rows.filter((row) => row[0] <= at), volume = seen.length ? seen[seen.length - 1][3] : 0;
      const on = points.filter((row) => row[5]).length;
      lines.push(`${method.name}: hypervolume ${number(volume, 2)}, ${on} of ${task.front.length} points of the true front`);
    });
    const time = task.unit === "evaluations" ? `${number(at)} evaluation${at === 1 ? "" : "s"}` : `${number(at, 1)} h`;
    told.textContent = time;
    slider.setAttribute("aria-valuetext", time);
    readings.textContent = `${task.label} after ${time}. ${lines.join("; ")}. The true front: ${number(task.best, 2)}.`;
    svg.setAttribute("aria-label", `Fronts and their error above the true front. ${readings.textContent}`);
  }
  function play(started, from) {
    playing = setInterval(() => {
      slider.value = Math.min(STEPS, from + ((performance.now() - started) / 1000 / SECONDS) * STEPS);
      draw();
      if (+slider.value >= STEPS) stop();
    }, 40);
  }
  function stop() { clearInterval(playing); playing = 0; button.textContent = "Play"; }
  button.addEventListener("click", () => {
    if (playing) return stop();
    if (+slider.value >= STEPS) slider.value = 0;
    button.textContent = "Pause";
    play(performance.now(), +slider.value);
  });
  slider.addEventListener("input", () => { stop(); draw(); });
  addEventListener("resize", draw);
  host.hidden = false;
  host.nextElementSibling.hidden = false;
  slider.value = Math.round(STEPS * (1 - Math.log(12) / Math.log(task.last / task.first)));
  draw();
}
