// Measures what a reader of the report sees. It evaluates to an object of the
// test's type "measurements".
(() => {
  const visible = e => e.checkVisibility({ contentVisibilityAuto: true, opacityProperty: true, visibilityProperty: true });

  // WCAG 2.2's relative luminance and contrast.
  const parse = color => {
    const m = color.match(/^rgba?\(([\d.]+), ([\d.]+), ([\d.]+)(?:, ([\d.]+))?\)$/);
    if (!m) throw new Error("color " + color);
    return { rgb: m.slice(1, 4).map(Number), alpha: m[4] === undefined ? 1 : Number(m[4]) };
  };
  const luminance = rgb => {
    const [r, g, b] = rgb.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const opaque = color => {
    const c = parse(color);
    if (c.alpha !== 1) throw new Error("translucent " + color);
    return c.rgb;
  };
  const background = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.alpha === 1) return c.rgb;
      if (c.alpha !== 0) throw new Error("translucent background of " + e.tagName);
    }
    throw new Error("no background");
  };

  // Text: its contrast, and whether it stays in the window or a scrolling box.
  let worst = Infinity, worstText = "";
  const escaped = [], cut = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode, e = text.parentElement;
    if (!text.data.trim() || e.tagName === "title" || !visible(e)) continue;
    const style = getComputedStyle(e);
    const got = contrast(opaque(e instanceof SVGElement ? style.fill : style.color), background(e));
    if (got < worst) [worst, worstText] = [got, text.data.trim().slice(0, 80)];
    const range = document.createRange();
    range.selectNodeContents(text);
    const box = range.getBoundingClientRect(), scroller = e.closest(".console, .scroll");
    const [left, right] = scroller
      ? [scroller.getBoundingClientRect().left, scroller.getBoundingClientRect().left + Math.max(scroller.scrollWidth, scroller.clientWidth)]
      : [0, document.documentElement.clientWidth];
    const clipped = e.closest("thead") && getComputedStyle(e.closest("thead")).position === "absolute";
    if (!clipped && box.width > 0 && (box.left < left - 1 || box.right > right + 1)) 
      (e.closest("svg svg") ? cut : escaped).push(text.data.trim().slice(0, 80));
  }

  const charts = [...document.querySelectorAll(".chart")].filter(visible);
  const markers = charts.flatMap(chart => [...chart.querySelectorAll("use")]).filter(m => m.getBoundingClientRect().width > 0);
  const known = ["p", "h1", "h2", "main", "header", "section", "footer", "div", "span", "strong", "small", "dl", "dt", "dd", "ol", "li",
    "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "pre", "html", "head", "meta", "title", "style", "body",
    "svg", "defs", "g", "path", "circle", "rect", "line", "text", "tspan", "use"];
  const attributes = e => [...e.attributes].filter(a => /^(on|style$|src)/.test(a.name) || a.name === "href" && !/^#\w+$/.test(a.value));
  return {
    Title: document.title,
    Headline: document.querySelector("h1").textContent,
    Header: document.querySelector("header").innerText,
    Unexpected: [...document.querySelectorAll("*")].filter(e => !known.includes(e.tagName.toLowerCase()) || attributes(e).length).map(e => e.outerHTML.slice(0, 120)),
    Markers: markers.length,
    Charts: charts.length,
    Overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    Escaped: escaped,
    Cut: cut,
    Worst: worst,
    WorstText: worstText,
    WorstMarker: Math.min(21, ...markers.map(m => contrast(opaque(getComputedStyle(m).fill), background(m.closest("div"))))),
    Color: opaque(getComputedStyle(document.querySelector("h1")).color),
    Background: background(document.body),
    Console: [...document.querySelectorAll(".console pre")].filter(visible).map(e => e.innerText).join("\n"),
  };
})()
